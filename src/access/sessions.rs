//! Logins: who has one, and until when. They live as long as the server does.

use super::digest::Digest;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// More logins than this at a time are not kept: the oldest ends.
const SESSIONS_MAX: usize = 1000;

/// What a login is known by: the hash of the secret in its cookie, which is kept nowhere.
pub type SessionId = Digest;

struct Session {
    user: String,
    until: Instant,
}

/// All logins.
#[derive(Default)]
pub struct Sessions(HashMap<SessionId, Session>);

impl Sessions {
    /// A user has logged in.
    pub fn begin(&mut self, id: SessionId, user: &str, now: Instant, lasts: Duration) {
        self.tidy(now);
        if self.0.len() >= SESSIONS_MAX
            && let Some(oldest) = self.0.iter().min_by_key(|(_, session)| session.until).map(|(id, _)| *id)
        {
            self.0.remove(&oldest);
        }
        self.0.insert(id, Session { user: user.to_owned(), until: now + lasts });
    }

    /// The user of a login that lasts.
    pub fn user(&self, id: &SessionId, now: Instant) -> Option<&str> {
        self.0.get(id).filter(|session| now < session.until).map(|session| session.user.as_str())
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

    #[test]
    fn a_login_lasts_until_its_time_or_its_end() {
        let (mut sessions, start, minute) = (Sessions::default(), Instant::now(), Duration::from_secs(60));
        let [a, b] = [b"a", b"b"].map(|secret| Digest::of(secret));
        sessions.begin(a, "ann", start, minute);
        sessions.begin(b, "bob", start, 2 * minute);
        assert_eq!((sessions.user(&a, start), sessions.user(&b, start)), (Some("ann"), Some("bob")));
        assert_eq!(sessions.tidy(start), Some(start + minute));
        assert_eq!(sessions.user(&a, start + minute), None);
        assert_eq!(sessions.tidy(start + minute), Some(start + 2 * minute));
        sessions.end(&b);
        assert_eq!(sessions.user(&b, start), None);
        assert_eq!(sessions.tidy(start), None);
    }

    #[test]
    fn logins_are_bounded_and_the_oldest_ends() {
        let (mut sessions, start) = (Sessions::default(), Instant::now());
        let id = |nth: u64| Digest::of(&nth.to_be_bytes());
        for nth in 0..=SESSIONS_MAX as u64 {
            sessions.begin(id(nth), "ann", start + Duration::from_millis(nth), Duration::from_secs(60));
        }
        let now = start + Duration::from_secs(2);
        assert_eq!((sessions.user(&id(0), now), sessions.user(&id(1), now)), (None, Some("ann")));
    }
}
