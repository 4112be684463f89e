//! The network between the daemon and a platform, which can break in every way that networks do.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How the network behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It works.
    Pass,
    /// Nobody listens; what was connected is reset.
    Refuse,
    /// Connections are taken and nothing goes through, either way. One that was open stays open
    /// and is dead for ever, also when the network works again.
    BlackHole,
    /// What goes to the platform arrives and its answers do not; dead for ever, likewise.
    AnswersLost,
    /// Every connection is reset as soon as something is sent.
    Reset,
    /// Every piece is late by this much.
    Slow(Duration),
    /// A connection is reset after so many bytes from the platform.
    Cut(usize),
}

/// The way from one to the other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

/// A network to one address.
pub(crate) struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    _stop: DropGuard,
}

impl Proxy {
    /// A network that works.
    pub(crate) async fn to(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (mode, modes) = watch::channel(Mode::Pass);
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(listen(listener, upstream, modes)));
        Self { address, mode, _stop: stop.drop_guard() }
    }

    /// Where it is reached.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it behaves so.
    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn listen(listener: TcpListener, upstream: SocketAddr, mut modes: watch::Receiver<Mode>) {
    let address = listener.local_addr().expect("an address");
    let mut listener = Some(listener);
    // What it carries ends with it.
    let mut carried = tokio::task::JoinSet::new();
    loop {
        let refuses = *modes.borrow_and_update() == Mode::Refuse;
        if refuses {
            listener = None;
        } else if listener.is_none() {
            listener = Some(again(address));
        }
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = modes.changed() => if changed.is_err() { return },
            connection = accepted => if let Ok((near, _)) = connection {
                carried.spawn(carry(near, upstream, modes.clone()));
            },
            Some(_) = carried.join_next() => {}
        }
    }
}

/// Listens where it listened before.
fn again(address: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("an option");
    socket.bind(address).expect("the port is still there");
    socket.listen(1024).expect("it listens")
}

/// Carries one connection until an end is closed or the network breaks it.
async fn carry(mut near: TcpStream, upstream: SocketAddr, modes: watch::Receiver<Mode>) {
    if *modes.borrow() == Mode::BlackHole {
        lost(modes).await;
        return reset(&near);
    }
    let Ok(mut far) = TcpStream::connect(upstream).await else { return reset(&near) };
    let is_broken = {
        let (near_read, near_write) = near.split();
        let (far_read, far_write) = far.split();
        tokio::select! {
            broken = pump(near_read, far_write, Way::There, modes.clone()) => broken,
            broken = pump(far_read, near_write, Way::Back, modes) => broken,
        }
    };
    if is_broken {
        reset(&near);
        reset(&far);
    }
}

/// Carries one way. Whether the connection is to be reset.
async fn pump(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    way: Way,
    mut modes: watch::Receiver<Mode>,
) -> bool {
    let mut buffer = vec![0; 16 * 1024];
    let mut carried = 0;
    loop {
        let mode = *modes.borrow_and_update();
        match mode {
            Mode::Refuse => return true,
            Mode::BlackHole => return lost(modes).await,
            Mode::AnswersLost if way == Way::Back => return lost(modes).await,
            _ => {}
        }
        let count = tokio::select! {
            changed = modes.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return false,
            },
            read = from.read(&mut buffer) => match read {
                Ok(0) | Err(_) => return false,
                Ok(count) => count,
            },
        };
        carried += count;
        match mode {
            Mode::Reset => return true,
            Mode::Slow(late) => tokio::time::sleep(late).await,
            _ => {}
        }
        let cut = match mode {
            Mode::Cut(most) if way == Way::Back && carried > most => carried - most,
            _ => 0,
        };
        if to.write_all(&buffer[..count.saturating_sub(cut)]).await.is_err() {
            return false;
        }
        if cut > 0 {
            let _ = to.flush().await;
            return true;
        }
    }
}

/// A connection that is dead and does not know it, until somebody resets it.
async fn lost(mut modes: watch::Receiver<Mode>) -> bool {
    let broken = modes.wait_for(|mode| matches!(mode, Mode::Refuse | Mode::Reset)).await;
    broken.is_ok()
}

fn reset(stream: &TcpStream) {
    // Without it the connection closes in good order.
    let _ = stream.set_zero_linger();
}
