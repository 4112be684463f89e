//! What the process may do, and what it leaves behind: private files, no core dumps, nothing
//! written beside its store, and no more rights than it needs.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use crate::support::World;

#[tokio::test(flavor = "multi_thread")]
async fn what_it_keeps_is_its_owners_alone_and_in_no_core_dump() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    group.phones[0].say(&group.conversation, "kept on a disk").await.unwrap();
    world.wait_for_posts(&group.channel, 1).await;
    let limits = format!("/proc/{}/limits", world.daemon.id());
    let limits = std::fs::read_to_string(limits).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).collect::<Vec<_>>(), ["0", "0", "bytes"]);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&world.daemon.store()), 0o700);
    // One that was open to others is closed, whatever is in it.
    world.daemon.stop().await;
    std::fs::set_permissions(world.daemon.store(), Permissions::from_mode(0o755)).unwrap();
    world.daemon.start().await;
    assert_eq!(mode(&world.daemon.store()), 0o700);
}

/// As the container and the systemd unit run it: nobody in particular, without rights, on a file
/// system that can only be read but for the store.
#[tokio::test(flavor = "multi_thread")]
async fn it_runs_as_nobody_where_only_its_store_can_be_written() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    let store = world.daemon.store();
    std::fs::create_dir(&store).unwrap();
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    // Who is not root gets a name space in which it may mount; there it stays itself.
    let space: &[&str] = if is_root { &[] } else { &["--user", "--map-root-user"] };
    let user: &[&str] =
        if is_root { &["--reuid=65534", "--regid=65534", "--clear-groups"] } else { &[] };
    if is_root {
        let owned = |path: &Path| {
            chown(path, Some(65534), Some(65534)).expect("given away");
        };
        owned(&store);
        // The folder around it holds the configuration; whoever runs the daemon must get there.
        owned(store.parent().expect("a folder"));
    }
    let script = format!(
        "mount --make-rprivate / && mount --bind '{0}' '{0}' && mount -o remount,bind,ro / && \
         exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all {1} -- \"$@\"",
        store.display(),
        user.join(" ")
    );
    let mut wrapper = vec!["unshare", "--mount"];
    wrapper.extend(space);
    wrapper.extend(["sh", "-c", &script, "sh"]);
    let possible =
        Command::new(wrapper[0]).args(&wrapper[1..]).arg("true").output().expect("unshare");
    if possible.status.success() {
        world.daemon.through(&wrapper);
    } else {
        eprintln!("no name spaces here: without a read-only root, what is written is looked at");
    }
    world.daemon.start().await;
    group.phones[0].say(&group.conversation, "hello").await.unwrap();
    world.slack.user_says(&group.channel, &world.admin, "hello").unwrap();
    world.wait_for_posts(&group.channel, 2).await;
    world.wait_for_inbox(&group.phones[0], 1).await;
    let process = format!("/proc/{}", world.daemon.id());
    if possible.status.success() {
        let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
        for line in ["NoNewPrivs:\t1", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000"] {
            assert!(status.contains(line), "{line} in {status}");
        }
    }
    let mut written = 0;
    for entry in std::fs::read_dir(format!("{process}/fd")).unwrap() {
        let entry = entry.unwrap();
        let Ok(file) = std::fs::read_link(entry.path()) else { continue };
        let number = entry.file_name();
        let info = format!("{process}/fdinfo/{}", number.to_string_lossy());
        let info = std::fs::read_to_string(info).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        let writes = flags.is_some_and(|flags| !flags.trim().ends_with('0'));
        // Its log is the test's; 0, 1 and 2 were open before it began.
        let own = number.to_string_lossy().parse::<u32>().is_ok_and(|number| number > 2);
        if own && writes && file.is_absolute() && !file.starts_with("/dev") {
            assert!(file.starts_with(&store), "{} is written", file.display());
            written += 1;
        }
    }
    assert!(written > 0, "the ledger at least");
    world.daemon.wait_until_settled().await;
    world.daemon.stop().await;
}

/// systemd itself says how exposed the unit leaves the system: 0 is best, 10 the worst.
#[test]
fn systemd_finds_the_unit_closed_and_right() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/partyline.service");
    let mut analyze = Command::new("systemd-analyze");
    // Above 1.5 it fails.
    let output = analyze.args(["security", "--offline=true", "--threshold=15"]).arg(&unit).output();
    let output = output.expect("systemd-analyze: tests/run installs it");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("Overall exposure level"), "{said}");

    // A key that it does not know, or a value that is none, it would only warn of.
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("partyline.service");
    let text = std::fs::read_to_string(&unit).expect("the unit");
    std::fs::write(&copy, text.replace("/usr/local/bin/partyline", "/bin/true")).expect("a copy");
    let output = Command::new("systemd-analyze").arg("verify").arg(&copy).output();
    let output = output.expect("systemd-analyze");
    let warned = String::from_utf8_lossy(&output.stderr);
    let ours: Vec<_> = warned.lines().filter(|line| line.contains("partyline")).collect();
    assert!(output.status.success() && ours.is_empty(), "{warned}");
}
