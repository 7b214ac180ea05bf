//! Cameras that cannot be open at the same time, as on one USB hub whose bandwidth is enough for
//! one of them.
//!
//! A camera of a group asks for its turn before it opens its device, and gives it back when the
//! device is closed. Whoever has to wait gets its turn in the order of asking.

use crate::ids::CameraId;
use crate::supervisor::recipient::Recipient;
use actix::Message;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What becomes of a camera that waits.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub enum Turn {
    /// It is its turn.
    Come(Permit),
    /// Not so soon as it was told: the camera that was closing does not close, or another one has its place.
    Later {
        /// The group's name.
        group: String,
        /// That camera.
        holder: CameraId,
    },
}

/// Who is open, and who waits. Pure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Queue {
    holder: Option<CameraId>,
    closing: bool,
    waiting: VecDeque<CameraId>,
    /// Who of them was told that it will be soon.
    promised: Vec<CameraId>,
}

/// What a request comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Granted,
    /// Not yet; the holder is on its way out.
    Soon,
    /// Not before this one closes.
    Held(CameraId),
}

impl Queue {
    fn request(&mut self, camera: &CameraId) -> Outcome {
        match &self.holder {
            None => {
                self.waiting.retain(|waiting| waiting != camera);
                self.holder = Some(camera.clone());
                self.closing = false;
                Outcome::Granted
            }
            Some(holder) => {
                if !self.waiting.contains(camera) {
                    self.waiting.push_back(camera.clone());
                }
                if self.closing {
                    if !self.promised.contains(camera) {
                        self.promised.push(camera.clone());
                    }
                    Outcome::Soon
                } else {
                    Outcome::Held(holder.clone())
                }
            }
        }
    }

    fn withdraw(&mut self, camera: &CameraId) {
        self.waiting.retain(|waiting| waiting != camera);
    }

    fn closing(&mut self, camera: &CameraId) {
        self.closing |= self.holder.as_ref() == Some(camera);
    }

    /// It does not close, and nobody knows when it will. Gives who waits and was told otherwise.
    fn stuck(&mut self, camera: &CameraId) -> Vec<CameraId> {
        if self.holder.as_ref() != Some(camera) {
            return vec![];
        }
        self.closing = false;
        self.disappointed()
    }

    /// The device is closed; gives whose turn it is now, and who waits on and was told otherwise.
    fn release(&mut self) -> Option<(CameraId, Vec<CameraId>)> {
        self.holder = self.waiting.pop_front();
        self.closing = false;
        let disappointed = self.disappointed();
        Some((self.holder.clone()?, disappointed))
    }

    /// Those who wait and were told that it will be soon. It will not.
    fn disappointed(&mut self) -> Vec<CameraId> {
        let mut promised = std::mem::take(&mut self.promised);
        promised.retain(|camera| self.waiting.contains(camera));
        promised
    }
}

/// A group of cameras. Clones are the same group.
#[derive(Clone)]
pub struct Group(Arc<Inner>);

struct Inner {
    name: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    order: Queue,
    /// How those who wait are told.
    inboxes: Vec<(CameraId, Recipient<Turn>)>,
}

/// The right to be open. It ends when this is dropped, which must be after the device is closed.
pub struct Permit {
    group: Group,
    camera: CameraId,
}

/// The answer to [`Group::request`].
pub enum Answer {
    /// It is your turn.
    Granted(Permit),
    /// [`Turn`] will come at once, or [`Turn::Later`] does: the other camera, which is closing, gets stuck, or others have waited longer.
    Soon,
    /// [`Turn`] will come when this camera is closed.
    Held(CameraId),
}

impl Group {
    /// A group in which nobody is open.
    pub fn new(name: &str) -> Self {
        Self(Arc::new(Inner { name: name.to_owned(), state: Mutex::default() }))
    }

    /// Its name, as in the configuration.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Asks for a turn. If there is none now, `inbox` is told when there is.
    pub fn request(&self, camera: &CameraId, inbox: Recipient<Turn>) -> Answer {
        let mut state = self.lock();
        match state.order.request(camera) {
            Outcome::Granted => Answer::Granted(self.permit(camera)),
            outcome => {
                state.inboxes.retain(|(waiting, _)| waiting != camera);
                state.inboxes.push((camera.clone(), inbox));
                match outcome {
                    Outcome::Held(holder) => Answer::Held(holder),
                    _ => Answer::Soon,
                }
            }
        }
    }

    /// Nobody wants this camera any more.
    pub fn withdraw(&self, camera: &CameraId) {
        let mut state = self.lock();
        state.order.withdraw(camera);
        state.inboxes.retain(|(waiting, _)| waiting != camera);
    }

    /// This camera's device does not close in time: whoever was promised its turn is told.
    pub fn stuck(&self, camera: &CameraId) {
        let mut state = self.lock();
        let disappointed = state.order.stuck(camera);
        self.tell_later(&state, &disappointed, camera);
    }

    fn tell_later(&self, state: &State, waiting: &[CameraId], holder: &CameraId) {
        for (_, inbox) in state.inboxes.iter().filter(|(id, _)| waiting.contains(id)) {
            inbox.do_send(Turn::Later { group: self.name().to_owned(), holder: holder.clone() });
        }
    }

    fn permit(&self, camera: &CameraId) -> Permit {
        Permit { group: self.clone(), camera: camera.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// The device is being closed: whoever asks now waits a moment only.
    pub fn closing(&self) {
        self.group.lock().order.closing(&self.camera);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let next = {
            let mut state = self.group.lock();
            state.order.release().and_then(|(camera, disappointed)| {
                self.group.tell_later(&state, &disappointed, &camera);
                let at = state.inboxes.iter().position(|(waiting, _)| *waiting == camera)?;
                Some(state.inboxes.swap_remove(at))
            })
        };
        if let Some((camera, inbox)) = next {
            // If it has died meanwhile, the message is dropped, and the permit in it passes on.
            inbox.do_send(Turn::Come(self.group.permit(&camera)));
        }
    }
}

impl std::fmt::Debug for Permit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Permit({} in {})", self.camera, self.group.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> CameraId {
        name.into()
    }

    #[test]
    fn one_is_open_and_the_others_follow_in_the_order_of_asking() {
        let mut order = Queue::default();
        assert_eq!(order.request(&id("a")), Outcome::Granted);
        assert_eq!(order.request(&id("b")), Outcome::Held(id("a")));
        assert_eq!(order.request(&id("c")), Outcome::Held(id("a")));
        assert_eq!(order.request(&id("b")), Outcome::Held(id("a")), "asking twice is asking once");
        order.closing(&id("b"));
        assert_eq!(order.request(&id("c")), Outcome::Held(id("a")), "only the holder can close");
        order.closing(&id("a"));
        assert_eq!(order.request(&id("d")), Outcome::Soon);
        assert_eq!(order.release(), Some((id("b"), vec![id("d")])), "which waits on");
        assert_eq!(order.request(&id("a")), Outcome::Held(id("b")), "at the end of the queue");
        order.withdraw(&id("c"));
        assert_eq!(order.release(), Some((id("d"), vec![])));
        assert_eq!(order.release(), Some((id("a"), vec![])));
        assert_eq!(order.release(), None);
        assert_eq!(order.request(&id("c")), Outcome::Granted);
        order.closing(&id("c"));
        assert_eq!(order.request(&id("a")), Outcome::Soon);
        assert_eq!(order.stuck(&id("b")), [], "which holds nothing");
        assert_eq!(order.stuck(&id("c")), [id("a")]);
        assert_eq!(order.stuck(&id("c")), [], "that is known");
        assert_eq!(order.request(&id("b")), Outcome::Held(id("c")), "nobody knows when");
    }
}
