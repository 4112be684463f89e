use proptest::prelude::*;

use super::super::{TABLE, find};
use super::*;

fn us() -> Option<Region> {
    "US".parse().ok()
}

/// The arguments of a whole line, given in a room that has a group; `Spring launch` names one too.
fn read(line: &str) -> Result<(&'static str, Arguments), GrammarError> {
    let words = parse_words(line)?;
    let (command, rest) = find(&words).expect("a row");
    let split = split(command, rest)?;
    let given = match leading(command, &split, us()) {
        Leading::Given => true,
        Leading::LeftOut => false,
        Leading::IfGroup(text) => text == "Spring launch",
    };
    bind(command, &split, given, us()).map(|arguments| (command.words, arguments))
}

fn texts(line: &str) -> Vec<String> {
    parse_words(line).expect("words").into_iter().map(|word| word.text).collect()
}

fn list(line: &str) -> Vec<String> {
    let words = parse_words(line).expect("words");
    words::items(&words, |text| parse_address(text, us()).is_ok())
}

#[test]
fn quotes_hold_words_together() {
    assert_eq!(texts(r#"contact add +1 "Maya Lopez""#), ["contact", "add", "+1", "Maya Lopez"]);
    for maya in ["“Maya Lopez”", "„Maya Lopez“", "«Maya Lopez»", "'Maya Lopez'", "‘Maya Lopez’"]
    {
        assert_eq!(texts(&format!("add {maya}")), ["add", "Maya Lopez"], "{maya}");
    }
    assert_eq!(texts("O'Brien \"\" 'tis D’Arcy"), ["O'Brien", "", "'tis", "D’Arcy"]);
    assert_eq!(texts("--team=\"Field sales\""), ["--team=Field sales"]);
    assert_eq!(parse_words("a \"b"), Err(GrammarError::Quote));
}

#[test]
fn beside_a_template_pairs_are_its_variables() {
    for line in [
        r#"dm Maya --template team_notice 1=Nora 2="Monday at nine""#,
        r#"dm Maya 1=Nora --template team_notice --set 2="Monday at nine""#,
    ] {
        let (_, arguments) = read(line).expect(line);
        let mut set = arguments.all("set").to_vec();
        set.sort();
        assert_eq!(set, ["1=Nora", "2=Monday at nine"], "{line}");
        assert!(!arguments.has("text"), "{line}");
    }
    let (_, arguments) = read("dm Maya 1=2 is wrong").expect("a text");
    assert_eq!(arguments.one("text"), Some("1=2 is wrong"));
}

#[test]
fn flags_are_read_in_every_spelling() {
    for line in [
        "+14155550100 Maya --team Sales",
        "+1 415 555 0100 Maya --team=Sales",
        "(415) 555-0100 —team Sales Maya",
        "4155550100 –team Sales Maya",
        "+14155550100 --TEAM Sales Maya",
    ] {
        let (_, arguments) = read(&format!("contact add {line}")).expect(line);
        assert_eq!(arguments.one("name"), Some("Maya"), "{line}");
        assert_eq!(arguments.one("team"), Some("Sales"), "{line}");
        let number = parse_address(arguments.one("number").expect("a number"), us());
        assert_eq!(number.expect("a number").as_str(), "+14155550100");
    }
    for (line, sentence) in [
        (
            "contact add +14155550100 Maya --taem Sales",
            "There is no --taem here: did you mean --team?",
        ),
        ("contact add +14155550100 Maya --team --meta a=b", "--team needs a value behind it."),
        ("contact add +14155550100 Maya --team A --team B", "--team was given twice."),
        (
            "contact add +14155550100 Maya --meta city",
            "\"city\" is no pair: write key=value, as in city=Lima.",
        ),
        ("contact add +14155550100", "Something is missing: NAME."),
        (
            "contact add +14155550100 Maya Lopez",
            "\"Lopez\" is one word too many. (Words that belong together stand in quotes.)",
        ),
        ("group list --desc=yes", "--desc takes no value."),
        (
            "group list --state actve",
            "\"actve\" is none of active, inactive, closed: did you mean active?",
        ),
        ("group rename \"\"", "One of the words is empty: there is nothing between its quotes."),
        (
            "group link X twilio:CH0123456789abcdef0123456789abcdef",
            "ROOM must be a Slack channel or a Matrix room.",
        ),
    ] {
        assert_eq!(read(line).expect_err(line).to_string(), sentence, "{line}");
    }
    let (_, arguments) = read("contact add +14155550100 \"--Maya\"").expect("a quoted name");
    assert_eq!(arguments.one("name"), Some("--Maya"));
}

#[test]
fn a_span_of_time_needs_no_quotes() {
    for (line, span, who) in [
        ("member mute +14155550100 --for 2h", "2h", "+14155550100"),
        ("member mute --for 1 hour +14155550100", "1 hour", "+14155550100"),
        ("member mute --for 2h 4155550100", "2h", "4155550100"),
        ("member mute Maya --for 1 day 12 hours", "1 day 12 hours", "Maya"),
        ("member mute Maya --for=\"3 days\"", "3 days", "Maya"),
    ] {
        let (_, arguments) = read(line).expect(line);
        assert_eq!((arguments.one("for"), arguments.one("who")), (Some(span), Some(who)), "{line}");
    }
    // What is no span stays what it is, and the command says so.
    let (_, arguments) = read("member mute Maya --for soon").expect("read");
    assert_eq!(arguments.one("for"), Some("soon"));
}

#[test]
fn the_group_may_be_left_out() {
    for (line, group) in [
        ("group show", None),
        ("group show Spring", Some("Spring")),
        ("group rename Summer", None),
        ("group rename Spring Summer", Some("Spring")),
        ("group describe we meet at ten", None),
        ("group describe \"Spring launch\" we meet at ten", Some("Spring launch")),
    ] {
        let (_, arguments) = read(line).expect(line);
        assert_eq!(arguments.one("group"), group, "{line}");
    }
    let (_, arguments) = read("group describe we meet at ten").expect("a text");
    assert_eq!(arguments.one("text"), Some("we meet at ten"));
}

#[test]
fn lists_are_read_as_people_paste_them() {
    let three = ["+1 415 555 0101", "Maya Lopez", "whatsapp:+14155550103"];
    for line in [
        "+1 415 555 0101, Maya Lopez, whatsapp:+14155550103",
        "+1 415 555 0101;Maya Lopez;whatsapp:+14155550103;",
        "+1 415 555 0101\nMaya Lopez\n\nwhatsapp:+14155550103\n",
        "+1 415 555 0101 \"Maya Lopez\" whatsapp:+14155550103",
        "+1 415 555 0101,\n \"Maya Lopez\",\nwhatsapp:+14155550103",
    ] {
        assert_eq!(list(line), three, "{line:?}");
    }
    assert_eq!(list("(415) 555-0101 4155550102"), ["(415) 555-0101", "4155550102"]);
    assert_eq!(list("\"Lopez, Maya\" Ben"), ["Lopez, Maya", "Ben"]);
}

#[test]
fn every_example_is_read_by_its_own_row() {
    for command in TABLE {
        assert!(!command.examples.is_empty(), "{}", command.words);
        for example in command.examples {
            let (found, _) = read(example).unwrap_or_else(|error| panic!("{example}: {error}"));
            assert_eq!(found, command.words, "{example}");
        }
    }
}

#[test]
fn a_group_that_may_be_left_out_stands_first_or_last() {
    for command in TABLE {
        let maybe = command.arguments.iter().position(|one| {
            one.stands == Stands::Word && one.kind == Kind::Group && one.count == Count::Maybe
        });
        // Behind words that must be there, nothing else can be meant by one word more.
        let behind_needed = |at: usize| {
            at + 1 == command.arguments.len()
                && command.arguments[..at].iter().all(|one| one.count == Count::One)
        };
        assert!(maybe.is_none_or(|at| at == 0 || behind_needed(at)), "{}", command.words);
    }
}

/// A command behind `--` is kept as it was typed, and read as the same words when its time comes.
#[test]
fn what_stands_behind_two_dashes_is_kept_as_it_was_typed() {
    for line in [
        "notify team_notice 1=\"The launch team\" --set 2=“b c”",
        "member add 'Spring launch' (415) 555-0101, maya; ben",
        "member add\n+14155550101\n+14155550102",
        "contact import ```\nnumber,name\n+14155550101,Maya\n```",
        "group describe O'Brien's -- plan",
    ] {
        let (_, arguments) = read(&format!("schedule in 1 hour -- {line}")).expect(line);
        let kept = arguments.one("command").expect("a command");
        assert_eq!(texts(kept), texts(line), "{kept}");
        assert_eq!(list(kept), list(line), "{kept}");
    }
    // As a shell hands it over.
    let words = ["notify", "team_notice", "1=a \"b\" c", "plain"].map(Word::handed_over);
    assert_eq!(texts(&words::line(&words)), ["notify", "team_notice", "1=a \"b\" c", "plain"]);
}

proptest! {
    /// Whatever is typed behind any command: arguments, or one sentence that shows little of it.
    #[test]
    fn no_line_panics_and_what_is_wrong_is_one_sentence(
        row in 0..TABLE.len(),
        rest in prop_oneof![
            ".{0,200}", "[ -~]{0,80}", "([+0-9() ,;\"'-]|\n){0,80}", "(--[a-z]{1,12}( |=)?[a-z+0-9]{0,9} ?){0,9}",
            Just("x".repeat(50_000)), Just("x ".repeat(3_000)), Just("\"\" ".repeat(200)), Just("— ".repeat(99)),
        ],
    ) {
        let line = format!("{} {rest}", TABLE[row].words);
        match read(&line) {
            Ok((_, arguments)) => {
                for argument in TABLE.iter().flat_map(|command| command.arguments) {
                    for value in arguments.all(argument.name) {
                        prop_assert!(argument.kind == Kind::Who || value.chars().count() <= 1600);
                    }
                }
            }
            Err(error) => {
                let sentence = error.to_string();
                prop_assert!(sentence.chars().count() < 500, "{sentence}");
                prop_assert!(!sentence.contains(char::is_control), "{sentence:?}");
            }
        }
    }

    #[test]
    fn a_list_loses_nobody(
        people in proptest::collection::vec("[A-Za-z]{1,9}( [A-Za-z]{1,9})?", 1..20),
        separator in prop_oneof![Just(", "), Just(","), Just(";"), Just("\n"), Just(" ,\n ")],
    ) {
        prop_assume!(people.len() > 1);
        prop_assert_eq!(list(&people.join(separator)), people);
    }

    #[test]
    fn words_that_are_written_again_are_read_the_same(line in "[a-z\"'“”`,; \n-]{0,40}") {
        if let Ok(words) = parse_words(&line) {
            let again = parse_words(&words::line(&words)).expect("it was read before");
            let texts = |words: &[Word]| -> Vec<String> {
                words.iter().map(|word| word.text.clone()).collect()
            };
            prop_assert_eq!(texts(&again), texts(&words));
        }
    }

    #[test]
    fn what_a_program_gives_is_one_word_that_is_read_as_it_is(
        text in "(csv\n|text\n)?[a-z\"'“”,; \n-]{0,20}",
    ) {
        let written = words::line(&[Word::plain(&text)]);
        let again = parse_words(&written).expect("it is a word");
        prop_assert_eq!(again.len(), 1, "{:?}", written);
        prop_assert_eq!(&again[0].text, &text);
        prop_assert!(again[0].quoted);
    }
}
