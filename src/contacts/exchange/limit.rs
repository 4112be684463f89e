//! Reading within bounds.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use super::RECORD_LIMIT;

/// The longest first line, in bytes.
const FIRST_LIMIT: usize = 64 * 1024;

/// Reads on until there is a whole first line, or as much as any first line has.
pub(super) fn first_line(source: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut piece = [0; 4096];
    while head.len() < FIRST_LIMIT && !head.contains(&b'\n') {
        match source.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => head.extend_from_slice(&piece[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(head)
}

/// A reader that refuses to read more than [`RECORD_LIMIT`] for one record.
pub(super) struct Bounded<R> {
    source: R,
    left: Left,
}

/// What may still be read for the present record.
#[derive(Clone)]
pub(super) struct Left(Rc<Cell<usize>>);

impl Left {
    /// A record is over: the next one has the whole allowance.
    pub(super) fn renew(&self) {
        self.0.set(RECORD_LIMIT);
    }
}

impl<R: Read> Bounded<R> {
    pub(super) fn new(source: R) -> (Self, Left) {
        let left = Left(Rc::new(Cell::new(RECORD_LIMIT)));
        (Self { source, left: left.clone() }, left)
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.0.get();
        if left == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a record is longer than 1 MiB; is a quotation mark missing its partner?",
            ));
        }
        let most = buffer.len().min(left);
        let read = self.source.read(&mut buffer[..most])?;
        self.left.0.set(left - read);
        Ok(read)
    }
}
