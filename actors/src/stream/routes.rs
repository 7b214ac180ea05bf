//! How a frame reaches the subscribers: by one message a thread.

use super::messages::Link;
use crate::fanout::{Deliver, MediaQueue, Spread, TakeFrames};
use std::sync::Arc;

/// The subscribers of one thread.
#[derive(Debug)]
struct Route {
    /// Where frames wait for them; nowhere: each is handed its own.
    queue: Option<MediaQueue>,
    to: Arc<[Arc<dyn TakeFrames>]>,
}

/// All subscribers that can be sent frames, by thread. Made anew when they change, not with every frame.
#[derive(Debug, Default)]
pub struct Routes {
    /// The [version](super::subscribers::Subscribers::version) of the subscribers that these are of.
    version: Option<u64>,
    routes: Vec<Route>,
}

impl Routes {
    /// Whether these are of this version.
    pub fn is_of(&self, version: u64) -> bool {
        self.version == Some(version)
    }

    /// Makes these of a version of the subscribers.
    pub fn update<'a>(&mut self, version: u64, links: impl Iterator<Item = &'a Link> + Clone) {
        self.version = Some(version);
        self.routes = Self::by_thread(links);
    }

    /// Sends to some of the subscribers what the others do not get.
    pub fn send_once<'a>(links: impl Iterator<Item = &'a Link> + Clone, deliver: &Deliver) {
        Self { version: None, routes: Self::by_thread(links) }.send(deliver);
    }

    fn by_thread<'a>(links: impl Iterator<Item = &'a Link> + Clone) -> Vec<Route> {
        let mut routes: Vec<Route> = vec![];
        for Link { queue, .. } in links.clone() {
            if !routes.iter().any(|route| route.queue == *queue) {
                let same = links.clone().filter(|link| link.queue == *queue);
                routes.push(Route { queue: queue.clone(), to: same.map(|link| link.frames.clone()).collect() });
            }
        }
        routes
    }

    /// Sends a frame to all of them.
    pub fn send(&self, deliver: &Deliver) {
        for Route { queue, to } in &self.routes {
            let spread = Spread { deliver: deliver.clone(), to: to.clone() };
            match queue {
                Some(queue) => queue.send(spread),
                None => spread.hand_out(),
            }
        }
    }
}
