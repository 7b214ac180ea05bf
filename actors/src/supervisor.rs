//! Supervision in the sense of Erlang/OTP, on actix: who is started again, when, with whom, and
//! when a supervisor gives up. Knows no camera.
//!
//! - [`spec`] has the words, [`plan`] the decisions: a state machine without effects.
//! - [`shell`] is the actor that applies them; [`child`] is what it is given to start, and [`messages`] what it is asked.
//! - [`incarnation`] runs one incarnation of an actor and tells how it ended. [`mailbox`] is where its messages wait, `reader` takes
//!   them out, and [`context`] is what its handlers get.
//! - [`recipient`] is whoever takes messages of one kind; [`registered`] is how a child is reached across its incarnations.
//! - [`vitals`] and [`tree`] are what can be seen of all this.

pub mod child;
pub mod context;
pub mod incarnation;
pub mod mailbox;
pub mod messages;
pub mod plan;
mod reader;
pub mod recipient;
pub mod registered;
pub mod shell;
pub mod spec;
pub mod tree;
mod unsupervised;
pub mod vitals;
