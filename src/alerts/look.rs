//! What can be seen of the bridge's health, at one moment.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use partyline_core::mask;

use super::episode::{Moment, Observed};
use super::skew::Jumps;
use super::{Alert, Signs, Skew};
use crate::config::Alerts;
use crate::ledger::{Ledger, LedgerError, LostEnd};
use crate::networks::{Networks, Powers};

/// How often the ledger is written to when nothing else does, to see that it can be.
const WRITE_ANYWAY: Duration = Duration::from_secs(60);

/// So few inodes left are as good as none.
const FEW_INODES: u64 = 1000;

/// Looks at everything that an alert is about, and remembers between two looks what was told of already.
pub struct Look {
    ledger: Ledger,
    networks: Networks,
    folder: PathBuf,
    signs: Arc<Signs>,
    skew: Arc<Skew>,
    settings: Alerts,
    /// Parked deliveries that were told of already.
    parked: u64,
    /// Places that could not be read back, likewise.
    unread: u64,
    /// Up to when what the ledger lost was told of, in milliseconds.
    lost: u64,
    jumps: Jumps,
    written: Written,
}

/// How the last write to the ledger went.
struct Written {
    /// When it was, since the start.
    at: Duration,
    /// How many writes had failed by then.
    failures: u64,
    error: Option<LedgerError>,
}

impl Look {
    /// A look at these. `folder` is the store's.
    #[must_use]
    pub fn new(
        ledger: Ledger,
        networks: Networks,
        folder: PathBuf,
        signs: Arc<Signs>,
        skew: Arc<Skew>,
        settings: Alerts,
    ) -> Self {
        let jumps = Jumps::beyond(signed(settings.clock_off));
        let written = Written { at: Duration::ZERO, failures: 0, error: None };
        Self {
            ledger,
            networks,
            folder,
            signs,
            skew,
            settings,
            parked: 0,
            unread: 0,
            lost: 0,
            jumps,
            written,
        }
    }

    /// So much of an alert was told before the start.
    pub(super) const fn told_before(&mut self, alert: Alert, mark: u64) {
        match alert {
            Alert::Parked => self.parked = mark,
            Alert::LostEnd => self.lost = mark,
            _ => {}
        }
    }

    /// What need not be told again of an alert, after a start either.
    pub(super) const fn mark(&self, alert: Alert) -> Option<u64> {
        match alert {
            Alert::Parked => Some(self.parked),
            Alert::LostEnd => Some(self.lost),
            _ => None,
        }
    }

    /// How each alert stands now.
    pub(super) async fn at(&mut self, now: Moment) -> Vec<(Alert, Observed)> {
        let mut seen = Vec::with_capacity(Alert::ALL.len());
        for alert in Alert::ALL {
            let observed = match alert {
                Alert::Network(network) => {
                    self.networks.get(network).map_or(Observed::Cured, |powers| one(alert, powers))
                }
                Alert::Company => self.company(),
                Alert::Queue => self.queue(now.at).await,
                Alert::Parked => self.parked_now().await,
                Alert::Disk => self.disk(),
                Alert::Clock => self.clock(now),
                Alert::ReadBack => self.read_back(),
                Alert::MessageLog => self.message_logs().await,
                Alert::Ledger => self.ledger(now).await,
                Alert::LostEnd => self.lost_end().await,
            };
            seen.push((alert, observed));
        }
        seen
    }

    fn company(&self) -> Observed {
        let mut companies = self.networks.iter().filter_map(|(_, powers)| powers.watch.company());
        companies.next().map_or(Observed::Fine, Observed::Wrong)
    }

    async fn queue(&self, now: Timestamp) -> Observed {
        let Ok(oldest) = self.ledger.oldest_waiting().await else { return Observed::Unknown };
        let allowed = signed(self.settings.queue_age);
        match oldest {
            Some((lane, since)) if now.duration_since(since) > allowed => Observed::Wrong(format!(
                "What is to go to {} has waited for {}. `status` there says what it waits for; \
                 if the network works, look at the log.",
                lane.place,
                in_words(now.duration_since(since)),
            )),
            _ => Observed::Fine,
        }
    }

    async fn parked_now(&mut self) -> Observed {
        let Ok(count) = self.ledger.parked_count().await else { return Observed::Unknown };
        let before = std::mem::replace(&mut self.parked, count);
        match count {
            0 => Observed::Cured,
            _ if count > before => Observed::Wrong(format!(
                "{} not delivered and will not be tried again; {count} in all. `queue list` shows \
                 them with the reasons, `queue retry` sends them again, `queue drop` gives them up.",
                match count - before {
                    1 => "1 message was".to_owned(),
                    many => format!("{many} messages were"),
                },
            )),
            _ => Observed::Fine,
        }
    }

    fn disk(&self) -> Observed {
        let Ok(disk) = rustix::fs::statvfs(&self.folder) else { return Observed::Unknown };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        metrics::gauge!("partyline_disk_free_bytes").set(as_gauge(free));
        let mib = free / (1024 * 1024);
        let folder = self.folder.display();
        if mib < self.settings.disk_free_mib {
            return Observed::Wrong(format!(
                "The disk with {folder} has {mib} MiB left, less than alerts.disk_free_mib = {}. \
                 Make room: when it is full, nothing more can be taken in.",
                self.settings.disk_free_mib
            ));
        }
        // File systems without a fixed number of them say 0 of 0.
        if disk.f_files > 0 && disk.f_favail < FEW_INODES {
            return Observed::Wrong(format!(
                "The disk with {folder} has room for {} more files only. Remove some.",
                disk.f_favail
            ));
        }
        Observed::Fine
    }

    fn clock(&mut self, now: Moment) -> Observed {
        let allowed = signed(self.settings.clock_off);
        let jumped = self.jumps.look(now);
        if let Some(ahead) = self.skew.last().filter(|ahead| ahead.abs() > allowed) {
            let direction = if ahead.is_negative() { "behind" } else { "ahead of" };
            return Observed::Wrong(format!(
                "This machine's clock is {} {direction} the platforms'. Set it by NTP: signatures \
                 fail at five minutes, and what is caught up shows wrong times.",
                in_words(ahead.abs())
            ));
        }
        match jumped {
            Some(by) => {
                let direction = if by.is_negative() { "back" } else { "forward" };
                Observed::Wrong(format!(
                    "This machine's clock jumped {direction} by {}, or the machine slept. Check \
                     that NTP runs.",
                    in_words(by.abs())
                ))
            }
            // Before any platform has told its time nobody knows.
            None if self.skew.last().is_none() => Observed::Unknown,
            None => Observed::Fine,
        }
    }

    fn read_back(&mut self) -> Observed {
        let unread = self.signs.seen();
        if unread.count == std::mem::replace(&mut self.unread, unread.count) {
            return Observed::Fine;
        }
        let place = unread.last.map_or_else(String::new, |place| format!(", the last is {place}"));
        Observed::Wrong(format!(
            "What was missed could not be read back {} since the start{place}: something said \
             there may be missing. The log says why; it is read again at the next reconnect.",
            match unread.count {
                1 => "once".to_owned(),
                many => format!("{many} times"),
            },
        ))
    }

    async fn message_logs(&self) -> Observed {
        let Ok(refused) = self.ledger.refused_logs().await else { return Observed::Unknown };
        let Some((sender, why)) = refused.first() else { return Observed::Fine };
        let more = match refused.len() - 1 {
            0 => String::new(),
            more => format!(" ({more} more likewise)"),
        };
        Observed::Wrong(format!(
            "Twilio does not list what is written to {}{more}. {why} Until it does, what somebody in no \
             group writes to it while its Messaging webhook does not come here is lost. It is asked again \
             by itself.",
            mask(sender.as_str()),
        ))
    }

    async fn lost_end(&mut self) -> Observed {
        let Ok(lost) = self.ledger.lost_end().await else { return Observed::Unknown };
        let to = |lost: &LostEnd| lost.to.as_millisecond().unsigned_abs();
        let Some(lost) = lost.filter(|lost| to(lost) != self.lost) else { return Observed::Fine };
        self.lost = to(&lost);
        let utc = |at: Timestamp| at.strftime("%F %T UTC");
        Observed::Wrong(format!(
            "The ledger has lost what it wrote down between {} and {}: its file was cut short, by \
             the disk or by somebody. Messages of that time are read back. Commands may not have \
             been done: look, and give them again. Check the disk.",
            utc(lost.from),
            utc(lost.to),
        ))
    }

    /// Whether the ledger can be written: tried where something failed since the last look, and
    /// now and then anyway.
    async fn ledger(&mut self, now: Moment) -> Observed {
        let failures = self.ledger.failed_writes();
        let is_due = now.up.saturating_sub(self.written.at) >= WRITE_ANYWAY
            || self.ledger.is_damaged() && self.written.error.is_none();
        if is_due || failures > self.written.failures || self.written.error.is_some() {
            let error = self.ledger.touch().await.err();
            let failures = self.ledger.failed_writes();
            self.written = Written { at: now.up, failures, error };
        }
        match &self.written.error {
            None => Observed::Fine,
            Some(error) => Observed::Wrong(format!(
                "Nothing can be written down, so nothing is taken in: {error}."
            )),
        }
    }
}

/// How a network stands. Where a platform calls us and nothing tries that way in, that nothing has
/// come yet says nothing.
fn one(alert: Alert, powers: &Powers) -> Observed {
    let health = powers.health();
    match health.reason {
        Some(why) if !health.ready || powers.canary => {
            Observed::Wrong(format!("{} does not work. {why}", capital(alert)))
        }
        _ => Observed::Fine,
    }
}

fn capital(alert: Alert) -> String {
    let mut name = alert.as_str().to_owned();
    name[..1].make_ascii_uppercase();
    name
}

#[expect(clippy::cast_precision_loss, reason = "a gauge")]
const fn as_gauge(bytes: u64) -> f64 {
    bytes as f64
}

fn signed(span: Duration) -> SignedDuration {
    SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX)
}

/// A span as people say it: `45 s`, `12 min`, `3 h`, `2 d`.
pub(super) fn in_words(span: SignedDuration) -> String {
    match span.as_secs().unsigned_abs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}
