//! What the server and the simulator's owner share.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Options;
use super::outbox::Outbox;
use super::workspace::Workspace;

/// The workspace, behind its lock, and the way out of it.
pub(super) struct Shared {
    pub(super) options: Arc<Options>,
    pub(super) address: SocketAddr,
    pub(super) outbox: Outbox,
    workspace: Mutex<Workspace>,
}

impl Shared {
    pub(super) fn new(
        options: Arc<Options>,
        address: SocketAddr,
        outbox: Outbox,
        workspace: Workspace,
    ) -> Self {
        Self { options, address, outbox, workspace: Mutex::new(workspace) }
    }

    /// The workspace. Nothing that is done under this lock waits for anything.
    pub(super) fn workspace(&self) -> MutexGuard<'_, Workspace> {
        self.workspace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
