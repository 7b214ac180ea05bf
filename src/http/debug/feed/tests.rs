use super::*;
use crate::capture::exec::processes::Processes;
use actix::prelude::Arbiter;
use lenscap_actors::board::CameraState;
use lenscap_actors::clock::SystemClock;
use lenscap_actors::peer::PeerTimeouts;
use lenscap_actors::ports::{Datagrams, Inbound};
use lenscap_actors::root::{Root, RootSpec, Supervision, Threads};
use lenscap_actors::supervisor::recipient::Recipient;
use lenscap_actors::transport::Batch;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

/// A socket that nothing comes to.
struct Nowhere;

impl Datagrams for Nowhere {
    fn register(&self, _: &str, _: &str, _: Recipient<Inbound>) {}
    fn expect(&self, _: &str, _: std::net::SocketAddr) {}
    fn forget(&self, _: &str) {}
    fn send(&self, _: &Batch) -> usize {
        0
    }
    fn drain(&self) {}
}

/// A feed of a server with one camera on its board.
async fn feed() -> Feed {
    let here = Arbiter::current();
    let spec = RootSpec {
        cameras: vec![],
        streams: vec![],
        max_viewers: 1,
        max_viewers_per_address: 1,
        timeouts: PeerTimeouts::default(),
        supervision: Supervision::default(),
        chance: || 0.5,
    };
    let threads = Threads { supervisors: here.clone(), cameras: here.clone(), media: vec![here] };
    let (root, _) = Root::start(spec, threads, Arc::new(Nowhere), Arc::new(SystemClock));
    root.tree.until_started().await;
    root.board.write(|board| board.cameras.insert("front".into(), Default::default()));
    Feed::new(Reporter { root, processes: Processes::default(), allow_kill: false, started: std::time::Instant::now() })
}

fn turn(feed: &Feed, state: CameraState) {
    feed.0.reporter.root.board.camera(&"front".into(), |camera| camera.state = state);
}

/// The kind of an event, and what it says.
fn read(event: &Bytes) -> (String, Value) {
    let text = std::str::from_utf8(event).unwrap();
    let (kind, data) = text.strip_prefix("event: ").unwrap().split_once("\ndata: ").unwrap();
    (kind.to_owned(), serde_json::from_str(data.strip_suffix("\n\n").unwrap()).unwrap())
}

#[actix::test]
async fn a_change_is_found_and_written_once_for_all_who_follow() {
    let feed = feed().await;
    let (begun, mut first) = feed.follow();
    let (again, mut second) = feed.follow();
    assert_eq!(read(&begun).0, "report");
    assert_eq!(begun.as_ptr(), again.as_ptr(), "whoever comes is sent the same as long as nothing changes");
    turn(&feed, CameraState::Opening);
    assert_eq!(feed.tell(false), Some(0));
    let (one, other) = (first.try_recv().unwrap(), second.try_recv().unwrap());
    assert_eq!(one.as_ptr(), other.as_ptr());
    let (kind, told) = read(&one);
    assert_eq!(
        (kind.as_str(), &told["cameras"]),
        ("changes", &serde_json::json!({ "set": { "front": { "state": "opening" } } }))
    );
    feed.tell(false);
    assert_eq!(first.try_recv(), Err(TryRecvError::Empty), "nothing has changed");
    feed.tell(true);
    assert_eq!(read(&first.try_recv().unwrap()).0, "changes", "what is counted is told in any case");
}

#[actix::test]
async fn whoever_comes_later_is_told_what_has_changed_meanwhile_and_so_are_the_others() {
    let feed = feed().await;
    let (_, mut first) = feed.follow();
    turn(&feed, CameraState::Capturing);
    let (begun, mut second) = feed.follow();
    assert_eq!(read(&begun).1["cameras"][0]["state"], "capturing");
    assert_eq!(read(&first.try_recv().unwrap()).1["cameras"]["set"]["front"]["state"], "capturing");
    assert_eq!(second.try_recv(), Err(TryRecvError::Empty), "it has it already");
}

#[actix::test]
async fn whoever_cannot_keep_up_has_few_events_waiting_and_begins_anew() {
    let feed = feed().await;
    let (_, mut slow) = feed.follow();
    for nth in 0..=EVENTS_WAITING_MAX {
        turn(&feed, if nth % 2 == 0 { CameraState::Opening } else { CameraState::Closed });
        feed.tell(false);
    }
    assert!(slow.len() > EVENTS_WAITING_MAX);
    assert_eq!(slow.recv().await, Err(RecvError::Lagged(1)));
    let (begun, _following) = feed.follow();
    assert_eq!(read(&begun).1["cameras"][0]["state"], "opening");
}

#[actix::test]
async fn while_nobody_follows_nothing_is_known_and_nothing_is_done() {
    let feed = feed().await;
    assert_eq!(feed.tell(true), None);
    assert!(feed.lock().known.is_none());
    let (_, following) = feed.follow();
    assert!(feed.lock().known.is_some());
    drop(following);
    turn(&feed, CameraState::Opening);
    assert_eq!(feed.tell(true), None);
    assert!(feed.lock().known.is_none(), "it is forgotten with the last that followed");
}

#[actix::test]
async fn it_tells_by_itself_while_somebody_follows() {
    let feed = feed().await;
    let watching = actix_web::rt::spawn(feed.clone().watch());
    let (_, following) = feed.follow();
    turn(&feed, CameraState::Opening);
    let until = |state: &'static str, mut following: broadcast::Receiver<Bytes>| async move {
        loop {
            let (_, told) = read(&following.recv().await.unwrap());
            if told["cameras"]["set"]["front"]["state"] == state {
                return;
            }
        }
    };
    let patience = Duration::from_secs(20);
    tokio::time::timeout(patience, until("opening", following.resubscribe()))
        .await
        .unwrap_or_else(|_| panic!("not told"));
    // When all have left and one comes again, it goes on.
    drop(following);
    let forgotten = async {
        while feed.lock().known.is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(patience, forgotten).await.unwrap_or_else(|_| panic!("not forgotten"));
    let (_, following) = feed.follow();
    turn(&feed, CameraState::Capturing);
    tokio::time::timeout(patience, until("capturing", following)).await.unwrap_or_else(|_| panic!("not told"));
    watching.abort();
}
