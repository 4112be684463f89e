//! How values stand in the columns of the ledger: JSON as text, times in milliseconds of the Unix epoch.

use jiff::Timestamp;
use serde::Serialize;

/// A JSON column. What this program wrote it can read: if not, the ledger is damaged there.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, rusqlite::Error> {
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}

/// The text of a JSON column.
pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, rusqlite::Error> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// The time of a column in milliseconds; 1970 where no time can be so late.
pub(super) fn timestamp(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}
