//! The real binary: started, killed, and asked of Linux what it takes.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;
use url::Url;

/// How long the daemon may take to start or to settle.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often its state is asked for meanwhile.
const GLANCE: Duration = Duration::from_millis(5);
/// What `/proc` counts processor time in: `getconf CLK_TCK`, 100 on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// A daemon with a configuration and a store of its own; killed when it is dropped.
pub(crate) struct Daemon {
    binary: PathBuf,
    folder: TempDir,
    address: SocketAddr,
    child: Option<Child>,
    client: reqwest::Client,
    /// The most memory of those that were killed.
    most_kib: u64,
}

impl Daemon {
    /// Of this program, or of the one that was built with the bench; not running yet.
    pub(crate) fn new(binary: Option<&Path>) -> anyhow::Result<Self> {
        let free = std::net::TcpListener::bind("127.0.0.1:0")?;
        Ok(Self {
            binary: binary.unwrap_or(Path::new(env!("CARGO_BIN_EXE_partyline"))).to_owned(),
            folder: tempfile::tempdir()?,
            address: free.local_addr()?,
            child: None,
            client: reqwest::Client::builder().no_proxy().build()?,
            most_kib: 0,
        })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        format!("http://{}{path}", self.address).parse().expect("an address and a path are a URL")
    }

    /// The folder of its store.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Writes its configuration: this, and the links of conversations to rooms of a network.
    pub(crate) fn configure<'a>(
        &self,
        mut config: String,
        network: &str,
        links: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> anyhow::Result<()> {
        for (conversation, room) in links {
            let _ = write!(
                config,
                "\n[[links]]\nconversation = \"{conversation}\"\nrooms = [\"{network}:{room}\"]\n"
            );
        }
        std::fs::write(self.config(), config).context("the configuration could not be written")
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("partyline.toml")
    }

    /// Starts it; how long it took until every network was ready.
    pub(crate) async fn start(&mut self) -> anyhow::Result<Duration> {
        let log = std::fs::File::create(self.log())?;
        let started = Instant::now();
        let child = Command::new(&self.binary)
            .args(["run", "--config"])
            .arg(self.config())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        self.child = Some(child);
        let mut ticks = tokio::time::interval(GLANCE);
        let mut last = String::new();
        while started.elapsed() < PATIENCE {
            ticks.tick().await;
            if let Some(child) = &mut self.child
                && let Some(status) = child.try_wait()?
            {
                bail!("the daemon ended with {status}\n{}", self.read_log());
            }
            if let Ok(answer) = self.client.get(self.url("/ready")).send().await {
                if answer.status().is_success() {
                    return Ok(started.elapsed());
                }
                last = answer.text().await.unwrap_or_default();
            }
        }
        bail!("the daemon is not ready: {last}\n{}", self.read_log())
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    pub(crate) fn read_log(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// SIGKILL, in the middle of whatever it does.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.most_kib = self.most_kib.max(self.kib("VmHWM:")?);
        let mut child = self.child.take().context("the daemon is not running")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Waits until nothing waits in a lane, and checks that nothing was parked.
    pub(crate) async fn settle(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        let mut ticks = tokio::time::interval(GLANCE * 10);
        loop {
            ticks.tick().await;
            let text = self.client.get(self.url("/metrics")).send().await?.text().await?;
            let count = |state: &str| {
                let name = format!("partyline_deliveries{{state=\"{state}\"}} ");
                text.lines().find_map(|line| line.strip_prefix(&name)?.parse::<f64>().ok())
            };
            ensure!(count("parked") == Some(0.0), "deliveries were parked\n{}", self.read_log());
            if count("waiting") == Some(0.0) {
                return Ok(());
            }
            ensure!(started.elapsed() < PATIENCE, "deliveries still wait\n{}", self.read_log());
        }
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let id = self.child.as_ref().context("the daemon is not running")?.id();
        let path = format!("/proc/{id}/{file}");
        std::fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))
    }

    fn kib(&self, line: &str) -> anyhow::Result<u64> {
        let status = self.proc("status")?;
        let found = status.lines().find_map(|one| one.strip_prefix(line));
        let number = found.and_then(|rest| rest.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).with_context(|| format!("no {line}"))
    }

    /// The memory that it has now, in MiB.
    pub(crate) fn mib(&self) -> anyhow::Result<f64> {
        Ok(self.kib("VmRSS:")? as f64 / 1024.0)
    }

    /// The most memory that it had, over all its starts, in MiB.
    pub(crate) fn most_mib(&self) -> anyhow::Result<f64> {
        Ok(self.most_kib.max(self.kib("VmHWM:")?) as f64 / 1024.0)
    }

    /// The processor time that it took since its start, in seconds.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = self.proc("stat")?;
        // The program's name stands in brackets and may hold anything; `utime` and `stime` are
        // fields 14 and 15, counted from 1, the name being the second.
        let behind = stat.rsplit(')').next().unwrap_or_default();
        let ticks: u64 =
            behind.split_whitespace().skip(11).take(2).flat_map(str::parse::<u64>).sum();
        Ok(ticks as f64 / TICKS_PER_SECOND)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
