//! The entries of the secondary trees.

use partyline_core::Contact;

/// The key of `meta` under which the number of contacts stands.
pub(super) const COUNT: &[u8] = b"count";

/// The key of `meta` under which the version of the trees stands.
pub(super) const VERSION: &[u8] = b"version";

/// How many words of a name can be found by.
const WORDS: usize = 8;

/// Between what is looked for and the contact's key.
const END: u8 = 0;

/// A text as the index has it: lower case, single spaces.
pub(super) fn lower(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.to_lowercase()
}

/// The entry of a contact under a text that is lower case already.
pub(super) fn entry(text: &str, key: &str) -> Vec<u8> {
    let mut entry = Vec::with_capacity(text.len() + 1 + key.len());
    entry.extend_from_slice(text.as_bytes());
    entry.push(END);
    entry.extend_from_slice(key.as_bytes());
    entry
}

/// The contact's key in an entry.
pub(super) fn key_of(entry: &[u8]) -> Option<Vec<u8>> {
    let end = entry.iter().rposition(|&byte| byte == END)?;
    Some(entry[end + 1..].to_vec())
}

/// The text in an entry.
pub(super) fn text_of(entry: &[u8]) -> Option<String> {
    let end = entry.iter().rposition(|&byte| byte == END)?;
    String::from_utf8(entry[..end].to_vec()).ok()
}

/// Where the entries under this text are over.
pub(super) fn after(text: &str) -> Vec<u8> {
    let mut end = text.as_bytes().to_vec();
    end.push(END + 1);
    end
}

/// The entries of a contact in `names`: its name from each word on.
pub(super) fn names(contact: &Contact) -> Vec<Vec<u8>> {
    let name = lower(&contact.name);
    std::iter::once(0)
        .chain(name.match_indices(' ').map(|(at, _)| at + 1))
        .take(WORDS)
        .map(|start| entry(&name[start..], &contact.key))
        .collect()
}

/// The entry of a contact in `teams`.
pub(super) fn team(contact: &Contact) -> Option<Vec<u8>> {
    contact.team.as_deref().map(|team| entry(&lower(team), &contact.key))
}

/// The number as it stands in `meta`.
pub(super) fn read_count(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_be_bytes)
}
