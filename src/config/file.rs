//! The file that a configuration stands in.

use std::io::Read;
use std::path::Path;

/// The largest configuration file, in bytes.
const FILE_LIMIT: u64 = 16 * 1024 * 1024;

/// The text of this file; or what is wrong with it, and what to do.
pub(super) fn read(path: &Path) -> Result<String, (String, String)> {
    let remedy = || {
        "Copy config/partyline.example.toml there and fill it in, or name another file with --config"
            .to_owned()
    };
    let cannot = |error: std::io::Error| (format!("it cannot be read: {error}"), remedy());
    let file = std::fs::File::open(path).map_err(cannot)?;
    let mut text = String::new();
    // What is no file (a pipe, a device) does not tell its length.
    let size = file.take(FILE_LIMIT + 1).read_to_string(&mut text).map_err(cannot)?;
    if size as u64 > FILE_LIMIT {
        return Err((
            format!("it holds more than {FILE_LIMIT} bytes, more than any configuration"),
            remedy(),
        ));
    }
    Ok(text)
}

/// Whether a configuration's text gives a secret itself, and not the file with it.
pub(super) fn holds_secrets(text: &str) -> bool {
    let key = |line: &str| line.split_once('=').map(|(key, _)| key.trim().to_owned());
    text.lines().filter_map(key).any(|key| {
        ["token", "secret", "password"].iter().any(|word| key.ends_with(word))
            && !key.starts_with('#')
    })
}
