//! Why a place could not be read.

use std::time::Duration;

use partyline_core::{Again, Failure, Lost, Verdict};

use crate::ledger::LedgerError;
use crate::poison::Poison;

/// Why a place could not be read.
pub(super) enum Trouble {
    /// The platform did not tell.
    Platform(Failure),
    /// The ledger did not take it, or could not be read.
    Ledger(String),
    /// The bridge fails on it.
    Poison(Poison),
}

impl Trouble {
    /// What is told where it stays like that. What was read and could not be stored is missing too.
    pub(super) fn lost(&self) -> Lost {
        let why = match self {
            Self::Platform(failure) => failure.sentence.clone(),
            Self::Poison(poison) => format!("Reading was given up: {poison}."),
            Self::Ledger(error) => format!("What was read could not be stored: {error}."),
        };
        Lost { why, again: Again::Yes }
    }

    /// Whether another try soon comes to the same.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Platform(failure) => failure.verdict == Verdict::Never,
            Self::Poison(poison) => *poison == Poison::Deadly,
            Self::Ledger(_) => false,
        }
    }

    /// How long the platform asked to wait.
    pub(super) fn wait(&self) -> Duration {
        match self {
            Self::Platform(Failure { verdict: Verdict::Later(Some(wait)), .. }) => *wait,
            _ => Duration::ZERO,
        }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Platform(failure) => failure.fmt(f),
            Self::Ledger(error) => write!(f, "what was read could not be stored: {error}"),
            Self::Poison(poison) => poison.fmt(f),
        }
    }
}

impl From<LedgerError> for Trouble {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error.to_string())
    }
}
