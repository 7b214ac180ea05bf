//! How much of the memory connections of HTTP/2 may take.
//!
//! Over HTTP/2 a client opens as many streams as it likes, and takes an answer when it likes (RFC 9113, section 5.2). The library
//! names no limit to streams, keeps the end of each answer until the client takes it, and begins to answer all that has come before
//! it ends one. So three things are counted here: answers that are not over, of a connection and of a network, which hold what they
//! answer with; refusals one after the other; and answers since the client had last taken everything.

mod socket;

use crate::access::limits::{Limits, Open, Place};
use actix_web::Error;
use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::Version;
use actix_web::http::header::RETRY_AFTER;
use actix_web::rt::net::TcpStream;
use bytes::Bytes;
use futures_util::future::{Either, ready};
use socket::Socket;
use std::cell::Cell;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// Answers at a time. Browsers ask for 100 where no limit is named.
const ANSWERS_MAX: usize = 128;

/// Answers at a time to one network, and in all.
pub const OF_NETWORKS: Limits = Limits { all: 20_000, of_one: 2000 };

/// Refusals one after the other. Browsers wait for an answer.
const REFUSALS_MAX: usize = 128;

/// Answers since nothing waited to be taken: some 2 MB, with what the library keeps of each.
const UNTAKEN_MAX: usize = 2000;

/// What is counted of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    /// Answers that are not over.
    open: usize,
    /// Refusals since the last answer.
    refused: usize,
    /// Answers since the client had taken all there was.
    untaken: usize,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is answered.
    Answered,
    /// It is told to come again, in a few bytes that hold nothing.
    Refused,
    /// So is it, which nobody reads any more, for the connection ends.
    Last,
}

impl Counts {
    /// One more request comes, while the client has taken everything before, or has not, and its network may have one more answer,
    /// or not.
    fn one_more(&mut self, all_is_taken: bool, has_place: bool) -> Fate {
        self.untaken = if all_is_taken { 1 } else { self.untaken.saturating_add(1) };
        if has_place && self.open < ANSWERS_MAX && self.untaken <= UNTAKEN_MAX {
            self.open += 1;
            self.refused = 0;
            return Fate::Answered;
        }
        self.refused = self.refused.saturating_add(1);
        if self.refused > REFUSALS_MAX || self.untaken > UNTAKEN_MAX { Fate::Last } else { Fate::Refused }
    }
}

/// A connection whose requests are counted.
pub struct Counted {
    counts: Rc<Cell<Counts>>,
    of_networks: Open,
    address: IpAddr,
    socket: Socket,
}

impl Counted {
    /// This one, among those of networks; none if it is over already.
    pub fn of(stream: &TcpStream, address: IpAddr, of_networks: Open) -> Option<Self> {
        Some(Self { counts: Rc::default(), of_networks, address, socket: Socket::of(stream)? })
    }

    /// One more request; none if it is not answered.
    fn one_more(&self) -> Option<Answer> {
        let mut counts = self.counts.get();
        let place = self.of_networks.one_more(self.address).ok();
        let fate = counts.one_more(self.socket.all_is_taken(), place.is_some());
        self.counts.set(counts);
        match fate {
            Fate::Answered => place.map(|place| Answer { counts: self.counts.clone(), _place: place }),
            Fate::Refused => None,
            Fate::Last => {
                self.socket.end();
                None
            }
        }
    }
}

/// An answer that is not over.
struct Answer {
    counts: Rc<Cell<Counts>>,
    _place: Place,
}

impl Drop for Answer {
    fn drop(&mut self) {
        let counts = self.counts.get();
        self.counts.set(Counts { open: counts.open.saturating_sub(1), ..counts });
    }
}

/// A body that is part of an answer until it is dropped.
pub struct Body {
    body: BoxBody,
    _answer: Option<Answer>,
}

impl MessageBody for Body {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(context)
    }
}

/// The middleware. What it decides it decides before anything is waited for.
pub fn limit<S>(
    request: ServiceRequest,
    next: &S,
) -> impl Future<Output = Result<ServiceResponse<Body>, Error>> + use<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error>,
{
    let counted = match request.version() {
        Version::HTTP_2 => request.conn_data::<Counted>(),
        // It answers one after the other.
        _ => None,
    };
    let answer = match counted.map(Counted::one_more) {
        None => None,
        Some(Some(answer)) => Some(answer),
        Some(None) => {
            let refusal = HttpResponse::ServiceUnavailable().insert_header((RETRY_AFTER, 1)).finish();
            let refusal = request.into_response(refusal).map_body(|_, body| Body { body, _answer: None });
            return Either::Right(ready(Ok(refusal)));
        }
    };
    let answered = next.call(request);
    Either::Left(async move {
        let response = answered.await?;
        Ok(response.map_body(|_, body| Body { body, _answer: answer }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_has_a_browsers_requests_answered_at_a_time_and_no_more() {
        let mut counts = Counts::default();
        assert!((0..ANSWERS_MAX).all(|_| counts.one_more(true, true) == Fate::Answered));
        assert_eq!(counts.one_more(true, true), Fate::Refused);
        counts.open -= 1;
        assert_eq!(counts.one_more(true, false), Fate::Refused, "its network has none left");
        assert_eq!(counts.one_more(true, true), Fate::Answered);
    }

    #[test]
    fn who_goes_on_asking_while_it_is_refused_is_sent_away() {
        let mut counts = Counts { open: ANSWERS_MAX, ..Counts::default() };
        assert!((0..REFUSALS_MAX).all(|_| counts.one_more(true, true) == Fate::Refused));
        let mut patient = Counts { open: ANSWERS_MAX - 1, ..counts };
        assert_eq!(counts.one_more(true, true), Fate::Last);
        assert_eq!(patient.one_more(true, true), Fate::Answered, "it has waited for an answer");
        assert_eq!(patient.one_more(true, true), Fate::Refused);
    }

    #[test]
    fn who_takes_nothing_for_thousands_of_answers_is_sent_away() {
        let mut counts = Counts::default();
        let mut ask = |all_is_taken| {
            let fate = counts.one_more(all_is_taken, true);
            counts.open = 0;
            fate
        };
        assert!((0..UNTAKEN_MAX).all(|_| ask(false) == Fate::Answered));
        assert_eq!(ask(false), Fate::Last);
        assert_eq!(ask(true), Fate::Answered, "it has taken all of it");
        assert_eq!(ask(false), Fate::Answered);
    }
}
