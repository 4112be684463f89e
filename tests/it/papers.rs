//! What the papers name is there: files, tests, functions, keys of the configuration.

use std::collections::BTreeSet;
use std::path::Path;

/// The papers, by their names.
const PAPERS: [(&str, &str); 11] = [
    ("README.md", include_str!("../../README.md")),
    ("ARCHITECTURE.md", include_str!("../../ARCHITECTURE.md")),
    ("SECURITY.md", include_str!("../../SECURITY.md")),
    ("CONTRIBUTING.md", include_str!("../../CONTRIBUTING.md")),
    ("docs/commands.md", include_str!("../../docs/commands.md")),
    ("docs/operation.md", include_str!("../../docs/operation.md")),
    ("docs/people.md", include_str!("../../docs/people.md")),
    ("docs/performance.md", include_str!("../../docs/performance.md")),
    ("docs/permissions.md", include_str!("../../docs/permissions.md")),
    ("docs/programs.md", include_str!("../../docs/programs.md")),
    ("docs/walkthroughs.md", include_str!("../../docs/walkthroughs.md")),
];

/// Folders whose files the papers name from the root of the repository.
const FOLDERS: [&str; 7] = ["src/", "bridges/", "tests/", "config/", "docs/", "benches/", ".ci/"];

/// What is there only once somebody has made it.
const MADE: [&str; 2] = ["config/partyline.toml", "tests/.cache"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a paper has between backticks, outside of blocks.
fn quoted(paper: &str) -> impl Iterator<Item = &str> {
    let outside = paper.split("```").step_by(2);
    outside.flat_map(|text| text.split('`').skip(1).step_by(2))
}

/// `a/{b,c}.rs` as `a/b.rs` and `a/c.rs`.
fn each(path: &str) -> Vec<String> {
    match path.split_once('{').and_then(|(front, rest)| Some((front, rest.split_once('}')?))) {
        Some((front, (names, back))) => {
            names.split(',').map(|name| format!("{front}{name}{back}")).collect()
        }
        None => vec![path.to_owned()],
    }
}

/// All sources of the repository, one behind the other.
fn sources() -> String {
    fn gather(folder: &Path, texts: &mut String) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with(".cache") {
                gather(&path, texts);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                texts.push_str(&std::fs::read_to_string(path).expect("a source"));
            }
        }
    }
    let mut texts = String::new();
    for folder in ["src", "bridges", "tests/it", "benches"] {
        gather(&root().join(folder), &mut texts);
    }
    texts
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[test]
fn the_papers_name_files_that_are_there() {
    let mut count = 0;
    for (paper, text) in PAPERS {
        let paths = quoted(text).filter(|code| FOLDERS.iter().any(|one| code.starts_with(one)));
        // `bridges/X/src` and `bridges/*/src` stand for one of each bridge; behind a blank stand arguments.
        let general = |path: &str| path.contains(['*', ' ', 'X', 'N']);
        for path in paths.filter(|path| !general(path)).flat_map(each) {
            let made = MADE.contains(&path.as_str());
            assert!(made || root().join(&path).exists(), "{paper} names {path}: it is not there");
            count += 1;
        }
    }
    assert!(count > 100, "{count} files");
}

/// What a heading is called in an address, as GitHub makes it of its words.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    heading
        .trim_matches(['#', ' '])
        .to_lowercase()
        .chars()
        .filter(kept)
        .collect::<String>()
        .replace(' ', "-")
}

#[test]
fn links_of_the_papers_lead_to_files_and_headings_that_are_there() {
    let mut count = 0;
    for (paper, text) in PAPERS {
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        for (link, _) in links.filter(|(link, _)| !link.contains("://")) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => root().join(paper),
                file => root().join(paper).with_file_name("").join(file),
            };
            assert!(target.exists(), "{paper} links to {link}: there is no such file");
            if !heading.is_empty() {
                let there = std::fs::read_to_string(&target).expect("a paper");
                let mut headings = there.lines().filter(|line| line.starts_with('#'));
                assert!(
                    headings.any(|line| anchor(line) == heading),
                    "{paper} links to {link}: there is no such heading"
                );
            }
            count += 1;
        }
    }
    assert!(count > 20, "{count} links");
}

#[test]
fn the_papers_name_tests_and_functions_that_are_there() {
    let sources = sources();
    let words: BTreeSet<&str> =
        sources.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let mut count = 0;
    for (paper, text) in PAPERS {
        for code in quoted(text) {
            let name = code.rsplit("::").next().unwrap_or(code);
            if is_name(name) && name.matches('_').count() >= 2 {
                assert!(words.contains(name), "{paper} names {code}: no source has it");
                count += 1;
            }
        }
    }
    assert!(count > 200, "{count} names");
}

#[test]
fn the_papers_name_keys_of_the_configuration_that_are_there() {
    let mut keys = BTreeSet::new();
    let mut sections = BTreeSet::new();
    let mut section = "";
    for line in include_str!("../../config/partyline.example.toml").lines() {
        let line = line.trim_start_matches('#');
        if let Some(name) = line.strip_prefix('[').filter(|_| line.ends_with(']')) {
            section = name.trim_matches(['[', ']']);
            sections.insert(section);
        } else if let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| is_name(key)) {
            keys.insert(format!("{section}.{key}"));
        }
    }
    let mut count = 0;
    for (paper, text) in PAPERS {
        for code in quoted(text) {
            let key = code.split(" = ").next().unwrap_or(code);
            let Some((section, name)) = key.split_once('.') else { continue };
            let is_file =
                ["rs", "md", "toml", "db", "json", "yaml", "lock", "sock"].contains(&name);
            let is_key = name.starts_with(|c: char| c.is_ascii_lowercase()) && is_name(name);
            if sections.contains(section) && is_key && !is_file {
                // A secret `x` can be given as `x_file`.
                let secret = key.strip_suffix("_file").unwrap_or(key);
                assert!(
                    keys.contains(key) || keys.contains(secret),
                    "{paper} names {key}: no such key"
                );
                count += 1;
            }
        }
    }
    assert!(count > 50, "{count} keys");
}

/// Each threat of the threat model names a test that stands against it.
#[test]
fn each_threat_has_a_test() {
    let sources = sources();
    let told = include_str!("../../SECURITY.md");
    let named = quoted(told).filter_map(|code| code.rsplit_once("::"));
    let mut count = 0;
    for (_, name) in named.filter(|(_, name)| is_name(name) && name.contains('_')) {
        assert!(sources.contains(&format!("fn {name}(")), "there is no test {name}");
        count += 1;
    }
    assert!(count > 30, "{count} tests");
    let rows = told.lines().filter(|line| line.starts_with("| ") && line.matches('|').count() == 4);
    for row in rows.filter(|row| *row != "| threat | what stands against it | test |") {
        let test = row.trim_end_matches(['|', ' ']).rsplit_once("| ").map(|(_, test)| test);
        assert!(
            test.is_some_and(|test| test.contains('`') || test.contains('_')),
            "no test: {row}"
        );
    }
}
