//! That no table is forgotten: neither in what is told of somebody, nor in what is erased.

use std::collections::BTreeSet;
use std::sync::Arc;

use partyline_core::{
    Address, Event, EventKey, Happening, MessageId, Place, ReceiptStatus, SystemClock,
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::super::{Entry, Ledger, LedgerError, Order, PendingCommand};
use super::tables::{By, TABLES};
use super::*;

/// Columns with text in which nobody on a phone stands, and why.
const OTHERS: &[(&str, &[&str], &str)] = &[
    ("meta", &["key", "value"], "of the ledger itself"),
    ("links", &["room", "conversation", "by"], "rooms, and who gives commands"),
    (
        "groups",
        &[
            "conversation",
            "unique_name",
            "name",
            "folded",
            "description",
            "created_by",
            "state",
            "rooms",
        ],
        "as Twilio shows it to all members: it is changed there",
    ),
    ("messages", &["message"], "ids of the platforms"),
    ("threads", &["thread"], "ids of the platforms"),
    ("roles", &["person", "role", "conversation", "by"], "who gives commands"),
    ("unnamed", &["conversation"], "a group"),
    ("receipts", &["message"], "ids of the platforms"),
    ("participants", &["conversation", "sid", "sender", "name", "status"], "the row goes"),
    ("departed", &["conversation", "sid", "sender", "name"], "the row goes"),
    ("strays", &["conversation", "message", "answer"], "the row goes"),
    ("profiles", &["name", "folded"], "the row goes"),
    ("windows", &["sender"], "the row goes"),
    ("held", &["sender", "conversation"], "the row goes"),
    ("codes", &["conversation", "sender", "sent"], "the row goes"),
    ("mutes", &["conversation", "by"], "the row goes"),
    ("removals", &["conversation", "sender"], "the row goes"),
    ("suppressions", &["how"], "a word of ours"),
    ("inbox", &["conversation", "thread", "owner"], "the row goes"),
    ("told", &["words", "sender", "conversation"], "the row goes"),
    ("inquiries", &["message"], "ids of the platforms"),
    ("logs", &["sender", "refusal"], "a number of ours, and Twilio's words about it"),
    ("blocks", &["id", "by"], "a hash, and who gives commands"),
    ("barred", &["id", "conversation", "sender"], "the row goes"),
    ("inbox_waiting", &["conversation"], "the row goes"),
    ("strangers", &["sender"], "the row goes"),
    ("recipients", &["template"], "an id of Twilio's"),
    (
        "broadcasts",
        &["answer", "room", "by", "template", "name", "shown", "stopped"],
        "a room, who gives commands, a template's name",
    ),
    (
        "schedules",
        &["id", "room", "by", "name", "answer", "rule"],
        "who gives commands; where it names somebody, the row goes",
    ),
    ("invitations", &["conversation"], "a group"),
    ("alerts", &["alert"], "a word of ours"),
    ("operations", &["step"], "a word of ours"),
    ("deliveries", &["reason", "mark"], "a word of ours, and a hash"),
    ("ticks", &["tick", "shown", "handle"], "words of ours, and ids of the platforms"),
    ("places", &["last", "hole_last", "deadly"], "ids of the platforms, and our version"),
    ("events", &["network", "key", "via"], "words of ours, and ids of the platforms"),
    ("answers", &["ended"], "a word of ours"),
    ("audit", &["by", "name", "place", "what", "conversation", "ended"], "who gives commands"),
    ("unparsed", &["network", "via"], "words of ours"),
];

fn ledger() -> (TempDir, Ledger) {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::open(&path, Arc::new(SystemClock)).expect("a ledger");
    (folder, ledger)
}

/// A table, with its columns and their types.
type Shape = (String, Vec<(String, String)>);

/// The tables.
fn schema(connection: &Connection) -> Result<Vec<Shape>, rusqlite::Error> {
    let mut names = connection.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    )?;
    let names = names.query_map([], |row| row.get::<_, String>(0))?;
    let mut all = Vec::new();
    for name in names {
        let name = name?;
        let mut columns = connection.prepare("SELECT name, type FROM pragma_table_info(?1)")?;
        let columns = columns
            .query_map([&name], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        all.push((name, columns));
    }
    Ok(all)
}

fn is_listed(table: &str, column: &str) -> bool {
    let listed = TABLES.iter().filter(|one| one.name == table).any(|one| {
        let word = |expression: &str| {
            expression.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == column)
        };
        one.columns.iter().any(|(expression, _)| word(expression))
    });
    let other = OTHERS.iter().any(|(name, columns, _)| *name == table && columns.contains(&column));
    assert!(!(listed && other), "{table}.{column} is in both lists");
    listed || other
}

#[tokio::test]
async fn every_column_with_text_is_in_the_list_of_people_or_has_a_reason() {
    let (_folder, ledger) = ledger();
    let tables = ledger.threads.read(schema).await.expect("read");
    let mut forgotten = Vec::new();
    for (table, columns) in &tables {
        for (column, kind) in columns {
            if kind != "INTEGER" && !is_listed(table, column) {
                forgotten.push(format!("{table}.{column}"));
            }
        }
    }
    assert_eq!(forgotten, Vec::<String>::new(), "where can people stand in these?");
    let known: BTreeSet<&str> = tables.iter().map(|(name, _)| name.as_str()).collect();
    let named = TABLES.iter().map(|one| one.name).chain(OTHERS.iter().map(|(name, ..)| *name));
    assert_eq!(named.filter(|name| !known.contains(name)).count(), 0, "one that is gone");
}

const ADDRESS: &str = "whatsapp:+14155550101";
const NAME: &str = "Maya Quetzal";

/// A row in each table of the list, with somebody wherever they can stand; and one with somebody else.
fn fill(connection: &Connection, hash: &str) -> Result<(), rusqlite::Error> {
    connection.pragma_update(None, "foreign_keys", false)?;
    for (table, columns) in schema(connection)? {
        let Some(listed) = TABLES.iter().find(|one| one.name == table) else { continue };
        for (number, address, name) in
            [(1_000_001, ADDRESS, NAME), (1_000_002, "whatsapp:+14155550102", "Ben Carter")]
        {
            let value = |(column, kind): &(String, String)| -> rusqlite::types::Value {
                let by = listed
                    .columns
                    .iter()
                    .rev()
                    .find(|(one, _)| one.split(' ').any(|word| word == column));
                let text = format!("{{\"subject\":\"{address} {name}\"}}");
                match (column.as_str(), by) {
                    ("state", _) => i64::from(table == "deliveries").into(),
                    ("kind", _) => "command".to_owned().into(),
                    ("lane" | "place" | "phone" | "source", Some(_)) => {
                        format!("twilio:whatsapp:+14155550000/{address}").into()
                    }
                    (_, Some((_, By::Address | By::Participant))) => address.to_owned().into(),
                    (_, Some((_, By::Contact))) => address[9..].to_owned().into(),
                    (_, Some((_, By::Hash))) if number == 1_000_001 => hash.to_owned().into(),
                    (_, Some((_, By::Number | By::Words))) if kind == "BLOB" => {
                        text.into_bytes().into()
                    }
                    (_, Some((_, By::Number | By::Words))) => text.into(),
                    _ if kind == "INTEGER" => number.into(),
                    _ => format!("{table} {number}").into(),
                }
            };
            let values: Vec<rusqlite::types::Value> = columns.iter().map(value).collect();
            let marks = vec!["?"; values.len()].join(", ");
            connection.execute(
                &format!("INSERT INTO {table} VALUES ({marks})"),
                rusqlite::params_from_iter(values),
            )?;
        }
    }
    Ok(())
}

/// Where a text stands in any column of any table.
fn stands(connection: &Connection, text: &str) -> Result<Vec<String>, rusqlite::Error> {
    let mut found = Vec::new();
    for (table, columns) in schema(connection)? {
        for (column, _) in columns {
            let sql =
                format!("SELECT count(*) FROM {table} WHERE instr(CAST({column} AS TEXT), ?1)");
            let count: i64 = connection.query_row(&sql, [text], |row| row.get(0))?;
            if count > 0 {
                found.push(format!("{table}.{column}"));
            }
        }
    }
    Ok(found)
}

#[tokio::test]
async fn whoever_stands_in_every_table_is_told_from_each_and_erased_from_all()
-> Result<(), LedgerError> {
    let (_folder, ledger) = ledger();
    let traces = Traces::new(&ADDRESS.parse().expect("an address"), [NAME.to_owned()]);
    let of = traces.address.clone();
    let hash = ledger
        .threads
        .read(move |connection| super::super::suppressions::id_of(connection, &of))
        .await?;
    ledger.threads.write(move |writing| fill(writing.connection, &hash)).await?;

    let (mut told, mut from) = (BTreeSet::new(), Some(Told::default()));
    while let Some(at) = from {
        let (rows, next) = ledger.told_of(&traces, at).await?;
        for row in rows {
            assert!(!row.to_string().contains("Ben Carter"), "{row}");
            told.insert(row["what"].as_str().expect("a word").to_owned());
        }
        from = next;
    }
    let all: BTreeSet<String> = TABLES.iter().map(|one| one.what.to_owned()).collect();
    assert_eq!(told, all);

    let place: Place = "slack:C1".parse().expect("a place");
    let event = Event {
        key: EventKey::new("k"),
        place,
        at: ledger.now(),
        ordinal: None,
        happening: Happening::Deleted { id: MessageId::new("m") },
    };
    let command = PendingCommand { number: 7, event };
    let erased = ledger.erase(&traces, &command).await?;
    assert_eq!((erased.events, erased.waiting), (2, 1), "an operation goes on: {erased:?}");
    for text in ["4155550101", NAME] {
        let left = ledger.threads.read(move |connection| stands(connection, text)).await?;
        assert_eq!(left, ["operations.result"], "{text}");
    }
    // A broadcast that goes on needs its words for those who are still to get it.
    let open = "UPDATE broadcasts SET ended = NULL, variables = '[\"Maya Quetzal\"]'
        WHERE event = 1000001";
    ledger.threads.write(move |writing| writing.connection.execute(open, [])).await?;
    let erased = ledger.erase(&traces, &command).await?;
    assert_eq!(erased, Erased { waiting: 2, ..Erased::default() });
    // What is somebody else's stays.
    let others = ledger.threads.read(|connection| stands(connection, "4155550102")).await?;
    assert!(others.len() > TABLES.len(), "{others:?}");
    // Once more, it finds what was left and nothing else.
    let again = ledger.erase(&traces, &command).await?;
    assert_eq!(again, Erased { waiting: 2, ..Erased::default() });
    Ok(())
}

/// A receipt can come hours after its receiver was erased: it is read then, say.
#[tokio::test]
async fn a_receipt_of_somebody_who_is_erased_is_not_written_down() -> Result<(), LedgerError> {
    let (_folder, ledger) = ledger();
    let address: Address = ADDRESS.parse().expect("an address");
    let sender: Address = "whatsapp:+14155550000".parse().expect("an address");
    let phone = Place::phone(&sender, &address);
    let receipt = |key: &str| {
        let event = Event {
            key: EventKey::new(key),
            place: phone.clone(),
            at: ledger.now(),
            ordinal: None,
            happening: Happening::Receipt {
                message: MessageId::new("SM1"),
                participant: None,
                status: ReceiptStatus::Read,
                error: None,
            },
        };
        Entry::alone(event, "webhook", Order::Arrival)
    };
    let known = phone.to_string();
    ledger
        .threads
        .write(move |writing| {
            let sql = "INSERT INTO places (place) VALUES (?1)";
            writing.connection.execute(sql, [&known])
        })
        .await?;
    let stands_in = async || {
        let found = ledger.threads.read(|connection| stands(connection, "4155550101"));
        found.await
    };
    ledger.accept(vec![receipt("before")]).await?;
    assert_eq!(stands_in().await?, ["places.place", "receipts.participant"]);
    let event = receipt("command").event;
    ledger.erase(&Traces::new(&address, []), &PendingCommand { number: 7, event }).await?;
    assert_eq!(stands_in().await?, [""; 0]);
    ledger.accept(vec![receipt("after")]).await?;
    assert_eq!(stands_in().await?, [""; 0]);
    Ok(())
}
