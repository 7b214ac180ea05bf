//! Signalling over a WebSocket. It stays open while the viewer watches: its end is a leaving.

pub mod request;

use super::admission::{Joined, Resumed, join, one_more_offer, restart, resume, seek};
use super::authorize::Guest;
use super::client;
use super::problem::{Problem, general};
use super::site::{MESSAGE_BYTES_MAX, Site};
use crate::access::accounts::Visitor;
use actix_web::{HttpRequest, HttpResponse, rt, web};
use actix_ws::{AggregatedMessage, CloseCode, CloseReason, ProtocolError, Session};
use futures_util::StreamExt;
use lenscap_actors::departure::Cause;
use lenscap_actors::ids::StreamId;
use lenscap_actors::peer::{Carried, Follows, Hangup, Leave, Line, Shown, Signal, Switch};
use lenscap_actors::peers::Admitted;
use request::Request;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// A proxy that hears nothing ends a connection: nginx after 60 s, others after 30.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// The routes of this family.
pub fn routes(app: &mut web::ServiceConfig) {
    app.service(web::resource("/ws").get(open));
}

async fn open(
    request: HttpRequest,
    guest: Guest,
    body: web::Payload,
    site: web::Data<Site>,
) -> actix_web::Result<HttpResponse> {
    let viewer = client::address(&request);
    let place = site.sockets.one_more(viewer).map_err(Problem::from)?;
    let (response, session, messages) = actix_ws::handle(&request, body)?;
    let messages =
        messages.max_frame_size(MESSAGE_BYTES_MAX).aggregate_continuations().max_continuation_size(MESSAGE_BYTES_MAX);
    // It ends with the connection, and the place is free again; if it panics, the peer's guard lets the viewer go.
    rt::spawn(async move {
        let _place = place;
        Socket { site, session, viewer, visitor: guest.visitor, watching: None }.run(messages).await;
    });
    Ok(response)
}

/// The viewer of this connection; let go when this is dropped, unless it has gone on over another.
struct Watching {
    peer: Admitted,
    token: String,
    line: Line,
    signals: mpsc::Receiver<Signal>,
    left: bool,
}

impl Watching {
    /// It says so.
    async fn bye(mut self) {
        self.left = true;
        let _ = self.peer.peer.send(Leave(Cause::Bye)).await;
    }

    /// The connection has ended.
    async fn hang_up(mut self) {
        self.left = true;
        let _ = self.peer.peer.send(Hangup(self.line)).await;
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        if !self.left {
            self.peer.peer.do_send(Hangup(self.line));
        }
    }
}

struct Socket {
    site: web::Data<Site>,
    session: Session,
    viewer: IpAddr,
    visitor: Visitor,
    watching: Option<Watching>,
}

/// The connection is of no more use.
struct Ended;

impl Socket {
    async fn run(mut self, mut messages: actix_ws::AggregatedMessageStream) {
        let mut spoke = Instant::now();
        let every = KEEPALIVE.min(self.site.limits.silent_websocket / 2);
        let mut keepalive = tokio::time::interval_at((spoke + every).into(), every);
        let reason = loop {
            let useless_at = self.watching.is_none().then(|| spoke + self.site.limits.silent_websocket);
            let silence = async {
                match useless_at {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            let signal = async {
                match &mut self.watching {
                    Some(watching) => watching.signals.recv().await,
                    None => std::future::pending().await,
                }
            };
            let result = tokio::select! {
                // Proxies close what carries nothing for a while, and that would be a leaving.
                _ = keepalive.tick() => self.session.ping(b"").await.map_err(|_| Ended),
                () = silence => break Some(CloseReason::from((CloseCode::Policy, "nothing was said"))),
                message = messages.next() => match message {
                    Some(Ok(message)) => {
                        // Browsers answer pings without their pages.
                        if matches!(message, AggregatedMessage::Text(_)) {
                            spoke = Instant::now();
                        }
                        self.message(message).await
                    }
                    Some(Err(error)) => break self.broken(error).await,
                    None => break None,
                },
                signal = signal => self.signal(signal).await,
            };
            if result.is_err() {
                break None;
            }
        };
        if let Some(watching) = self.watching.take() {
            watching.hang_up().await;
        }
        let _ = self.session.close(reason).await;
    }

    async fn broken(&mut self, error: ProtocolError) -> Option<CloseReason> {
        let (code, message) = match error {
            ProtocolError::Overflow | ProtocolError::Io(_) => {
                (CloseCode::Size, format!("the message is broken or larger than {MESSAGE_BYTES_MAX} bytes"))
            }
            error => (CloseCode::Protocol, error.to_string()),
        };
        let _ = self.send(Problem::bad_message(message).to_json()).await;
        Some(code.into())
    }

    async fn message(&mut self, message: AggregatedMessage) -> Result<(), Ended> {
        match message {
            AggregatedMessage::Text(text) => {
                let done = match request::read(&text) {
                    Ok(request) => self.request(request).await,
                    Err(problem) => Err(problem),
                };
                match done {
                    Ok(()) => Ok(()),
                    Err(problem) => self.send(problem.to_json()).await,
                }
            }
            AggregatedMessage::Binary(_) => {
                self.send(Problem::bad_message("expected text, got binary").to_json()).await
            }
            AggregatedMessage::Ping(bytes) => self.session.pong(&bytes).await.map_err(|_| Ended),
            AggregatedMessage::Pong(_) => Ok(()),
            AggregatedMessage::Close(_) => Err(Ended),
        }
    }

    async fn request(&mut self, request: Request) -> Result<(), Problem> {
        match request {
            Request::Watch { stream, sdp, after } => {
                if let Some(former) = self.watching.take() {
                    former.bye().await;
                }
                let Joined { peer, token, answer: sdp, signals, .. } =
                    join(&self.site, "ws", &self.guest(), &stream, &sdp, self.viewer).await?;
                if let Value::String(former) = after {
                    self.site.root.board.returned(&former, self.site.root.clock.unix_ms());
                }
                let answer = json!({
                    "type": "answer",
                    "peer": peer.id,
                    "beacon": super::beacon::path(&token),
                    "sdp": sdp,
                    "hidden_timeout": self.hidden_timeout(),
                });
                self.watching = Some(Watching { peer, token, line: Line::default(), signals, left: false });
                // If it cannot be sent, the connection's end is noticed by the reader at once.
                let _ = self.send(answer).await;
                Ok(())
            }
            Request::Seek { token } => {
                let peer = seek(&self.site, &token)?;
                let _ = self.send(json!({ "type": "known", "peer": peer.id })).await;
                Ok(())
            }
            Request::Resume { token } => {
                let Resumed { peer, line, signals } = resume(&self.site, &token).await?;
                if let Some(former) = self.watching.take_if(|former| former.peer.id != peer.id) {
                    former.bye().await;
                }
                let resumed = json!({ "type": "resumed", "peer": peer.id });
                self.watching = Some(Watching { peer, token, line, signals, left: false });
                let _ = self.send(resumed).await;
                Ok(())
            }
            Request::Candidate { .. } => self.watched().map(|_| ()),
            Request::Restart { sdp, offer } => {
                let watched = self.watched()?;
                let restarted = restart(&self.site, &watched.peer.peer, Follows::Any, sdp, self.viewer).await?;
                let answer = json!({
                    "type": "answer",
                    "peer": watched.peer.id,
                    "beacon": super::beacon::path(&watched.token),
                    "sdp": restarted.answer,
                    "hidden_timeout": self.hidden_timeout(),
                    "offer": offer,
                });
                let _ = self.send(answer).await;
                Ok(())
            }
            Request::Switch { stream } => {
                if let Err(problem) = self.switch(&stream).await {
                    // The page may have asked for another meanwhile.
                    let mut words = problem.to_json();
                    words["stream"] = stream.into();
                    let _ = self.send(words).await;
                }
                Ok(())
            }
            Request::Ping => {
                let _ = self.send(json!({ "type": "pong" })).await;
                Ok(())
            }
            Request::Bye => {
                if let Some(watching) = self.watching.take() {
                    watching.bye().await;
                }
                Ok(())
            }
        }
    }

    async fn switch(&self, stream: &str) -> Result<(), Problem> {
        let watched = self.watched()?;
        self.guest().may_view(stream)?;
        // A page that goes on over another connection says once more what it wants: that opens nothing.
        if !self.site.access.is_watching(&watched.token, stream) {
            one_more_offer(&self.site, self.viewer)?;
        }
        let result = watched.peer.peer.send(Switch(StreamId::from(stream))).await;
        result.unwrap_or(Ok(())).map_err(|error| Problem::unknown_stream(error.to_string()))?;
        self.site.access.watches(&watched.token, &self.visitor, stream);
        Ok(())
    }

    /// What whoever opened this connection may do now, which can be less than it was then.
    fn guest(&self) -> Guest {
        Guest { visitor: self.visitor.clone(), rights: self.site.access.rights(&self.visitor) }
    }

    fn hidden_timeout(&self) -> Option<f64> {
        self.site.hidden_timeout.map(|timeout| timeout.as_secs_f64())
    }

    fn watched(&self) -> Result<&Watching, Problem> {
        self.watching.as_ref().ok_or_else(|| Problem::bad_message("nothing is being watched: send `watch` first"))
    }

    async fn signal(&mut self, signal: Option<Signal>) -> Result<(), Ended> {
        match signal {
            Some(Signal::State(stream, state)) => {
                self.send(json!({ "type": "state", "stream": stream, "state": state })).await
            }
            Some(Signal::Error(code, message)) => {
                let message = match self.guest().rights.admin {
                    true => message,
                    false => general(code).to_owned(),
                };
                self.send(json!({ "type": "error", "code": code, "message": message })).await
            }
            Some(Signal::AwaitsKeyframe(stream)) => {
                self.send(json!({ "type": "waiting", "stream": stream, "for": "keyframe" })).await
            }
            Some(Signal::Shows(Shown { stream, after })) => {
                self.send(json!({ "type": "shows", "stream": stream, "after": after })).await
            }
            Some(Signal::Link(Carried { rendition, percent })) => {
                self.send(json!({ "type": "link", "rendition": rendition, "carries_percent": percent })).await
            }
            Some(Signal::Drops(drops)) => {
                let mut message = json!(drops);
                message["type"] = "drops".into();
                self.send(message).await
            }
            Some(Signal::Silent) => self.send(json!({ "type": "silent" })).await,
            Some(Signal::Elsewhere) => {
                self.watching = None;
                Err(Ended)
            }
            Some(Signal::Closed(cause)) => self.ended(cause).await,
            None => self.ended(Cause::Crashed).await,
        }
    }

    /// The peer has ended without our doing, and with it the use of this connection. The page connects
    /// anew if it is still there; it is told, for it sees the end of the connection only a second
    /// later, after both sides have said goodbye.
    async fn ended(&mut self, cause: Cause) -> Result<(), Ended> {
        if let Some(mut watching) = self.watching.take() {
            watching.left = true;
        }
        let _ = self.send(json!({ "type": "closed", "cause": cause })).await;
        Err(Ended)
    }

    async fn send(&mut self, message: Value) -> Result<(), Ended> {
        self.session.text(message.to_string()).await.map_err(|_| Ended)
    }
}
