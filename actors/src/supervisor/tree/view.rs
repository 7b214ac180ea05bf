//! What supervisors show of their children.

use crate::supervisor::address::{Lanes, Mailbox};
use crate::supervisor::child::Kind;
use crate::supervisor::life::Control;
use crate::supervisor::plan::Life;
use crate::supervisor::shell::Supervisor;
use crate::supervisor::spec::{ExitReason, Intensity, Restart, Strategy};
use crate::supervisor::vitals::Vitals;
use std::sync::Arc;
use std::time::Instant;

/// One child as its supervisor shows it.
pub struct ChildView {
    /// Its name among its siblings.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Whether it is started again.
    pub restart: Restart,
    /// Where it is in its life.
    pub life: Life,
    /// How often it was started again.
    pub restarts: u64,
    /// How it ended last, and when.
    pub last_exit: Option<(ExitReason, Instant)>,
    /// What its incarnation shows, if there is one.
    pub vitals: Option<Arc<Vitals>>,
    /// The hold on it.
    pub control: Option<Arc<Control>>,
    /// How many messages wait for it.
    pub mailbox: Option<Arc<dyn Fn() -> Lanes + Send + Sync>>,
}

/// A supervisor as it shows itself.
pub struct SupervisorView {
    /// Who is restarted with whom.
    pub strategy: Strategy,
    /// Its budget.
    pub intensity: Intensity,
    /// When it restarted somebody lately.
    pub restarts: Vec<Instant>,
    /// Its children, in the order of their starts.
    pub children: Vec<ChildView>,
    /// Where it takes orders.
    pub mailbox: Arc<Mailbox<Supervisor>>,
}
