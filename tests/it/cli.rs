//! The command line, beside a running daemon and without one.

use std::process::Output;

use serde_json::Value;

use crate::support::World;

fn run(world: &World, arguments: &[&str]) -> Output {
    world.daemon.command(arguments).env("USER", "maya").output().expect("the binary")
}

/// What it says, where it succeeds.
fn said(world: &World, arguments: &[&str]) -> String {
    let output = run(world, arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {error}\n{}", world.daemon.log());
    String::from_utf8(output.stdout).expect("text")
}

fn rows(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// The same commands, wherever they go.
fn work_with(world: &World, conversation: &str, room: &str) {
    let added = said(world, &["contacts", "add", "+14155550101", "Maya Lopez", "--team", "Sales"]);
    assert_eq!(added, "+14155550101 is Maya Lopez now.\n");
    let shown = said(world, &["contact", "show", "+14155550101"]);
    assert_eq!(shown, "+14155550101: Maya Lopez\nTeam: Sales\n");
    let found = rows(&said(world, &["contacts", "find", "maya", "--json"]));
    assert_eq!((found.len(), &found[0]["team"]), (1, &Value::from("Sales")));

    let file = world.daemon.store().with_file_name("people.csv");
    std::fs::write(&file, "name;whatsapp\nBen;+14155550102\nWrong;12\n").expect("it is there");
    let file = file.to_str().expect("it is there");
    let dry = run(world, &["contacts", "import", file, "--dry-run"]);
    assert_eq!(dry.status.code(), Some(1), "a line is wrong");
    let dry = String::from_utf8(dry.stdout).expect("it is there");
    assert!(dry.contains("line 2: +14155550102 Ben\nline 3: not taken"), "{dry}");
    assert!(dry.ends_with("1 would be new, 0 would change, 0 the same, 1 wrong.\n"), "{dry}");
    assert_eq!(rows(&said(world, &["contacts", "list", "--json"])).len(), 1);
    let piped = std::fs::File::open(file).expect("it is there");
    let mut import = world.daemon.command(&["contacts", "import", "-"]);
    import.stdin(piped).env("USER", "maya").output().expect("the binary");
    let exported = said(world, &["contacts", "export", "--format", "vcard"]);
    assert!(exported.contains("FN:Ben\r\nTEL;VALUE=uri:tel:+14155550102"), "{exported}");

    let linked = said(world, &["links", "add", conversation, room]);
    assert!(linked.contains("Tied to"), "{linked}");
    assert_eq!(rows(&said(world, &["links", "list", "--json"]))[0]["room"], room);
    assert!(said(world, &["links", "remove", room]).contains("no longer tied"));
    said(world, &["roles", "grant", "slack:U0123ABC", "manager", conversation]);
    assert!(said(world, &["roles", "list"]).contains("slack:U0123ABC: manager of CH"));
    assert_eq!(said(world, &["queue", "list"]), "Nothing was given up.\n");
    assert_eq!(said(world, &["queue", "list", "--json"]), "");
    let groups = rows(&said(world, &["groups", "list", "--json"]));
    assert_eq!(groups[0]["id"], conversation);

    let audit = rows(&said(world, &["audit", "--json"]));
    let what: Vec<&str> =
        audit.iter().map(|row| row["what"].as_str().expect("it is there")).collect();
    assert_eq!(what, ["role grant", "group unlink", "group link", "contact import", "contact add"]);
    assert_eq!(audit[0]["by"], "operator:cli/maya");
    assert_eq!(rows(&said(world, &["audit", conversation, "--json"])).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_daemon_the_store_itself_is_worked_on() {
    let mut world = World::new().await;
    let (conversation, phones) = world.conversation("Spring launch", &["+14155550101"]).await;
    let channel = world.room("spring-launch");
    let room = format!("slack:{channel}");
    tokio::task::block_in_place(|| work_with(&world, &conversation, &room));
    tokio::task::block_in_place(|| said(&world, &["links", "add", &conversation, &room]));
    // The daemon has what was done.
    world.daemon.start().await;
    phones[0].say(&conversation, "hi").await.unwrap();
    world.wait_for_posts(&channel, 1).await;
    assert_eq!(world.channel(&channel), [("Maya Lopez".into(), "hi".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_daemon_the_daemon_is_asked() {
    let mut world = World::new().await;
    let (conversation, _) = world.conversation("Spring launch", &["+14155550101"]).await;
    let channel = world.room("spring-launch");
    world.daemon.start().await;
    let room = format!("slack:{channel}");
    tokio::task::block_in_place(|| work_with(&world, &conversation, &room));
    world.daemon.wait_until_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_has_a_sentence_and_a_status() {
    let mut world = World::new().await;
    let failed = |world: &World, arguments: &[&str], status: i32, expected: &str| {
        let output = run(world, arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {error}");
        assert!(error.contains(expected), "{arguments:?}: {error}");
    };
    // Wrong lines are told without a look at the store.
    for (line, expected) in [
        (&["contacts", "ad", "+14155550101", "Maya"][..], "Did you mean"),
        (&["contacts", "add", "+14155550101"], "Something is missing: NAME"),
        (&["contacts", "add", "+14155550101", "Maya", "--tem", "Sales"], "did you mean --team?"),
        (&["members", "list", "--json"], "Which group?"),
        (&["groups", "bogus"], "comes one of: create, list"),
        (&["groups"], "comes one of: create, list"),
        (&["bogus"], "unrecognized subcommand"),
    ] {
        failed(&world, line, 2, expected);
    }
    assert!(!world.daemon.store().exists());
    failed(&world, &["contacts", "import"], 2, "contacts import FILE");
    failed(&world, &["audit", "a", "b"], 2, "One group at most");
    failed(&world, &["contacts", "add", "12", "Maya"], 1, "not a phone number");
    failed(&world, &["members", "list"], 1, "Name the group that you mean");
    failed(&world, &["contacts", "import", "/nowhere.csv"], 1, "/nowhere.csv cannot be read");
    failed(&world, &["contacts", "import", "/"], 1, "/ is a folder");
    failed(&world, &["audit", "CHffffffffffffffffffffffffffffffff"], 1, "There is no such group");
    failed(&world, &["contacts", "list", "--config", "/nowhere.toml"], 2, "cannot be read");
    world.daemon.start().await;
    failed(&world, &["contacts", "add", "12", "Maya"], 1, "not a phone number");
}

/// Help is no failure, needs no configuration, and says how the one command is written.
#[tokio::test(flavor = "multi_thread")]
async fn every_command_has_its_help() {
    let world = World::new().await;
    for (line, expected) in [
        (&["--help"][..], "Run the daemon"),
        (&["contacts", "--help"], "import FILE"),
        (&["contacts", "add", "--help"], "`partyline contact add NUMBER NAME"),
        (&["contact", "add", "+14155550101", "-h"], "`partyline contact add NUMBER NAME"),
        (&["links", "add", "--help", "--config", "/nowhere.toml"], "`partyline group link GROUP"),
        (&["audit", "list", "--help"], "`partyline audit [GROUP]"),
        (&["groups", "bogus", "--help"], "partyline group --help"),
    ] {
        let text = said(&world, line);
        assert!(text.contains(expected), "{line:?}: {text}");
    }
}

/// Container tools pass what is not set as empty.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_name_of_the_configuration_is_none() {
    let world = World::new().await;
    let mut command = world.daemon.command(&["check", "--config"]);
    command.arg(world.daemon.config_file()).env("PARTYLINE_CONFIG", "");
    let output = command.output().expect("the binary");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
