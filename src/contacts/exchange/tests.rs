//! Files as programs and people write them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

fn drafts(text: &str) -> Vec<Result<Draft, Wrong>> {
    let mut all = Vec::new();
    read(None, text.as_bytes(), |one| {
        all.push(one);
        ControlFlow::Continue(())
    })
    .unwrap();
    all
}

fn only(text: &str) -> Draft {
    let mut all = drafts(text);
    assert_eq!(all.len(), 1, "{all:?}");
    all.pop().unwrap().unwrap()
}

fn meta(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn columns_stand_in_any_order_under_the_names_that_people_use() {
    for text in [
        "name,number,team,city\nMaya Lopez,+14155550100,Sales,Lima\n",
        "\u{feff}City;Group;WhatsApp;Full Name\r\nLima;Sales;+14155550100;Maya Lopez\r\n",
        "mobile phone\tfirst name\tLast Name\tTEAM\tcity\n+14155550100\tMaya\tLopez\tSales\tLima",
        "\"city\",\"Phone 1 - Value\",\"Name\",\"team\"\n\n\"Lima\",\"+14155550100\",\"Maya Lopez\",\"Sales\"\n",
    ] {
        let draft = only(text);
        assert_eq!(draft.numbers, ["+14155550100"], "{text}");
        assert_eq!((draft.name.as_str(), draft.team.as_deref()), ("Maya Lopez", Some("Sales")));
        let [(title, city)] = &draft.meta.into_iter().collect::<Vec<_>>()[..] else { panic!() };
        assert_eq!((title.to_lowercase().as_str(), city.as_str()), ("city", "Lima"));
    }
}

#[test]
fn a_wrong_line_is_told_by_its_number_and_ends_nothing() {
    let all = drafts("number,name\n+14155550100,\"Maya, \"\"M\"\"\nLopez\"\n,Nobody\n,\n+1,Ann\n");
    assert_eq!(all[0].as_ref().unwrap().name, "Maya, \"M\"\nLopez");
    assert_eq!(all[1], Err(Wrong::new(4, "there is no number")));
    assert_eq!(all[2].as_ref().unwrap().line, 6);
    assert_eq!(all.len(), 3);
}

#[test]
fn a_file_that_cannot_be_read_is_told_as_a_whole() {
    let told = |bytes: &[u8]| read(None, bytes, |_| ControlFlow::Continue(())).unwrap_err().why;
    assert!(told(b"").contains("empty"));
    assert!(told(b"name,email\nMaya,m@example.org\n").contains("it has: name, email"));
    assert!(told(b"\xff\xfen\0").contains("UTF-16"));
    assert!(told(b"name;num\xe9ro\n").contains("UTF-8"));
    let endless = [b"number,name\n+1,\"".to_vec(), vec![b'x'; 3 << 20]].concat();
    assert!(told(&endless).contains("quotation mark"));
    let vcard = |bytes: &[u8]| read(Some(Format::VCard), bytes, |_| ControlFlow::Continue(()));
    assert!(vcard(&b"number\n"[..]).unwrap_err().why.contains("BEGIN:VCARD"));
}

#[test]
fn cards_of_every_version_are_read() {
    let four = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Maya\\, the \r\n Lopez\r\nTEL;TYPE=\"cell,voice\";VALUE=uri:tel:+1-415-555-0100;ext=7\r\nitem1.TEL;TYPE=fax:+14155550199\r\nCATEGORIES:Sales,VIP\r\nORG:Acme;West\r\nPHOTO:https://example.com/m.png\r\nEMAIL:m@example.com\r\nNOTE:likes\\ntea\r\nEND:VCARD\r\n";
    let draft = only(four);
    assert_eq!(draft.name, "Maya, the Lopez");
    assert_eq!(draft.numbers, ["tel:+1-415-555-0100"]);
    assert_eq!(draft.team.as_deref(), Some("Sales"));
    assert_eq!(draft.picture.as_deref(), Some("https://example.com/m.png"));
    assert_eq!(draft.meta, meta(&[("email", "m@example.com"), ("note", "likes\ntea")]));

    let three = "begin:vcard\nversion:3.0\nn:Lopez;Maya;;;\nitem1.TEL;type=CELL;type=pref;waid=14155550100:+1 (415) 555-0100\nTEL;TYPE=HOME:415 555 0101\nORG:Acme\\, Inc.;West\nPHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQ\n /9j/\nend:vcard\n";
    let draft = only(three);
    assert_eq!(draft.name, "Maya Lopez");
    assert_eq!(draft.numbers, ["+14155550100", "415 555 0101"]);
    assert_eq!((draft.team.as_deref(), draft.picture), (Some("Acme, Inc."), None));

    let two = "BEGIN:VCARD\nVERSION:2.1\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCll=\ner;J=C3=B6rg;;;\nTEL;CELL;PREF:+493012345\nNOTE;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:f=FCnf\nEND:VCARD\n";
    let draft = only(two);
    assert_eq!((draft.name.as_str(), &draft.numbers[0]), ("Jörg Müller", &"+493012345".to_owned()));
    assert_eq!(draft.meta, meta(&[("note", "fünf")]));
}

#[test]
fn a_wrong_card_ends_nothing() {
    let all = drafts(
        "BEGIN:VCARD\nFN:No number\nEND:VCARD\nBEGIN:VCARD\nFN:Cut\nBEGIN:VCARD\nFN:Ann\nTEL:+1\nEND:VCARD\nBEGIN:VCARD\n",
    );
    let told = |at: usize| all[at].as_ref().unwrap_err();
    assert!(told(0).why.contains("no telephone number"));
    assert_eq!((told(1).line, told(1).why.as_str()), (4, "this card has no END:VCARD"));
    assert_eq!(all[2].as_ref().unwrap().name, "Ann");
    assert!(told(3).why.contains("cut off"));
}

fn contacts() -> impl Strategy<Value = Vec<Contact>> {
    let key = prop_oneof!["\\+[1-9][0-9]{6,13}", "client:[a-z,;]{1,9}"];
    // As the store keeps them: names in one line, nothing that cannot be seen.
    let name = "[^\\p{C}\\p{Z}]{1,12}( [^\\p{C}\\p{Z}]{1,80})?";
    let team = proptest::option::of("[^\\p{C}\\p{Z}]{1,12}");
    let meta = proptest::collection::btree_map(
        "[a-z;,=\\\\]{1,9}|email|note",
        "[^\\p{C}\\p{Z}]{1,9}(\n[^\\p{C}\\p{Z}]{1,90})?",
        0..4,
    );
    let picture = proptest::option::of("https://example\\.com/[a-z]{1,90}\\.png");
    let contact = (key, name, team, picture, meta).prop_map(|(key, name, team, picture, meta)| {
        let picture = picture.map(|url| url.parse().unwrap());
        Contact { key, name, team, picture, meta, updated: Timestamp::UNIX_EPOCH }
    });
    proptest::collection::vec(contact, 0..5)
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(contacts in contacts(), card in any::<bool>()) {
        let format = if card { Format::VCard } else { Format::Csv };
        let mut file = head(format).as_bytes().to_vec();
        file.extend(write(format, &contacts));
        let mut again = Vec::new();
        let ended = read(Some(format), file.as_slice(), |one| {
            again.push(one);
            ControlFlow::Continue(())
        });
        prop_assert!(ended.is_ok() || (card && contacts.is_empty()));
        prop_assert_eq!(again.len(), contacts.len());
        for (draft, contact) in again.into_iter().zip(contacts) {
            let draft = draft.unwrap();
            let number = draft.numbers[0].trim_start_matches("tel:").to_owned();
            prop_assert_eq!(number, contact.key);
            prop_assert_eq!(draft.name, contact.name);
            prop_assert_eq!(draft.team, contact.team);
            prop_assert_eq!(draft.picture, contact.picture.map(String::from));
            prop_assert_eq!(draft.meta, contact.meta);
        }
    }

    #[test]
    fn no_file_panics(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        text in "(BEGIN:VCARD\n)?([A-Z]{1,4}(;[A-Z=,\"]{0,9})?[:;\n]|number,|\\PC|=[0-9A-F]{0,2}|\\\\|\"|\n ){0,40}(END:VCARD)?",
        format in prop_oneof![Just(None), Just(Some(Format::Csv)), Just(Some(Format::VCard))],
    ) {
        for file in [bytes.as_slice(), text.as_bytes()] {
            let _ = read(format, file, |_| ControlFlow::Continue(()));
        }
    }
}
