//! Who may do what. Closed until it is opened: without accounts only this machine may connect.
//!
//! [`policy`] decides, purely: whether a request was sent to us ([`hosts`]) by a page of ours, and whether a visitor's rights
//! ([`rights`], by [`accounts`]) are what its route [`needs`]. Who a visitor is follows from a password ([`password`],
//! [`throttle`]), a login ([`sessions`]), a token ([`digest`]) or a link ([`links`]). [`watchers`] remembers who watches by whose
//! right, and [`revocation`] lets go whoever loses it. [`limits`] keeps places for others.

pub mod accounts;
pub mod digest;
pub mod hosts;
pub mod limits;
pub mod links;
pub mod needs;
pub mod password;
pub mod policy;
pub mod revocation;
pub mod rights;
pub mod sessions;
pub mod throttle;
pub mod watchers;

use accounts::{Accounts, Visitor};
use digest::{Digest, hex};
use lenscap_actors::peers::Network;
use policy::{Place, Refusal};
use rights::Rights;
use sessions::Sessions;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use throttle::{Alike, Known, Throttle};
use tokio::sync::{Notify, Semaphore};
use watchers::Watchers;

/// Whoever waits so long for others' passwords to be looked at is told to come again.
const HASHING_TIMEOUT: Duration = Duration::from_secs(5);

/// A cookie's secret and a token's, in bytes.
const SECRET_BYTES: usize = 32;

/// What somebody shows to be known by.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing.
    None,
    /// The secret of a login's cookie.
    Cookie(String),
    /// A token's secret.
    Bearer(String),
    /// A name and a password.
    Basic(String, String),
    /// What a link carries.
    Link(String),
    /// Something that cannot be read.
    Unreadable,
}

/// Who may come, by what they are known, and who is watching.
pub struct Access {
    accounts: RwLock<Arc<Accounts>>,
    sessions: Mutex<Sessions>,
    known: Mutex<Known>,
    alike: Mutex<Alike>,
    watchers: Mutex<Watchers>,
    tries: Throttle,
    /// One password at a time: each takes 19 MiB and a core.
    hashing: Arc<Semaphore>,
    /// Somebody may have lost a right.
    changed: Notify,
    failed_logins: AtomicU64,
    refused: AtomicU64,
}

impl Access {
    /// With these accounts, and nobody there yet.
    pub fn new(accounts: Accounts) -> Self {
        Self {
            accounts: RwLock::new(Arc::new(accounts)),
            sessions: Mutex::default(),
            known: Mutex::default(),
            alike: Mutex::default(),
            watchers: Mutex::default(),
            tries: Throttle::of_passwords(),
            hashing: Arc::new(Semaphore::new(1)),
            changed: Notify::new(),
            failed_logins: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Who there is now.
    pub fn accounts(&self) -> Arc<Accounts> {
        self.accounts.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Other accounts hold from now on. Whoever has lost a right by it is let go.
    pub fn replace(&self, accounts: Accounts) {
        *self.accounts.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(accounts);
        lock(&self.known).forget_all();
        self.changed.notify_one();
    }

    /// Who shows these credentials.
    ///
    /// # Errors
    ///
    /// If they are wrong, or were tried too often.
    pub async fn identify(&self, shown: Credentials, address: IpAddr, from: Place) -> Result<Visitor, Refusal> {
        let accounts = self.accounts();
        let nobody = || if from == Place::Here { Visitor::Local } else { Visitor::Anybody };
        let visitor = match shown {
            Credentials::None => Some(nobody()),
            // It may be of a login that is over: that is no offense.
            Credentials::Cookie(secret) => Some(self.of_cookie(&secret, &accounts).unwrap_or_else(nobody)),
            Credentials::Bearer(secret) => accounts.of_token(&secret),
            Credentials::Basic(name, password) => {
                let proof = self.proof_of(&name, &password, address).await?;
                proof.map(|proof| Visitor::User { name, proof, login: None })
            }
            Credentials::Link(text) => {
                let visitor = accounts.of_link(&text);
                if matches!(visitor, Some(Visitor::Link { until, .. }) if until <= unix_now()) {
                    return Err(Refusal::LinkExpired);
                }
                visitor
            }
            Credentials::Unreadable => None,
        };
        visitor.ok_or_else(|| {
            self.failed_logins.fetch_add(1, Ordering::Relaxed);
            Refusal::WrongCredentials
        })
    }

    /// Whose login this is, as long as the user has the same password.
    fn of_cookie(&self, secret: &str, accounts: &Accounts) -> Option<Visitor> {
        let id = Digest::of(secret.as_bytes());
        let sessions = lock(&self.sessions);
        let (name, proof) = sessions.user(&id, Instant::now())?;
        let is_so = accounts.users.get(name).is_some_and(|user| user.password.digest() == proof);
        is_so.then(|| Visitor::User { name: name.to_owned(), proof, login: Some(id) })
    }

    /// What a visitor may do now.
    pub fn rights(&self, visitor: &Visitor) -> Rights {
        let lasts = |id| lock(&self.sessions).user(id, Instant::now()).is_some();
        match visitor {
            Visitor::User { login: Some(id), .. } if !lasts(id) => {
                self.accounts().rights(&Visitor::Anybody, unix_now())
            }
            visitor => self.accounts().rights(visitor, unix_now()),
        }
    }

    /// A user logs in: the secret for the cookie, and for how long. The login of the cookie that was sent ends.
    ///
    /// # Errors
    ///
    /// If the password is wrong, or was tried too often.
    pub async fn log_in(
        &self,
        name: &str,
        password: &str,
        former: Option<String>,
        address: IpAddr,
    ) -> Result<(String, Duration), Refusal> {
        let Some(proof) = self.proof_of(name, password, address).await? else {
            self.failed_logins.fetch_add(1, Ordering::Relaxed);
            log::warn!("somebody at {address} could not log in");
            return Err(Refusal::WrongCredentials);
        };
        // Never one that was sent: whoever knows it could use the login (session fixation).
        let secret = secret().map_err(|_| Refusal::Busy)?;
        let lasts = self.accounts().session_for;
        {
            let mut sessions = lock(&self.sessions);
            former.iter().for_each(|former| sessions.end(&Digest::of(former.as_bytes())));
            sessions.begin(Digest::of(secret.as_bytes()), name, proof, Instant::now(), lasts);
        }
        // There is a new end to wait for.
        self.changed.notify_one();
        Ok((secret, lasts))
    }

    /// The user of this cookie logs out.
    pub fn log_out(&self, secret: &str) {
        lock(&self.sessions).end(&Digest::of(secret.as_bytes()));
        self.changed.notify_one();
    }

    /// By what a user's password is known, if this is it.
    async fn proof_of(&self, name: &str, password: &str, address: IpAddr) -> Result<Option<Digest>, Refusal> {
        let accounts = self.accounts();
        let user = accounts.users.get(name);
        let proof = user.map(|user| user.password.digest());
        let credentials = Digest::of(format!("{}\n{name}\n{password}\n{proof:?}", name.len()).as_bytes());
        let is_known = || proof.is_some() && lock(&self.known).has(&credentials, Instant::now());
        if is_known() {
            return Ok(proof);
        }
        let alike = lock(&self.alike).of(credentials);
        let alone = tokio::time::timeout(HASHING_TIMEOUT, alike.acquire()).await;
        let Ok(Ok(_alone)) = alone else { return Err(Refusal::Busy) };
        if is_known() {
            return Ok(proof);
        }
        self.tries.one_more(Network::of(address)).map_err(Refusal::TooManyTries)?;
        let turn = tokio::time::timeout(HASHING_TIMEOUT, self.hashing.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(Refusal::Busy) };
        // Who does not exist takes as long as who does.
        let hash = user.or_else(|| accounts.users.values().next()).map(|user| user.password.clone());
        let password = password.to_owned();
        let looked_at = tokio::task::spawn_blocking(move || {
            // It goes on if whoever asks does not wait for it: its turn is over when it ends.
            let _turn = turn;
            hash.is_some_and(|hash| hash.is_of(&password))
        });
        let is_right = looked_at.await.map_err(|_| Refusal::Busy)? && proof.is_some();
        // The accounts may be others meanwhile.
        let is_so = self.accounts().users.get(name).map(|user| user.password.digest()) == proof;
        if !is_right || !is_so {
            return Ok(None);
        }
        lock(&self.known).remember(credentials, Instant::now());
        Ok(proof)
    }

    /// The viewer of this token watches that stream by the right of this visitor.
    pub fn watches(&self, token: &str, visitor: &Visitor, stream: &str) {
        lock(&self.watchers).watches(token, visitor, stream);
        // Its right may have ended since it was looked at, or may end sooner than another's.
        self.changed.notify_one();
    }

    /// Whether the viewer of this token watches that stream already.
    pub fn is_watching(&self, token: &str, stream: &str) -> bool {
        lock(&self.watchers).is_watching(token, stream)
    }

    /// A request was refused.
    pub fn count_refusal(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// How many logins, tokens and links were wrong, and how many requests were refused.
    pub fn counts(&self) -> (u64, u64) {
        (self.failed_logins.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }
}

/// A new secret: 256 bits in hexadecimal.
///
/// # Errors
///
/// If the system has no random numbers.
pub fn secret() -> Result<String, getrandom::Error> {
    let mut random = [0; SECRET_BYTES];
    getrandom::fill(&mut random)?;
    Ok(hex(&random))
}

/// Seconds since the Unix epoch.
pub fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
