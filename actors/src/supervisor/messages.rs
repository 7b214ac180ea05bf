//! What a supervisor is asked to do.

use super::child::Child;
use actix::Message;

/// Start one more child.
#[derive(Message)]
#[rtype(result = "Result<(), Ending>")]
pub struct StartChild(pub Child);

/// The supervisor is about to end and starts nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the supervisor is ending")]
pub struct Ending;

/// Start a child again by its name; answered when that has been ordered. False if there is none of
/// this name that can be started again.
#[derive(Message, Debug)]
#[rtype(result = "bool")]
pub struct RestartChild {
    /// Its name among its siblings.
    pub name: String,
    /// Leave it alone if it is up or about to be.
    pub only_if_down: bool,
}

/// Answered when all that came before has been handled.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct Ping;
