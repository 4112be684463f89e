//! The server under the routes: who gets a connection, for how long, and how it ends.
//!
//! HTTP/1 by hyper, one task a connection. A connection costs a descriptor and some 20 KiB, so
//! there are so many and no more ([`Bounds::connections`]): further callers wait in the system's
//! queue until a place is free. Nobody keeps a place for nothing: `patience` cuts off whoever is
//! slow to ask, to go on, or to read the answer.
//!
//! hyper refuses what is ambiguous (two lengths, a bare line feed in a header); of a length beside
//! chunks it goes by the chunks. Either way it closes the connection, so that nothing that follows
//! is taken for a request.

mod patience;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

pub use patience::Waits;
use patience::{Answering, Patient, Turn};

use crate::lifecycle::Lifecycle;

/// How long to wait after the system could not give a connection (no descriptors, no memory):
/// they are freed by others, and asking again at once would only take the processor from them.
const PAUSE: Duration = Duration::from_millis(100);

/// What callers may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections at a time.
    pub connections: usize,
    /// The longest head of a request, in bytes: its line and its headers. At least 8192.
    pub head_bytes: usize,
    /// How long each step may take.
    pub waits: Waits,
}

/// Answers whoever connects, until [`Lifecycle::stop`]; then takes nobody more, lets what is
/// under way end (as one of [`Lifecycle::tasks`]), and closes what is idle.
pub async fn serve(listener: TcpListener, router: Router, bounds: Bounds, lifecycle: &Lifecycle) {
    let places = Arc::new(Semaphore::new(bounds.connections));
    let service = TowerToHyperService::new(router);
    let mut http = http1::Builder::new();
    // The waits are Patient's. With half-closing, a caller that sends no more than its request
    // still gets the answer, and one that goes away does not break off the work.
    http.header_read_timeout(None)
        .max_header_size(bounds.head_bytes)
        .max_buf_size(bounds.head_bytes)
        .half_close(true);
    let accepting = async {
        loop {
            let place = places.clone().acquire_owned().await;
            let stream = accept(&listener).await;
            let connection = connection(&http, stream, bounds.waits, service.clone());
            let stop = lifecycle.stop.clone();
            lifecycle.tasks.spawn(async move {
                let open = Open::new();
                let mut connection = std::pin::pin!(connection);
                // How a connection ended is its caller's affair: Patient counts whom it cut off.
                if stop.run_until_cancelled(connection.as_mut()).await.is_none() {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
                drop((open, place));
            });
        }
    };
    lifecycle.stop.run_until_cancelled(accepting).await;
}

/// The next connection. What a caller does wrong is passed by; what the system lacks is waited
/// for.
async fn accept(listener: &TcpListener) -> TcpStream {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    let mut told = false;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // An answer is one small write, which nothing should hold back. Fails only for
                // a connection that is gone.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error)
                if matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) => {}
            Err(error) => {
                metrics::counter!("partyline_http_accept_failed_total").increment(1);
                if !std::mem::replace(&mut told, true) {
                    tracing::error!(%error, "no connection can be taken; it is tried until one can (see ulimit -n)");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Serves one connection.
fn connection<S>(
    http: &http1::Builder,
    stream: TcpStream,
    waits: Waits,
    service: S,
) -> http1::Connection<
    TokioIo<Patient>,
    impl Service<
        Request<Incoming>,
        Response = hyper::Response<Answering>,
        Error = Infallible,
        Future: Send,
    > + use<S>,
>
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send>,
{
    let turn = Arc::new(Turn::default());
    let stream = Patient::new(stream, waits, turn.clone());
    let service = service_fn(move |request| {
        turn.ours();
        let (turn, answer) = (turn.clone(), service.call(request));
        async move {
            let answer = answer.await?;
            Ok::<_, Infallible>(answer.map(|body| Answering::new(body, turn)))
        }
    });
    http.serve_connection(TokioIo::new(stream), service)
}

/// A connection that is open, as long as this is there.
struct Open;

impl Open {
    fn new() -> Self {
        metrics::gauge!("partyline_http_connections").increment(1.0);
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::gauge!("partyline_http_connections").decrement(1.0);
    }
}
