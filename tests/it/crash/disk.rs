//! A disk that is full, and one that has room again.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use partyline_twilio::simulator::Happening;
use serde_json::Value;
use tokio::sync::broadcast::Receiver;

use crate::support::{PATIENCE, World, inbox};

/// Mounts a small file system where the daemon's store will be, in a name space that only the
/// daemon is in, and becomes the daemon. `$0` is the folder.
const SMALL_DISK: &str = r#"mount -t tmpfs -o size=16m tmpfs "$0" && exec "$@""#;

/// Has the daemon keep its store on a small disk of its own.
///
/// # Panics
/// The machine does not let us mount one: with what is missing.
fn give_small_disk(world: &mut World) {
    let store = world.daemon.store();
    std::fs::create_dir_all(&store).expect("the folder of the store");
    let tried = Command::new("unshare")
        .args(["-rm", "sh", "-c", SMALL_DISK])
        .arg(&store)
        .arg("true")
        .output();
    let works = tried.as_ref().is_ok_and(|tried| tried.status.success());
    assert!(
        works,
        "this test fills a small disk, and cannot have one here: it needs `unshare` (util-linux) \
         and the right to mount in a name space of its own (CAP_SYS_ADMIN, in a container \
         `--cap-add SYS_ADMIN --security-opt apparmor=unconfined`, or unprivileged user name \
         spaces): {tried:?}"
    );
    let folder = store.to_str().expect("a plain path");
    world.daemon.run_under(&["unshare", "-rm", "sh", "-c", SMALL_DISK, folder]);
}

/// What fills the disk.
struct Filler(PathBuf);

impl Filler {
    /// Fills the daemon's disk to the last byte, by its own view of the file system.
    fn fill(world: &World) -> Self {
        let store = world.daemon.store();
        let store = store.strip_prefix("/").expect("an absolute path");
        let path = PathBuf::from(format!("/proc/{}/root", world.daemon.id())).join(store);
        let path = path.join("filler");
        let mut file = File::create(&path).expect("the daemon's disk");
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        Self(path)
    }

    /// The same, but for so many bytes.
    fn fill_but(world: &World, left: u64) -> Self {
        let filler = Self::fill(world);
        let file = File::options().write(true).open(&filler.0).expect("the filler");
        let length = file.metadata().expect("its length").len();
        file.set_len(length.saturating_sub(left)).expect("cut");
        filler
    }

    fn remove(self) {
        std::fs::remove_file(self.0).expect("removed");
    }
}

/// The status of the next answer to a hook of this name.
async fn next_answer(happenings: &mut Receiver<Happening>, name: &str) -> Option<u16> {
    loop {
        let happening = tokio::time::timeout(PATIENCE, happenings.recv()).await.expect("a hook");
        if let Ok(Happening::Hook { event, status, .. }) = happening
            && event == name
        {
            return status;
        }
    }
}

async fn ready(world: &World) -> (u16, Value) {
    let answer = reqwest::get(world.daemon.url("/ready")).await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

async fn wait_until_ready(world: &World) {
    let began = Instant::now();
    while ready(world).await.0 != 200 {
        assert!(began.elapsed() < PATIENCE, "it does not go on\n{}", world.daemon.log());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_what_it_cannot_keep_and_nothing_is_lost() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    give_small_disk(&mut world);
    world.daemon.start().await;
    group.phones[0].say(&group.conversation, "p0").await.expect("said");
    world.slack.user_says(&group.channel, &world.admin, "s0").expect("said");
    world.wait_for_inbox(&group.phones[0], 1).await;
    world.daemon.wait_until_settled().await;

    let filler = Filler::fill(&world);
    let mut happenings = world.twilio.subscribe();
    let mut said = 0;
    // What the files have room for within their last pages is still taken.
    loop {
        said += 1;
        group.phones[0].say(&group.conversation, format!("p{said}").as_str()).await.expect("said");
        assert_eq!(next_answer(&mut happenings, "onMessageAdd").await, Some(200));
        match next_answer(&mut happenings, "onMessageAdded").await {
            Some(200) => assert!(said < 1000, "the disk is not full"),
            status => break assert_eq!(status, Some(503)),
        }
    }
    let (status, json) = ready(&world).await;
    assert_eq!(status, 503);
    assert_eq!(json["store"]["ready"], false);
    assert!(json["store"]["reason"].as_str().expect("a reason").contains("full"), "{json}");
    for number in 1..=5 {
        let text = format!("s{number}");
        world.slack.user_says(&group.channel, &world.admin, &text).expect("said");
        group.phones[0]
            .say(&group.conversation, format!("p{}", said + number).as_str())
            .await
            .expect("said");
    }
    let live = reqwest::get(world.daemon.url("/live")).await.expect("an answer");
    assert_eq!(live.status(), 200);

    filler.remove();
    wait_until_ready(&world).await;
    // Nobody says anything more: what was refused comes by itself.
    world.wait_for_posts(&group.channel, said + 6 + 6).await;
    world.wait_for_inbox(&group.phones[0], 6).await;
    world.daemon.wait_until_settled().await;
    let posts = world.channel(&group.channel).into_iter().map(|(_, text)| text);
    let posts: Vec<String> = posts.filter(|text| text.starts_with('p')).collect();
    let expected: Vec<String> = (0..said + 6).map(|number| format!("p{number}")).collect();
    assert_eq!(posts, expected);
    let expected: Vec<String> = (0..6).map(|number| format!("*Ada Admin*: s{number}")).collect();
    assert_eq!(inbox(&group.phones[0]), expected);
}

/// Imports contacts as the command line does, over the socket of the daemon, which is on its disk.
async fn import(world: &World, file: &Path) -> (bool, String) {
    let store = format!("sled:/proc/{}/root{}", world.daemon.id(), world.daemon.store().display());
    let mut import = world.daemon.command(&["contacts", "import", file.to_str().expect("a path")]);
    import.env("PARTYLINE_STORE__URL", store);
    let ended = tokio::task::spawn_blocking(move || import.output()).await.expect("joined");
    let ended = ended.expect("the binary");
    let said = [ended.stdout, ended.stderr].concat();
    (ended.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// sled takes no write after one that failed: it is opened anew, and nothing has to be restarted.
#[tokio::test(flavor = "multi_thread")]
async fn contacts_that_a_full_disk_refused_are_taken_once_there_is_room() {
    const CONTACTS: u32 = 20_000;
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    give_small_disk(&mut world);
    world.daemon.start().await;
    world.command(&group.channel, &world.admin, "contact add +14155550101 Maya").await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("contacts.csv");
    let line = |number: u32| format!("+141560{number:05},Somebody {number}\n");
    let lines: String = (0..CONTACTS).map(line).collect();
    std::fs::write(&file, format!("number,name\n{lines}")).expect("a file");

    // The ledger has room for a few rows more, the contacts have not.
    let filler = Filler::fill_but(&world, 768 << 10);
    let (taken, said) = import(&world, &file).await;
    assert!(!taken, "there was room: {said}");
    filler.remove();
    wait_until_ready(&world).await;
    let began = Instant::now();
    loop {
        let (taken, said) = import(&world, &file).await;
        if taken {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{said}\n{}", world.daemon.log());
    }
    for (number, name) in [("+14156019999", "Somebody 19999"), ("+14155550101", "Maya")] {
        let line = format!("contact show {number}");
        let shown = world.command(&group.channel, &world.admin, &line).await;
        assert!(shown.contains(name), "{shown}");
    }
}
