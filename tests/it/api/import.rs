//! Large files of contacts: taken over while they come, with progress, and accounted for.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::Value;

use super::{TOKEN, get, world};
use crate::support::World;

const PEOPLE: usize = 40_000;

fn file() -> String {
    let mut file = "number,name,team\n".to_owned();
    for number in 0..PEOPLE {
        let _ = writeln!(file, "+1415{number:07},Person {number},Night");
    }
    file
}

/// Begins an import over the network, and gives its lines as they come.
async fn lines(
    world: &World,
    body: reqwest::Body,
) -> impl futures_util::Stream<Item = Value> + Unpin + use<> {
    let answer = reqwest::Client::new()
        .post(world.daemon.url("/api/v1/contacts/import"))
        .bearer_auth(TOKEN)
        .header("accept", "application/x-ndjson")
        .body(body)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    let lines = stream::unfold((answer, Vec::new()), |(mut answer, mut left)| async move {
        loop {
            if let Some(end) = left.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = left.drain(..=end).collect();
                let line = serde_json::from_slice(&line).expect("a line of JSON");
                return Some((line, (answer, left)));
            }
            left.extend(answer.chunk().await.ok().flatten()?);
        }
    });
    Box::pin(lines)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_taken_over_with_progress() {
    let mut world = world().await;
    world.daemon.start().await;
    let told: Vec<Value> = lines(&world, file().into()).await.collect().await;
    let (end, progress) = told.split_last().expect("lines");
    assert_eq!(end["done"]["new"], PEOPLE, "{end}");
    assert!(!progress.is_empty(), "it was told how far it is");
    let read: Vec<u64> =
        progress.iter().map(|line| line["progress"]["read"].as_u64().expect("a count")).collect();
    assert!(read.is_sorted() && read.iter().all(|read| *read <= PEOPLE as u64), "{read:?}");

    // The command line says it too, and its own lines stay clean.
    let path = world.daemon.store().with_file_name("people.csv");
    std::fs::write(&path, file()).expect("written");
    let path = path.to_str().expect("a path");
    let run = |arguments: &[&str]| world.daemon.command(arguments).output().expect("the binary");
    let output = tokio::task::block_in_place(|| run(&["contacts", "import", path, "--dry-run"]));
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said, format!("0 would be new, 0 would change, {PEOPLE} the same, 0 wrong.\n"));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains(" read"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_a_kill_cut_short_is_in_the_audit() {
    let mut world = world().await;
    world.daemon.start().await;
    let mut told = lines(&world, file().into()).await;
    let first = told.next().await.expect("a line");
    assert!(first["progress"]["read"].is_u64(), "{first}");
    world.daemon.kill();
    world.daemon.start().await;
    let audit = get(&world, "audit").await;
    let rows = audit["entries"].as_array().expect("rows");
    assert_eq!(rows.len(), 1, "{audit}");
    assert_eq!((&rows[0]["what"], &rows[0]["ended"]), (&"contact import".into(), &"failed".into()));
    assert!(rows[0]["said"].as_str().expect("a sentence").contains("ended in the middle"));
    let kept = get(&world, "status").await["contacts"].as_u64().expect("a count");
    assert!(kept >= 500 && kept < PEOPLE as u64, "{kept}: what was counted before stands");
    // The same file again is right.
    let all: Vec<Value> = lines(&world, file().into()).await.collect().await;
    let end = &all.last().expect("lines")["done"];
    assert_eq!(end["new"].as_u64().unwrap() + end["same"].as_u64().unwrap(), PEOPLE as u64);
}

/// A caller who sends a file slowly while the answer tells how far it is, is neither silent nor
/// stuck, however long that takes.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_comes_slowly_is_waited_for() {
    let mut world = world().await;
    world.daemon.configure(|config| {
        config.push_str("\n[limits]\nhead_wait = \"300ms\"\nidle_wait = \"300ms\"\n");
    });
    world.daemon.start().await;
    let pieces = std::iter::once("number,name\n".to_owned())
        .chain((0..5).map(|number| format!("+1415555010{number},Person {number}\n")));
    let body = stream::iter(pieces).then(|piece| async move {
        tokio::time::sleep(Duration::from_millis(400)).await;
        Ok::<_, std::io::Error>(piece)
    });
    let told: Vec<Value> = lines(&world, reqwest::Body::wrap_stream(body)).await.collect().await;
    assert_eq!(told.last().expect("lines")["done"]["new"], 5, "{told:?}");
}

/// By the command line: progress is told, and the daemon's memory does not grow with the file. Of so many
/// rows as PARTYLINE_ROWS says (`tests/long import`).
#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_takes_over_a_file_of_any_length_in_bounded_memory() {
    let rows = std::env::var("PARTYLINE_ROWS").ok().and_then(|rows| rows.parse().ok());
    let rows: usize = rows.unwrap_or(PEOPLE);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("people.csv");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).expect("a file"));
    writeln!(file, "number,first name,last name,team,city").expect("written");
    for number in 0..rows {
        writeln!(file, "+1415{number:07},Person,Number {number},Team {},Lima", number % 500)
            .expect("written");
    }
    file.flush().expect("written");
    let mut world = world().await;
    world.daemon.start().await;
    let before = world.daemon.memory();
    let began = Instant::now();
    let path = path.to_string_lossy();
    let mut import = world.daemon.command(&["contacts", "import", &path, "--json"]);
    import.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut import = import.spawn().expect("the import");
    let mut told = import.stderr.take().expect("its progress");
    let progress = std::thread::spawn(move || {
        let mut text = String::new();
        told.read_to_string(&mut text).expect("text");
        text
    });
    let mut peak = before;
    while import.try_wait().expect("the import").is_none() {
        peak = peak.max(world.daemon.memory());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let took = began.elapsed();
    let mut end = String::new();
    import.stdout.take().expect("its end").read_to_string(&mut end).expect("text");
    let end: Value = serde_json::from_str(&end).expect("JSON");
    assert_eq!(end["new"], rows, "{end}");
    let progress = progress.join().expect("the progress");
    assert!(progress.contains(" read"), "{progress}");
    let grown = peak.saturating_sub(before) / 1024 / 1024;
    println!(
        "{rows} rows in {took:.1?}, {} MiB before, {grown} MiB more at most",
        before / 1024 / 1024
    );
    assert!(grown < 300, "{grown} MiB more");
    let found = get(&world, &format!("contacts?search=number%20{}", rows - 1)).await;
    assert_eq!(found["contacts"].as_array().map(Vec::len), Some(1), "{found}");
}
