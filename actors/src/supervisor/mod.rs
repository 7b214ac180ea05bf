//! Supervision in the sense of Erlang/OTP, on actix: who is started again, when, with whom, and
//! when a supervisor gives up. Knows no camera.
//!
//! - [`spec`] has the words, [`plan`] the decisions: a state machine without effects.
//! - [`shell`] is the actor that applies them; [`child`] is what it is given to start.
//! - [`life`] runs one incarnation of an actor and tells how it ended; [`context`] is what the
//!   actor's handlers get, and [`address`] how it is reached while it lives.
//! - [`registered`] is how a child is reached across its incarnations.
//! - [`vitals`] and [`tree`] are what can be seen of all this.

pub mod address;
pub mod child;
pub mod context;
pub mod life;
pub mod plan;
pub mod registered;
pub mod shell;
pub mod spec;
pub mod tree;
pub mod vitals;
