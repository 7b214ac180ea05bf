//! What supervisors show of their children.

use crate::supervisor::incarnation::Control;
use crate::supervisor::mailbox::Lanes;
use crate::supervisor::plan::Life;
use crate::supervisor::spec::{ChildKind, ExitReason, Intensity, Restart, Strategy};
use crate::supervisor::vitals::Vitals;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

/// One child as its supervisor shows it.
pub struct ChildView {
    /// Its name among its siblings.
    pub name: String,
    /// What it is.
    pub kind: ChildKind,
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
    /// The supervisor itself.
    pub operable: Arc<dyn Operable>,
}

/// What whoever looks at the tree may ask of a supervisor. What is returned fails if it ends before it answers.
pub trait Operable: Send + Sync {
    /// Starts this child of its again; answered when that has been ordered. False if there is none of this name that can be
    /// started again.
    fn restart(&self, child: &str) -> oneshot::Receiver<bool>;
    /// Answered when all that came before has been handled.
    fn ping(&self) -> oneshot::Receiver<()>;
}
