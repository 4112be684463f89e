//! What the process asks of the system for itself: its descriptors, who may read its files, and
//! that its memory is not written to a disk.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};

/// Descriptors that the stores, the bridges' connections and the logs may need beside those of
/// the callers.
const OWN: u64 = 256;

/// Makes everything that the process writes from now on its owner's alone (files 0600, folders
/// 0700), and keeps its memory, secrets among it, out of core dumps.
pub fn keep_private() {
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
    if let Err(error) = setrlimit(Resource::RLIMIT_CORE, 0, 0) {
        tracing::warn!(%error, "core dumps could not be switched off: one would hold secrets");
    }
}

/// How many of `wanted` connections the process can take at a time: it asks the system for as
/// many descriptors, and leaves itself some.
#[must_use]
pub fn connections(wanted: usize) -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return wanted };
    let needed = (wanted as u64).saturating_add(OWN);
    let given = if soft >= needed {
        soft
    } else {
        let asked = needed.min(hard);
        setrlimit(Resource::RLIMIT_NOFILE, asked, hard).map_or(soft, |()| asked)
    };
    let possible = shared(wanted, given);
    if possible < wanted {
        tracing::warn!(
            connections = possible,
            descriptors = given,
            "fewer connections than limits.connections are taken at a time: raise ulimit -n \
             (LimitNOFILE= in the systemd unit)"
        );
    }
    possible
}

/// How many connections that many descriptors allow: all but our own, and half of them at least.
fn shared(wanted: usize, descriptors: u64) -> usize {
    let theirs = descriptors.saturating_sub(OWN).max(descriptors / 2).max(1);
    usize::try_from(theirs).unwrap_or(usize::MAX).min(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemon_keeps_descriptors_for_itself() {
        for (wanted, descriptors, connections) in [
            (10_000, 65_536, 10_000),
            (10_000, 10_256, 10_000),
            (10_000, 1024, 768),
            (10_000, 64, 32),
            (10_000, 0, 1),
            (5, 1024, 5),
        ] {
            assert_eq!(shared(wanted, descriptors), connections, "{descriptors}");
        }
    }
}
