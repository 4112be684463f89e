//! Somebody's data as a file: the rows in which an erasure would find them.

use partyline_core::Address;
use rusqlite::types::Value as Cell;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use serde_json::{Map, Value};

use super::super::{Ledger, LedgerError};
use super::find::{Key, Person};
use super::tables::{TABLES, Table};
use super::traces::Traces;
use crate::ledger::Sql;

/// How far somebody's data was read.
#[derive(Clone, Debug, Default)]
pub struct Told {
    table: usize,
    after: Option<Key>,
}

impl Ledger {
    /// A piece of what is kept of somebody, a JSON object a row with `what` it is, and from where to go
    /// on; `None` at the end.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn told_of(
        &self,
        traces: &Traces,
        from: Told,
    ) -> Result<(Vec<Value>, Option<Told>), LedgerError> {
        let traces = traces.clone();
        self.threads
            .read(move |connection| {
                let Some(table) = TABLES.get(from.table) else { return Ok((Vec::new(), None)) };
                let person = Person::of(connection, traces)?;
                let found = table.find(connection, &person, from.after.as_ref())?;
                let mut rows = Vec::with_capacity(found.keys.len());
                for key in &found.keys {
                    rows.extend(table.tell(connection, &person.traces.address, key)?);
                }
                let next = match found.next {
                    Some(after) => Told { after: Some(after), ..from },
                    None => Told { table: from.table + 1, after: None },
                };
                Ok((rows, Some(next).filter(|next| next.table < TABLES.len())))
            })
            .await
    }
}

impl Table {
    fn tell(&self, connection: &Connection, of: &Address, key: &Key) -> Sql<Option<Value>> {
        let sql = format!("SELECT {} FROM {} WHERE {}", self.shown, self.name, self.by_key());
        let mut select = connection.prepare_cached(&sql)?;
        let names: Vec<String> = select.column_names().into_iter().map(ToOwned::to_owned).collect();
        let row = select
            .query_row(params_from_iter(key), |row| {
                let mut told = Map::new();
                told.insert("what".to_owned(), self.what.into());
                for (at, name) in names.iter().enumerate() {
                    if let Some(value) = json(row.get(at)?) {
                        told.insert(name.clone(), value);
                    }
                }
                Ok(told)
            })
            .optional()?;
        Ok(row.map(|mut row| {
            if let Some(event) = row.get("event") {
                let own = is_own(&event["happening"], of);
                row.insert("own".to_owned(), own.into());
            }
            Value::Object(row)
        }))
    }
}

/// A cell as JSON; text that is JSON is shown as what it says.
fn json(cell: Cell) -> Option<Value> {
    match cell {
        Cell::Null | Cell::Blob(_) => None,
        Cell::Integer(number) => Some(number.into()),
        Cell::Real(number) => Some(number.into()),
        Cell::Text(text) => Some(match serde_json::from_str::<Value>(&text) {
            Ok(value @ Value::Object(_)) => value,
            _ => text.into(),
        }),
    }
}

/// Whether somebody did it themselves: said it, or wrote it to a sender.
fn is_own(happening: &Value, address: &Address) -> bool {
    let by = match happening["what"].as_str() {
        Some("wrote") => &happening["address"],
        _ => &happening["speaker"]["id"]["id"],
    };
    let by = by.as_str().and_then(|by| by.parse::<Address>().ok());
    by.is_some_and(|by| by.contact_key() == address.contact_key())
}
