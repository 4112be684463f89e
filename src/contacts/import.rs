//! Taking contacts over from a file: what is new, what changes, what is wrong.
//!
//! The file is read on a thread of its own and taken over in steps, so that a million lines need
//! no more memory than a thousand. Each step is durable when it is counted; after a crash the same
//! file can be taken over again, and what is there already is the same.

mod tally;

use std::collections::HashMap;
use std::io::Read;
use std::ops::ControlFlow;

use jiff::Timestamp;
use partyline_core::Contact;
use rlibphonenumber::Region;
use tokio::sync::mpsc;

use super::exchange::{self, Draft, Format, Wrong};
use super::{ContactStore, StoreError};
use crate::policy::parse_address;
pub use tally::{Planned, Tally};

/// Records in a step.
const STEP: usize = 500;

/// How a file is taken over.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How it is written; without it, its beginning shows that.
    pub format: Option<Format>,
    /// Only say what would change.
    pub dry_run: bool,
    /// The region of numbers in national format.
    pub region: Option<Region>,
    /// The time that changed contacts get.
    pub now: Timestamp,
}

/// Why a file was not taken over to its end. What was counted before stands.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file as a whole cannot be read.
    #[error("The file cannot be taken over: {0}")]
    File(Wrong),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes a file over; after each step `progress` is told how far it is.
///
/// # Errors
/// The file as a whole cannot be read, or the store failed; giving the file again is right.
pub async fn import(
    store: &dyn ContactStore,
    source: impl Read + Send + 'static,
    rules: Rules,
    mut progress: impl FnMut(&Tally),
) -> Result<Tally, ImportError> {
    let (sender, mut steps) = mpsc::channel(2);
    let reading = tokio::task::spawn_blocking(move || read(rules.format, source, &sender));
    let mut tally = Tally::default();
    while let Some(step) = steps.recv().await {
        take(store, step, rules, &mut tally).await?;
        progress(&tally);
    }
    match reading.await {
        Ok(Ok(())) => Ok(tally),
        Ok(Err(wrong)) => Err(ImportError::File(wrong)),
        Err(error) => Err(ImportError::Store(StoreError::Failed(error.to_string()))),
    }
}

type Step = Vec<Result<Draft, Wrong>>;

fn read(
    format: Option<Format>,
    source: impl Read,
    steps: &mpsc::Sender<Step>,
) -> Result<(), Wrong> {
    let mut step = Vec::with_capacity(STEP);
    let read = exchange::read(format, source, |record| {
        step.push(record);
        if step.len() < STEP {
            return ControlFlow::Continue(());
        }
        let full = std::mem::replace(&mut step, Vec::with_capacity(STEP));
        match steps.blocking_send(full) {
            Ok(()) => ControlFlow::Continue(()),
            // Whoever wanted it has gone away.
            Err(_) => ControlFlow::Break(()),
        }
    });
    // Also what was read before the file broke off.
    let _ = steps.blocking_send(step);
    read
}

async fn take(
    store: &dyn ContactStore,
    step: Step,
    rules: Rules,
    tally: &mut Tally,
) -> Result<(), StoreError> {
    // In the order of the file: of several records about one number, the last one counts.
    let mut changed: HashMap<String, Contact> = HashMap::new();
    for record in step {
        let draft = match record {
            Ok(draft) => draft,
            Err(wrong) => {
                tally.fault(wrong);
                continue;
            }
        };
        for number in &draft.numbers {
            tally.read += 1;
            let address = match parse_address(number, rules.region) {
                Ok(address) => address,
                Err(error) => {
                    tally.fault(Wrong { line: draft.line, why: error.to_string() });
                    continue;
                }
            };
            let key = address.contact_key();
            let before = match changed.get(key) {
                Some(contact) => Some(contact.clone()),
                None => readable(store.get(key).await)?,
            };
            match merged(&draft, key, before.as_ref(), rules.now) {
                Err(why) => tally.fault(Wrong { line: draft.line, why }),
                Ok(after) if before.as_ref() == Some(&after) => tally.same += 1,
                Ok(after) => {
                    tally.change(draft.line, before.as_ref(), &after);
                    changed.insert(after.key.clone(), after);
                }
            }
        }
    }
    if !rules.dry_run && !changed.is_empty() {
        store.put(changed.into_values().collect()).await?;
    }
    Ok(())
}

/// A contact that cannot be read is replaced by what the file has of it.
fn readable(contact: Result<Option<Contact>, StoreError>) -> Result<Option<Contact>, StoreError> {
    match contact {
        Err(StoreError::Damaged { .. }) => Ok(None),
        other => other,
    }
}

/// The contact with what the file has of it: what the file leaves out stays as it was.
fn merged(
    draft: &Draft,
    key: &str,
    before: Option<&Contact>,
    now: Timestamp,
) -> Result<Contact, String> {
    let mut contact = before.cloned().unwrap_or_else(|| Contact {
        key: key.to_owned(),
        name: String::new(),
        team: None,
        picture: None,
        meta: std::collections::BTreeMap::new(),
        updated: now,
    });
    if !draft.name.is_empty() {
        contact.name.clone_from(&draft.name);
    }
    if contact.name.is_empty() {
        return Err("there is no name".to_owned());
    }
    contact.team = draft.team.clone().or(contact.team);
    contact.meta.extend(draft.meta.clone());
    if let Some(picture) = &draft.picture {
        match picture.parse::<url::Url>() {
            Ok(url) if matches!(url.scheme(), "http" | "https") => contact.picture = Some(url),
            _ => return Err("the picture is no address: write https://…".to_owned()),
        }
    }
    let contact = super::checked(contact).map_err(|error| error.to_string())?;
    Ok(match before {
        Some(before) if *before == contact => contact,
        _ => Contact { updated: now, ..contact },
    })
}

#[cfg(test)]
mod tests {
    use super::super::SledContacts;
    use super::tally::TOLD;
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn rules(dry_run: bool) -> Rules {
        Rules { format: None, dry_run, region: "US".parse().ok(), now: NOW }
    }

    fn store() -> (tempfile::TempDir, SledContacts) {
        let folder = tempfile::tempdir().unwrap();
        let store = SledContacts::open(&folder.path().join("contacts"), 1 << 20).unwrap();
        (folder, store)
    }

    async fn take_over(store: &SledContacts, file: &'static str, dry_run: bool) -> Tally {
        import(store, file.as_bytes(), rules(dry_run), |_| {}).await.unwrap()
    }

    #[tokio::test]
    async fn a_dry_run_says_what_would_change_and_changes_nothing() {
        let (_folder, store) = store();
        let before = "number,name,team,city\n(415) 555-0100,Maya,Sales,Lima\n+14155550101,Ben,,\n";
        assert_eq!(take_over(&store, before, false).await.new, 2);
        let after = "phone;name;email\n+14155550100;Maya Lopez;m@example.org\n4155550101;Ben;\n+1;Short;\n+14155550102;;\n+14155550103;Cho;\n+14155550103;Cho Park;\n";
        let dry = take_over(&store, after, true).await;
        assert_eq!((dry.read, dry.new, dry.changed, dry.same, dry.wrong), (6, 1, 2, 1, 2));
        assert_eq!(dry.faults[1], Wrong { line: 5, why: "there is no name".into() });
        assert!(dry.faults[0].why.contains("not a phone number"), "{:?}", dry.faults);
        assert_eq!((dry.changes[0].line, dry.changes[0].was.as_deref()), (2, Some("Maya")));
        assert_eq!(store.count().await.unwrap(), 2);

        assert_eq!(take_over(&store, after, false).await, dry);
        let maya = store.get("+14155550100").await.unwrap().unwrap();
        // What the second file left out is as it was.
        assert_eq!((maya.name.as_str(), maya.team.as_deref()), ("Maya Lopez", Some("Sales")));
        assert_eq!(maya.meta.into_keys().collect::<Vec<_>>(), ["city", "email"]);
        let cho = store.get("+14155550103").await.unwrap().unwrap();
        assert_eq!(cho.name, "Cho Park", "the last one counts");
        let again = take_over(&store, after, false).await;
        assert_eq!((again.new, again.changed), (0, 2), "{again:?}");
    }

    #[tokio::test]
    async fn a_file_that_breaks_off_keeps_what_was_read() {
        let (_folder, store) = store();
        let file = b"number,name\n+14155550100,Maya\n+14155550101,\"".to_vec();
        let file = std::io::Cursor::new([file, vec![b'x'; 2 << 20]].concat());
        let error = import(&store, file, rules(false), |_| {}).await.unwrap_err();
        assert!(error.to_string().contains("quotation mark"), "{error}");
        assert_eq!(store.count().await.unwrap(), 1);
    }

    #[tokio::test]
    async fn progress_is_told_at_each_step() {
        let (_folder, store) = store();
        let mut file = "number,name\n".to_owned();
        for number in 0..1200 {
            file.push_str(&format!("+1415555{number:04},Person {number}\n"));
        }
        let mut told = Vec::new();
        let source = std::io::Cursor::new(file);
        let tally = import(&store, source, rules(false), |tally| told.push(tally.read)).await;
        assert_eq!(told, [500, 1000, 1200]);
        let tally = tally.unwrap();
        assert_eq!((tally.new, tally.changes.len()), (1200, TOLD));
    }
}
