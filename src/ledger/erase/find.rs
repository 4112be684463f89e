//! Finds the rows with somebody in them.

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, params_from_iter};

use super::super::suppressions::id_of;
use super::tables::{By, Table};
use super::traces::Traces;
use crate::ledger::Sql;

/// Rows that are read through in one piece, so that nobody waits long for a reader.
const PIECE: usize = 2000;

/// What a row is known by.
pub(super) type Key = Vec<Value>;

/// Rows of one piece of a table.
pub(super) struct Found {
    pub(super) keys: Vec<Key>,
    /// Behind which row the next piece begins; none at the end.
    pub(super) next: Option<Key>,
}

/// Somebody, with all by which the ledger knows them.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) traces: Traces,
    hash: String,
    /// As what they are in receipts: participants, and addresses.
    participants: Vec<String>,
}

impl Person {
    pub(super) fn of(connection: &Connection, traces: Traces) -> Sql<Self> {
        let mut participants = Vec::new();
        for form in traces.address.forms() {
            let sids = connection
                .prepare_cached(
                    "SELECT sid FROM participants WHERE address = ?1
                     UNION ALL SELECT sid FROM departed WHERE address = ?1",
                )?
                .query_map([form.as_str()], |row| row.get(0))?
                .collect::<Sql<Vec<String>>>()?;
            participants.extend(sids);
            participants.push(form.to_string());
        }
        let hash = id_of(connection, &traces.address)?;
        Ok(Self { traces, hash, participants })
    }

    /// What a column that says it exactly can hold.
    fn exactly(&self, by: By) -> Option<Vec<String>> {
        match by {
            By::Address => {
                Some(self.traces.address.forms().into_iter().map(String::from).collect())
            }
            By::Contact => Some(vec![self.traces.address.contact_key().to_owned()]),
            By::Hash => Some(vec![self.hash.clone()]),
            By::Participant | By::Number | By::Words => None,
        }
    }

    fn stands_in(&self, text: &str, by: By) -> bool {
        match by {
            By::Number => self.traces.number_in(text),
            By::Words => self.traces.named_in(text),
            By::Participant => self.participants.iter().any(|one| one == text),
            exact => self.exactly(exact).is_some_and(|all| all.iter().any(|one| one == text)),
        }
    }
}

impl Table {
    /// Whether receipts stand in it, which come whenever a platform has news.
    pub(super) fn is_of_receipts(&self) -> bool {
        self.columns.iter().any(|(_, by)| *by == By::Participant)
    }

    /// The rows with somebody in them, behind this one.
    pub(super) fn find(
        &self,
        connection: &Connection,
        person: &Person,
        after: Option<&Key>,
    ) -> Sql<Found> {
        let exact: Option<Vec<(&str, Vec<String>)>> =
            self.columns.iter().map(|(column, by)| Some((*column, person.exactly(*by)?))).collect();
        match exact {
            Some(exact) => self.look_up(connection, &exact),
            None => self.read_through(connection, person, after),
        }
    }

    /// By what whole columns say: by their indexes, where there are some.
    fn look_up(&self, connection: &Connection, exact: &[(&str, Vec<String>)]) -> Sql<Found> {
        let mut conditions = Vec::new();
        for (column, values) in exact {
            let marks = vec!["?"; values.len()].join(", ");
            conditions.push(format!("{column} IN ({marks})"));
        }
        let sql = format!(
            "SELECT {} FROM {} WHERE {}",
            self.key.join(", "),
            self.name,
            conditions.join(" OR ")
        );
        let values = exact.iter().flat_map(|(_, values)| values);
        let keys = connection
            .prepare_cached(&sql)?
            .query_map(params_from_iter(values), |row| {
                (0..self.key.len()).map(|column| row.get(column)).collect()
            })?
            .collect::<Sql<_>>()?;
        Ok(Found { keys, next: None })
    }

    fn read_through(
        &self,
        connection: &Connection,
        person: &Person,
        after: Option<&Key>,
    ) -> Sql<Found> {
        let (key, width) = (self.key.join(", "), self.key.len());
        let columns: Vec<&str> = self.columns.iter().map(|(column, _)| *column).collect();
        let behind = match after {
            Some(_) => format!("WHERE ({key}) > ({})", vec!["?"; width].join(", ")),
            None => String::new(),
        };
        let sql = format!(
            "SELECT {key}, {} FROM {} {behind} ORDER BY {key} LIMIT {PIECE}",
            columns.join(", "),
            self.name
        );
        let mut rows = connection.prepare_cached(&sql)?;
        let mut rows = rows.query(params_from_iter(after.into_iter().flatten()))?;
        let (mut keys, mut last, mut count) = (Vec::new(), None, 0);
        while let Some(row) = rows.next()? {
            let key: Key = (0..width).map(|column| row.get(column)).collect::<Sql<_>>()?;
            count += 1;
            for (at, (_, by)) in self.columns.iter().enumerate() {
                if text(row.get_ref(width + at)?).is_some_and(|text| person.stands_in(&text, *by)) {
                    keys.push(key.clone());
                    break;
                }
            }
            last = Some(key);
        }
        Ok(Found { keys, next: last.filter(|_| count == PIECE) })
    }

    /// The condition by which a row is found by its key.
    pub(super) fn by_key(&self) -> String {
        self.key.iter().map(|column| format!("{column} = ?")).collect::<Vec<_>>().join(" AND ")
    }
}

/// What can be read in a column.
fn text(value: ValueRef<'_>) -> Option<std::borrow::Cow<'_, str>> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes)),
        _ => None,
    }
}
