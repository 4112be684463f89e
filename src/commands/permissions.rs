//! Holds the table in `docs/permissions.md` to the commands' table.

use std::fmt::Write as _;
use std::path::Path;

use super::TABLE;

const BEGIN: &str = "<!-- made of the commands' table; see src/commands/permissions.rs -->\n";

fn table() -> String {
    let mut text = String::from("| command | who may give it |\n|---|---|\n");
    for command in TABLE {
        let usage = [command.words, &command.usage()].join(" ");
        let usage = usage.trim().replace('|', "\\|");
        let _ = writeln!(text, "| `{usage}` | {} |", command.right.in_words());
    }
    text
}

#[test]
fn the_documentation_says_who_may_what() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/permissions.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (front, back) = page.split_once(BEGIN).expect("the line before the table");
    if back != table() && std::env::var_os("PARTYLINE_WRITE_DOCS").is_some() {
        std::fs::write(&path, format!("{front}{BEGIN}{}", table())).unwrap();
        return;
    }
    assert_eq!(
        back,
        table(),
        "docs/permissions.md is behind: run this test with PARTYLINE_WRITE_DOCS=1"
    );
}
