//! Secrets: under a key, in a file of their own, or a credential of systemd's.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::{Noted, Section};
use crate::config::fault::Origin;
use crate::config::forms;
use crate::config::tree::Node;

/// The longest secret that is read from a file, in bytes.
const SECRET_FILE_LIMIT: u64 = 64 * 1024;

impl Section<'_> {
    /// A secret: under its own key, or in the file that `key_file` names (one line break at its
    /// end is not part of it). What is in the environment goes before what is in the file; both
    /// in one place are a fault. Where there is neither, it is the credential of that name, if
    /// systemd handed one over. `check` must not repeat the secret in what it says.
    pub(in crate::config) fn secret(
        &mut self,
        keys: (&'static str, &'static str),
        remedy: &str,
        check: impl FnOnce(&str) -> Result<(), String>,
    ) -> Result<Option<SecretString>, Noted> {
        let (key, file_key) = keys;
        let from_env =
            |node: Option<&Node>| node.is_some_and(|node| matches!(node.at, Origin::Env(_)));
        let (here, there) = (self.left.get(key), self.left.get(file_key));
        if here.is_some() && there.is_some() {
            match (from_env(here), from_env(there)) {
                (true, false) => drop(self.left.remove(file_key)),
                (false, true) => drop(self.left.remove(key)),
                _ => {
                    self.take(key);
                    self.take(file_key);
                    return Err(self.fault(
                        key,
                        format!("both {key} and {file_key} are given"),
                        "Leave one of the two out",
                    ));
                }
            }
        }
        let file = self.text(file_key, "Write the path of a file that holds the secret")?;
        let (key, text) = match (self.text(key, remedy)?, file) {
            (Some(text), _) => (key, text),
            (None, None) => match self.credential(key) {
                Some(file) => (key, self.secret_file(key, &file)?),
                None => return Ok(None),
            },
            (None, Some(file)) => (file_key, self.secret_file(file_key, Path::new(&file))?),
        };
        forms::not_placeholder(&text)
            .and_then(|()| check(&text))
            .map(|()| Some(SecretString::from(text)))
            .map_err(|wrong| self.fault(key, wrong, remedy))
    }

    /// The credential for a key, where there is one.
    fn credential(&self, key: &str) -> Option<PathBuf> {
        let file = self.around.credentials?.join(format!("{}.{key}", self.path));
        file.is_file().then_some(file)
    }

    fn secret_file(&mut self, key: &str, file: &Path) -> Result<String, Noted> {
        let text = read_secret(file).map_err(|wrong| {
            self.fault(key, wrong, "Put the secret there, readable by this user")
        })?;
        if is_open(file) {
            self.around.warnings.push(format!(
                "Everybody on this machine may read the file of {}.{key}: chmod 600 it.",
                self.path
            ));
        }
        Ok(text)
    }

    /// A secret that must be there.
    pub(in crate::config) fn required_secret(
        &mut self,
        keys: (&'static str, &'static str),
        remedy: &str,
        check: impl FnOnce(&str) -> Result<(), String>,
    ) -> Result<SecretString, Noted> {
        self.secret(keys, remedy, check)?.ok_or_else(|| {
            self.fault(keys.0, format!("it is missing, and so is {}", keys.1), remedy)
        })
    }
}

/// Reads a secret's file. What is said does not repeat the path: it may be the secret itself, put
/// under the wrong key.
fn read_secret(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("the file it names cannot be read: {error}");
    let size = std::fs::metadata(path).map_err(cannot)?.len();
    if size > SECRET_FILE_LIMIT {
        return Err(format!("the file it names holds {size} bytes, which is no secret of ours"));
    }
    let text = std::fs::read_to_string(path).map_err(cannot)?;
    let secret = text.strip_suffix('\n').unwrap_or(&text);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    if secret.is_empty() {
        Err("the file it names is empty".to_owned())
    } else {
        Ok(secret.to_owned())
    }
}

/// Whether everybody on this machine may read or write a file or a folder.
pub(in crate::config) fn is_open(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o007 != 0)
}
