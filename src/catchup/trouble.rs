//! Why a place could not be read.

use partyline_core::Failure;

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

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Platform(failure) => failure.fmt(f),
            Self::Ledger(error) => f.write_str(error),
            Self::Poison(poison) => poison.fmt(f),
        }
    }
}

impl From<LedgerError> for Trouble {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error.to_string())
    }
}
