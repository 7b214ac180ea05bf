//! Logins: who has one, and until when. They live as long as the server does.

use super::digest::Digest;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// More logins of one user than this at a time are not kept: the oldest of them ends.
const SESSIONS_MAX: usize = 20;

/// What a login is known by: the hash of the secret in its cookie, which is kept nowhere.
pub type SessionId = Digest;

struct Session {
    user: String,
    /// What the password was known by.
    proof: Digest,
    until: Instant,
}

/// All logins.
#[derive(Default)]
pub struct Sessions(HashMap<SessionId, Session>);

impl Sessions {
    /// A user has logged in.
    pub fn begin(&mut self, id: SessionId, user: &str, proof: Digest, now: Instant, lasts: Duration) {
        self.tidy(now);
        let own = self.0.iter().filter(|(_, session)| session.user == user);
        if own.clone().count() >= SESSIONS_MAX
            && let Some(oldest) = own.min_by_key(|(_, session)| session.until).map(|(id, _)| *id)
        {
            self.0.remove(&oldest);
        }
        self.0.insert(id, Session { user: user.to_owned(), proof, until: now + lasts });
    }

    /// The user of a login that lasts, and by what the password was known.
    pub fn user(&self, id: &SessionId, now: Instant) -> Option<(&str, Digest)> {
        let session = self.0.get(id).filter(|session| now < session.until);
        session.map(|session| (session.user.as_str(), session.proof))
    }

    /// A user has logged out.
    pub fn end(&mut self, id: &SessionId) {
        self.0.remove(id);
    }

    /// Forgets what is over; says when the next one will be.
    pub fn tidy(&mut self, now: Instant) -> Option<Instant> {
        self.0.retain(|_, session| now < session.until);
        self.0.values().map(|session| session.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(sessions: &Sessions, id: &SessionId, now: Instant) -> Option<String> {
        sessions.user(id, now).map(|(user, _)| user.to_owned())
    }

    #[test]
    fn a_login_lasts_until_its_time_or_its_end() {
        let (mut sessions, start, minute) = (Sessions::default(), Instant::now(), Duration::from_secs(60));
        let [a, b] = [b"a", b"b"].map(|secret| Digest::of(secret));
        sessions.begin(a, "ann", a, start, minute);
        sessions.begin(b, "bob", b, start, 2 * minute);
        assert_eq!((sessions.user(&a, start), sessions.user(&b, start)), (Some(("ann", a)), Some(("bob", b))));
        assert_eq!(sessions.tidy(start), Some(start + minute));
        assert_eq!(name(&sessions, &a, start + minute), None);
        assert_eq!(sessions.tidy(start + minute), Some(start + 2 * minute));
        sessions.end(&b);
        assert_eq!(name(&sessions, &b, start), None);
        assert_eq!(sessions.tidy(start), None);
    }

    #[test]
    fn the_logins_of_one_user_are_bounded_and_those_of_others_stay() {
        let (mut sessions, start) = (Sessions::default(), Instant::now());
        let (proof, minute) = (Digest::of(b""), Duration::from_secs(60));
        let id = |nth: u64| Digest::of(&nth.to_be_bytes());
        sessions.begin(id(1000), "bob", proof, start, minute);
        for nth in 0..=SESSIONS_MAX as u64 {
            sessions.begin(id(nth), "ann", proof, start + Duration::from_millis(nth), minute);
        }
        let now = start + Duration::from_secs(2);
        let found = [0, 1, 1000].map(|nth| name(&sessions, &id(nth), now));
        assert_eq!(found, [None, Some("ann".into()), Some("bob".into())]);
    }
}
