//! The configuration as a whole: the example, the environment, and what is said of faults.

use std::collections::BTreeSet;

use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;

const EXAMPLE: &str = include_str!("../../config/partyline.example.toml");

fn hex(prefix: &str) -> String {
    format!("{prefix}{}", "0123456789abcdef".repeat(2))
}

/// The example as somebody fills it in.
fn filled_in(example: &str) -> String {
    let mut text = example.to_owned();
    for prefix in ["AC", "SK", "IS", "CH", "MG", "VA"] {
        text = text.replace(&format!("\"{prefix}…\""), &format!("\"{}\"", hex(prefix)));
    }
    text.replace("xoxb-…", "xoxb-not-a-real-token")
        .replace("xapp-…", "xapp-not-a-real-token")
        .replace("\"…\"", "\"neither short nor secret\"")
}

/// The example with the keys that may be left out, except those that another one excludes.
fn with_every_key() -> String {
    let without = ["_file = ", "access_token = ", "registration = "];
    let keys = |line: &str| {
        line.strip_prefix('#')
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
            .filter(|rest| !without.iter().any(|word| rest.contains(word)))
            .map_or_else(|| line.to_owned(), str::to_owned)
    };
    filled_in(&EXAMPLE.lines().map(keys).collect::<Vec<_>>().join("\n"))
}

fn parse(text: &str) -> Result<Config, Faults> {
    parse_with(text, &[])
}

fn parse_with(text: &str, environment: &[(&str, &str)]) -> Result<Config, Faults> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Config::parse(text, environment.iter().map(owned))
}

/// The faults of the filled-in example with something replaced, as `key: what is wrong`.
fn faults_with(from: &str, to: &str) -> Vec<String> {
    let text = with_every_key();
    assert!(text.contains(from), "{from}");
    let faults = parse(&text.replacen(from, to, 1)).expect_err("there is a fault").list;
    faults.into_iter().map(|fault| format!("{}: {}", fault.key, fault.wrong)).collect()
}

#[test]
fn the_example_is_right_once_it_is_filled_in() {
    let config = parse(&filled_in(EXAMPLE)).unwrap();
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.links.len(), 2);
    assert_eq!(config.twilio.actions_per_second, 30);
    assert_eq!(config.slack.unwrap().command, "/wa");
}

#[test]
fn what_the_example_shows_as_defaults_are_the_defaults() {
    let mut short = parse(&filled_in(EXAMPLE)).unwrap();
    let mut long = parse(&with_every_key()).unwrap();
    // These have no default; the example shows how they look.
    for config in [&mut short, &mut long] {
        config.http.admin_token = None;
        config.http.cors_origins = Vec::new();
        config.http.admin_listen = None;
        config.twilio.messaging_service_sid = None;
        config.twilio.verify_service_sid = None;
        config.twilio.default_region = None;
        config.slack.as_mut().unwrap().signing_secret = None;
        config.matrix.as_mut().unwrap().inviters = Vec::new();
        config.access.slack_admin_group = None;
        config.access.matrix_admin_power = None;
        config.alerts.rooms = Vec::new();
        config.inbox.room = None;
        config.optout.words = crate::policy::Words::default();
        config.whatsapp.templates = Vec::new();
        config.whatsapp.reengagement_template = None;
        config.whatsapp.reengagement_variables.clear();
        config.whatsapp.language = None;
        config.moderation = Rules::default();
    }
    assert_eq!(format!("{short:?}"), format!("{long:?}"));
}

#[test]
fn the_example_has_every_key_and_no_other() {
    let mut reader = Reader::new(&with_every_key(), std::iter::empty());
    reader.read().unwrap();
    let known: BTreeSet<String> =
        reader.known.iter().map(|key| key.replace("links[0]", "links")).collect();
    let mut section = String::new();
    let mut described = BTreeSet::new();
    for line in EXAMPLE.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, _)) = line.trim_start_matches('#').split_once(" = ")
            && !key.contains(' ')
        {
            described.insert(format!("{section}.{key}"));
        }
    }
    assert_eq!(described, known);
}

#[test]
fn the_example_as_it_is_has_a_fault_for_each_placeholder() {
    let faults = parse(EXAMPLE).unwrap_err();
    let keys: Vec<_> = faults.list.iter().map(|fault| fault.key.as_str()).collect();
    let expected = [
        "twilio.account_sid",
        "twilio.api_key_sid",
        "twilio.api_key_secret",
        "twilio.service_sid",
        "twilio.auth_token",
        "slack.bot_token",
        "slack.app_token",
        "matrix.password",
        "links[0].conversation",
    ];
    assert_eq!(keys, expected);
    for fault in &faults.list {
        assert_eq!(fault.wrong, "it is still a placeholder");
        let Some(Origin::Line(line)) = fault.origin else { panic!("no line: {fault}") };
        let key = fault.key.rsplit('.').next().unwrap();
        assert!(EXAMPLE.lines().nth(line - 1).unwrap().starts_with(key), "{fault}");
    }
}

#[test]
fn all_faults_are_told_at_once_with_their_lines_and_remedies() {
    let text = "\
[http]
listen = \"localhost\"
admin_token = \"short\"
colour = \"red\"

[twilio]
account_sid = \"AX123\"
auth_tokn = \"0123456789abcdef\"
concurrency = 0
senders = [\"+14155550000\", \"4155550001\", 7]

[slak]
";
    insta::assert_snapshot!(parse(text).unwrap_err(), @r#"
    the configuration has 14 faults:

      http.listen (line 2): "localhost" is no IP address with a port.
        Write an IP address and a port: 127.0.0.1:8080, or 0.0.0.0:8080 in a container.
      http.admin_token (line 3): it is shorter than 8 characters.
        Make one with: openssl rand -hex 32.
      http.colour (line 4): there is no such key.
        Take it out: the keys of http are admin_listen, admin_token, admin_token_file, cors_origins, listen, public_url.
      twilio.account_sid (line 7): this is not AC and 32 hexadecimal digits.
        Copy the Account SID from the first page of the Twilio console.
      twilio.api_key_sid: it is missing.
        Make a standard API key in the Twilio console (Account, API keys) and copy its SID.
      twilio.api_key_secret: it is missing, and so is api_key_secret_file.
        Copy the secret that Twilio showed once, when the API key was made; or make a new key.
      twilio.service_sid: it is missing.
        Copy the SID of the Conversations service (Twilio console, Conversations, Services).
      twilio.auth_token: it is missing, and the signatures of webhooks are checked with it.
        Copy the Auth Token from the first page of the Twilio console, or set ingest = "poll".
      twilio.senders[1] (line 10): "4155…01" is not an address: write +14155550100, whatsapp:+14155550100, messenger:ID or client:IDENTITY.
        Write Twilio numbers: whatsapp:+14155550000 for WhatsApp, +14155550001 for SMS.
      twilio.senders[2] (line 10): text in quotes is expected, not a number.
        Write Twilio numbers: whatsapp:+14155550000 for WhatsApp, +14155550001 for SMS.
      twilio.concurrency (line 9): the number is out of range.
        Write a whole number from 1 to 1000, without quotes.
      twilio.auth_tokn (line 8): there is no such key.
        Did you mean twilio.auth_token? Otherwise take it out.
      http.public_url: it is missing, and twilio.ingest = "webhook" needs it.
        Write the address that the internet reaches this daemon by: https://bridge.example.com, or set twilio.ingest = "poll".
      slak (line 12): there is no such section.
        Did you mean [slack]? Otherwise take it out.
    "#);
}

#[test]
fn a_file_that_is_no_toml_is_told_with_its_line() {
    let faults = parse("[http]\nlisten = 127.0.0.1:8080\n").unwrap_err();
    assert_eq!(faults.list[0].origin, Some(Origin::Line(2)), "{faults}");
    assert!(faults.list[0].wrong.starts_with("this is not TOML"), "{faults}");
}

#[test]
fn an_empty_configuration_lacks_what_it_needs() {
    let faults = parse("").unwrap_err();
    let keys: Vec<_> = faults.list.iter().map(|fault| fault.key.as_str()).collect();
    for key in ["twilio.account_sid", "twilio.auth_token", "http.public_url"] {
        assert!(keys.contains(&key), "{key} in {keys:?}");
    }
    assert!(!keys.iter().any(|key| key.starts_with("slack") || key.starts_with("matrix")));
}

#[test]
fn each_rule_is_kept() {
    let ch = hex("CH");
    let link = format!("[[links]]\nconversation = \"{ch}\"\nrooms = [\"slack:C0123ABC\"]\n[relay]");
    for (from, to, fault) in [
        ("https://bridge.example.com", "http://bridge.example.com", "http.public_url"),
        ("public_url = \"https://bridge.example.com\"", "", "http.public_url"),
        ("127.0.0.1:8081", "127.0.0.1:8080", "http.admin_listen"),
        ("127.0.0.1:8081", "8081", "http.admin_listen"),
        ("url = \"sled:data\"", "url = \"postgres://u:p@h/d\"", "store.url"),
        ("url = \"sled:data\"", "url = \"sled:\"", "store.url"),
        ("url = \"sled:data\"", "url = \"sqlite:data\"", "store.url"),
        ("\"US\"", "\"XX\"", "twilio.default_region"),
        ("\"+14155550001\"", "\"client:maya\"", "twilio.senders[1]"),
        ("ingest = \"webhook\"", "ingest = \"webhok\"", "twilio.ingest"),
        ("\"5s\"", "\"5\"", "twilio.poll_interval"),
        ("https://api.twilio.com", "https://api.twilio.com/?a", "twilio.messaging_url"),
        ("xoxb-", "xoxp-", "slack.bot_token"),
        ("app_token", "#app_token", "slack.app_token"),
        ("\"/wa\"", "\"wa\"", "slack.command"),
        ("posts_per_second = 1", "posts_per_second = \"1\"", "slack.posts_per_second"),
        ("mode = \"bot\"", "mode = \"appservice\"", "matrix.mode"),
        ("mode = \"bot\"", "registration = \"r.yaml\"", "matrix.registration"),
        ("@partyline:example.org", "partyline", "matrix.user_id"),
        ("password = ", "access_token = \"0123456789\"\npassword = ", "matrix.password"),
        ("password = ", "#", "matrix.password"),
        ("\"!wa\"", "\"wa\"", "matrix.command_prefix"),
        (":example.com", "example.com", "matrix.inviters[1]"),
        ("\"slack:U0123ABC\"", "\"maya\"", "access.admins[0]"),
        ("\"slack:U0123ABC\"", "\"twilio:+14155550100\"", "access.admins[0]"),
        (&ch, "general", "links[0].conversation"),
        ("\"slack:C0123ABC\"", "\"slack:general\"", "links[0].rooms[0]"),
        ("\"slack:C0123ABC\"", &format!("\"twilio:{ch}\""), "links[0].rooms[0]"),
        ("\"slack:C0123ABC\"", "\"matrix:!abc:example.org\"", "links[0].rooms"),
        ("{name}", "{who}", "relay.attribution"),
        ("*{name}*: {text}", "{text} {name}", "relay.attribution"),
        ("30 days", "30 moons", "relay.retention"),
        ("names_in_memory = 10000", "names_in_memory = -1", "contacts.names_in_memory"),
        ("body_bytes = 1048576", "body_bytes = 1.5", "limits.body_bytes"),
        ("head_bytes = 32768", "head_bytes = 4096", "limits.head_bytes"),
        ("head_wait = \"10s\"", "head_wait = \"0s\"", "limits.head_wait"),
        ("filter = \"info,", "filter = \"loud==,", "logging.filter"),
        ("[relay]", &link, "links[1].conversation"),
    ] {
        let faults = faults_with(from, to);
        assert!(
            faults.iter().any(|told| told.starts_with(&format!("{fault}: "))),
            "{to}: {faults:?}"
        );
    }
}

#[test]
fn a_room_of_a_network_that_is_off_is_a_fault() {
    let text = filled_in(EXAMPLE);
    let slack = text.find("[slack]").unwrap();
    let matrix = text.find("[matrix]").unwrap();
    let faults = parse(&format!("{}{}", &text[..slack], &text[matrix..])).unwrap_err();
    assert!(faults.to_string().contains("slack:C0123ABC is on slack, which is off"), "{faults}");
}

#[test]
fn slack_by_http_needs_the_signing_secret() {
    let text = filled_in(EXAMPLE).replace("#transport = \"socket\"", "transport = \"http\"");
    let faults = parse(&text).unwrap_err();
    assert_eq!(faults.list[0].key, "slack.signing_secret", "{faults}");
    assert_eq!(faults.list.len(), 1, "{faults}");
    let text = text.replace("#signing_secret =", "signing_secret =");
    assert_eq!(parse(&text).unwrap().slack.unwrap().transport, Transport::Http);
}

#[test]
fn polling_and_a_socket_need_no_public_address() {
    let text = filled_in(EXAMPLE)
        .replace("public_url", "#public_url")
        .replace("#ingest = \"webhook\"", "ingest = \"poll\"")
        .replacen("auth_token = ", "#", 1);
    let config = parse(&text).unwrap();
    assert!(config.http.public_url.is_none() && config.twilio.auth_token.is_none());
}

#[test]
fn the_environment_goes_before_the_file() {
    let config = parse_with(
        &filled_in(EXAMPLE),
        &[
            ("PARTYLINE_HTTP__LISTEN", "0.0.0.0:80"),
            ("PARTYLINE_TWILIO__CONCURRENCY", "3"),
            ("PARTYLINE_TWILIO__SENDERS", "+14155550007, whatsapp:+14155550008"),
            ("PARTYLINE_ACCESS__ADMINS", "[\"slack:U1\"]"),
            ("PARTYLINE_LINKS", "[]"),
            ("PARTYLINE_SLACK__COMMAND", ""),
            ("PARTYLINE_CONFIG", "somewhere.toml"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    assert_eq!(config.http.listen.to_string(), "0.0.0.0:80");
    assert_eq!(config.twilio.concurrency, 3);
    assert_eq!(config.twilio.senders.len(), 2);
    assert_eq!(config.access.admins.len(), 1);
    assert!(config.links.is_empty());
    assert_eq!(config.slack.unwrap().command, "/wa", "a variable without a value is not set");
}

#[test]
fn the_environment_can_be_the_whole_configuration() {
    let (ac, sk, is) = (hex("AC"), hex("SK"), hex("IS"));
    let config = parse_with(
        "",
        &[
            ("PARTYLINE_TWILIO__ACCOUNT_SID", &ac),
            ("PARTYLINE_TWILIO__API_KEY_SID", &sk),
            ("PARTYLINE_TWILIO__API_KEY_SECRET", "0123456789abcdef"),
            ("PARTYLINE_TWILIO__SERVICE_SID", &is),
            ("PARTYLINE_TWILIO__INGEST", "poll"),
        ],
    )
    .unwrap();
    assert!(config.slack.is_none() && config.matrix.is_none());
    assert!(config.warnings().len() >= 2);
}

#[test]
fn faults_of_the_environment_name_the_variable() {
    let faults = parse_with(
        &filled_in(EXAMPLE),
        &[
            ("PARTYLINE_TWILIO__CONCURENCY", "3"),
            ("PARTYLINE_HTTP__LISTEN", "here"),
            ("PARTYLINE_TWILLIO__SENDERS", "+1"),
            ("PARTYLINE_LINKS", "CH1"),
        ],
    )
    .unwrap_err();
    let told = faults.to_string();
    for part in [
        "links (PARTYLINE_LINKS)",
        "http.listen (PARTYLINE_HTTP__LISTEN)",
        "twilio.concurency (PARTYLINE_TWILIO__CONCURENCY): there is no such key",
        "Did you mean twilio.concurrency?",
        "twillio (PARTYLINE_TWILLIO__SENDERS): there is no such section",
        "Did you mean [twilio]?",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert_eq!(faults.list.len(), 4);
}

#[test]
fn a_secret_can_stand_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let path = file.to_str().unwrap();
    let text = filled_in(EXAMPLE).replace(
        "auth_token = \"neither short nor secret\"",
        &format!("auth_token_file = {path:?}"),
    );

    let missing = parse(&text).unwrap_err();
    assert_eq!(missing.list[0].key, "twilio.auth_token_file", "{missing}");

    std::fs::write(&file, "from-the-file-0123\n").unwrap();
    let secret = |config: Config| config.twilio.auth_token.unwrap().expose_secret().to_owned();
    assert_eq!(secret(parse(&text).unwrap()), "from-the-file-0123");

    let environment = [("PARTYLINE_TWILIO__AUTH_TOKEN", "from-the-environment")];
    assert_eq!(secret(parse_with(&text, &environment).unwrap()), "from-the-environment");
    let environment = [("PARTYLINE_TWILIO__AUTH_TOKEN_FILE", path)];
    let config = parse_with(&filled_in(EXAMPLE), &environment).unwrap();
    assert_eq!(secret(config), "from-the-file-0123");

    let both = text
        .replace("[slack]", "")
        .replace("auth_token_file", "auth_token = \"0123456789abcdef\"\nauth_token_file");
    let both = parse(&both).unwrap_err().to_string();
    assert!(both.contains("both auth_token and auth_token_file are given"), "{both}");
}

#[test]
fn a_secret_can_be_a_credential_of_systemds() {
    let folder = tempfile::tempdir().unwrap();
    let environment = [("CREDENTIALS_DIRECTORY", folder.path().to_str().unwrap())];
    std::fs::write(folder.path().join("twilio.auth_token"), "from-systemd-0123\n").unwrap();
    let secret = |config: Config| config.twilio.auth_token.unwrap().expose_secret().to_owned();
    let given = filled_in(EXAMPLE);
    let without = given.replacen("auth_token = ", "#", 1);
    assert_eq!(secret(parse_with(&without, &environment).unwrap()), "from-systemd-0123");
    assert_eq!(secret(parse_with(&given, &environment).unwrap()), "neither short nor secret");
    assert_eq!(parse(&without).unwrap_err().list[0].key, "twilio.auth_token");
    std::fs::write(folder.path().join("twilio.auth_token"), "").unwrap();
    let empty = parse_with(&without, &environment).unwrap_err();
    assert_eq!(empty.list[0].key, "twilio.auth_token", "{empty}");
}

/// All of them: by a file each, by the environment, by systemd.
#[test]
fn every_secret_has_every_way_in() {
    const SECRETS: [&str; 8] = [
        "http.admin_token",
        "twilio.api_key_secret",
        "twilio.auth_token",
        "slack.bot_token",
        "slack.app_token",
        "slack.signing_secret",
        "matrix.password",
        "matrix.access_token",
    ];
    let folder = tempfile::tempdir().unwrap();
    let bare: String = filled_in(EXAMPLE)
        .lines()
        .filter(|line| {
            let key = line.split(" = ").next().unwrap_or_default();
            !SECRETS.iter().any(|secret| secret.ends_with(&format!(".{key}")))
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let secret = |name: &str| match name.rsplit('.').next() {
        Some("bot_token") => "xoxb-by-another-way".to_owned(),
        Some("app_token") => "xapp-by-another-way".to_owned(),
        _ => format!("{name} by another way"),
    };
    let variable = |name: &str| format!("PARTYLINE_{}", name.replace('.', "__").to_uppercase());
    for name in SECRETS {
        std::fs::write(folder.path().join(name), secret(name)).unwrap();
    }
    // A Matrix account has a password or a token.
    for left_out in ["matrix.password", "matrix.access_token"] {
        let names = || SECRETS.into_iter().filter(|name| *name != left_out);
        let given: Vec<_> = names().map(|name| (variable(name), secret(name))).collect();
        let files = names().map(|name| {
            let file = folder.path().join(name).to_str().unwrap().to_owned();
            (format!("{}_FILE", variable(name)), file)
        });
        let files: Vec<_> = files.collect();
        let handed_over = tempfile::tempdir().unwrap();
        for name in names() {
            std::fs::write(handed_over.path().join(name), secret(name)).unwrap();
        }
        let credentials = vec![(
            "CREDENTIALS_DIRECTORY".to_owned(),
            handed_over.path().to_str().unwrap().to_owned(),
        )];
        for environment in [given, files, credentials] {
            let config = Config::parse(&bare, environment.into_iter()).unwrap();
            let (slack, matrix) = (config.slack.as_ref().unwrap(), config.matrix.as_ref().unwrap());
            let login = match &matrix.login {
                Login::Password(password) => ("matrix.password", Some(password)),
                Login::AccessToken(token) => ("matrix.access_token", Some(token)),
            };
            let read = [
                ("http.admin_token", config.http.admin_token.as_ref()),
                ("twilio.api_key_secret", Some(&config.twilio.api_key_secret)),
                ("twilio.auth_token", config.twilio.auth_token.as_ref()),
                ("slack.bot_token", Some(&slack.bot_token)),
                ("slack.app_token", slack.app_token.as_ref()),
                ("slack.signing_secret", slack.signing_secret.as_ref()),
                login,
            ];
            assert!(read.iter().all(|(name, _)| *name != left_out));
            let shown = format!("{config:?}");
            for (name, value) in read {
                assert_eq!(value.map(ExposeSecret::expose_secret), Some(secret(name).as_str()));
                assert!(!shown.contains(&secret(name)), "{name} is shown");
            }
        }
    }
}

#[test]
fn secrets_that_everybody_may_read_are_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (config, token) = (folder.path().join("partyline.toml"), folder.path().join("token"));
    std::fs::write(&token, "from-the-file-0123\n").unwrap();
    let text = filled_in(EXAMPLE).replace(
        "auth_token = \"neither short nor secret\"",
        &format!("auth_token_file = {:?}", token.to_str().unwrap()),
    );
    std::fs::write(&config, text).unwrap();
    let warned = |mode| {
        for file in [&config, &token] {
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let read = Config::load(Some(&config), std::iter::empty()).unwrap();
        read.warnings().iter().filter(|warning| warning.contains("chmod 600")).count()
    };
    assert_eq!(warned(0o600), 0);
    assert_eq!(warned(0o640), 0);
    assert_eq!(warned(0o644), 2);
}

#[test]
fn no_secret_is_shown() {
    let text = with_every_key()
        .replace("neither short nor secret", "hush-hush-0123456789-0123456789")
        .replace("-not-a-real-token", "-hush-hush");
    assert!(!format!("{:?}", parse(&text).unwrap()).contains("hush"));
    let wrong = text
        .replace("hush-hush-0123456789-0123456789", "hush")
        .replace("xoxb-", "")
        .replace("xapp-hush-hush", "hush")
        .replace("sled:data", "postgres://user:hush@host/database");
    let faults = parse(&wrong).unwrap_err();
    let keys: Vec<_> = faults.list.iter().map(|fault| fault.key.as_str()).collect();
    for key in ["http.admin_token", "store.url", "slack.bot_token", "slack.app_token"] {
        assert!(keys.contains(&key), "{key} in {keys:?}");
    }
    assert!(!faults.to_string().contains("hush"), "{faults}");
}

#[test]
fn a_missing_file_is_told_with_a_remedy() {
    let faults = Config::load(Some(Path::new("not/there.toml")), std::iter::empty()).unwrap_err();
    let told = faults.to_string();
    assert!(told.starts_with("not/there.toml has a fault"), "{told}");
    assert!(told.contains("partyline.example.toml"), "{told}");
}

/// As editors and shells hand them over: with a mark of the byte order, with Windows' ends of lines, by
/// a pipe that tells no length; and what no configuration is.
#[test]
fn a_file_may_come_as_editors_and_shells_hand_it_over() {
    let folder = tempfile::tempdir().unwrap();
    let text = filled_in(EXAMPLE);
    for (name, bytes) in [
        ("marked", format!("\u{feff}{text}")),
        ("windows", text.replace('\n', "\r\n")),
        ("plain", text),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        assert!(Config::load(Some(&path), std::iter::empty()).is_ok(), "{name}");
    }
    std::fs::write(folder.path().join("latin"), b"# \xe9\n").unwrap();
    for (path, wrong) in [
        (folder.path().to_owned(), "cannot be read"),
        (folder.path().join("latin"), "cannot be read"),
        ("/dev/zero".into(), "more than any configuration"),
    ] {
        let faults = Config::load(Some(&path), std::iter::empty()).unwrap_err();
        assert!(faults.to_string().contains(wrong), "{faults}");
    }
}

#[test]
fn what_stands_twice_is_told_with_what_to_do() {
    let text = filled_in(EXAMPLE).replace("[store]", "[http]\nlisten = \"127.0.0.1:1\"\n[store]");
    let told = parse(&text).unwrap_err().to_string();
    assert!(told.contains("duplicate key") && told.contains("leave one of the two out"), "{told}");
}

/// What is written for a mode that is not there yet is no riddle.
#[test]
fn an_application_service_is_told_as_the_one_thing_that_is_not_there() {
    let faults = faults_with("mode = \"bot\"", "mode = \"appservice\"\nregistration = \"r.yaml\"");
    assert_eq!(faults, ["matrix.mode: application services are not built into this version"]);
}

#[test]
fn a_section_that_is_none_is_a_fault() {
    for text in
        ["http = 1", "links = 1", "links = [1]", "[links]", "[[http]]", "[http.listen]\na = 1"]
    {
        assert!(parse(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn no_file_makes_it_panic(text in "\\PC{0,60}|(\\[|\\]|=|\"|[a-z]|\n| |[0-9]|é){0,60}") {
        let _ = parse(&text);
        let _ = parse(&format!("{}\n{text}", with_every_key()));
    }

    #[test]
    fn no_value_makes_it_panic(value in ".{0,40}", at in 0usize..60) {
        let text = with_every_key();
        let lines: Vec<_> = text.lines().collect();
        let mut changed: Vec<String> = lines.iter().map(ToString::to_string).collect();
        let at = at % lines.len();
        if let Some((key, _)) = lines[at].split_once(" = ") {
            changed[at] = format!("{key} = {value:?}");
        }
        let _ = parse(&changed.join("\n"));
    }
}
