//! What the process asks of the system for itself: its descriptors, who may read its files, and
//! that its memory is not written to a disk.

use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use rlimit::{Resource, getrlimit, setrlimit};

/// Descriptors that the stores, the bridges' connections and the logs may need beside those of
/// the callers.
const OWN: u64 = 256;

/// Keeps the process's memory, secrets among it, out of core dumps.
pub fn keep_private() {
    if let Err(error) = setrlimit(Resource::CORE, 0, 0) {
        tracing::warn!(%error, "core dumps could not be switched off: one would hold secrets");
    }
}

/// Makes a folder, with those above it, that only its owner can enter, whatever the modes of the
/// files in it; one that is there already is closed to others.
///
/// # Errors
/// It could not be made. That it cannot be closed to others is logged, no error: some file systems
/// know no modes.
pub fn private_folder(path: &Path) -> std::io::Result<()> {
    const OWNER_ONLY: u32 = 0o700;
    DirBuilder::new().recursive(true).mode(OWNER_ONLY).create(path)?;
    if let Err(error) = std::fs::set_permissions(path, Permissions::from_mode(OWNER_ONLY)) {
        tracing::warn!(folder = %path.display(), %error,
            "others on this machine may be able to read this folder: chmod 700 it");
    }
    Ok(())
}

/// How many of `wanted` connections the process can take at a time: it asks the system for as
/// many descriptors, and leaves itself some.
#[must_use]
pub fn connections(wanted: usize) -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::NOFILE) else { return wanted };
    let needed = (wanted as u64).saturating_add(OWN);
    let given = if soft >= needed {
        soft
    } else {
        let asked = needed.min(hard);
        setrlimit(Resource::NOFILE, asked, hard).map_or(soft, |()| asked)
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
    fn a_folder_is_its_owners_alone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("new/data");
        let mode = || std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777;
        private_folder(&folder).unwrap();
        assert_eq!(mode(), 0o700);
        std::fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        private_folder(&folder).unwrap();
        assert_eq!(mode(), 0o700);
    }

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
