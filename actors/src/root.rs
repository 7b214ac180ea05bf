//! Puts the actors together: the tree, and who depends on whom.

mod member;
mod spec;

pub use spec::{CameraSpec, RootSpec, StreamSpec, Supervision, Threads};

use crate::board::{Board, CameraState, CameraStatus, StreamState, StreamStatus};
use crate::camera::{Camera, CameraParts, Unclosed};
use crate::fanout::MediaQueue;
use crate::group::Group;
use crate::ids::{CameraId, StreamId};
use crate::media::Size;
use crate::peer::Directory;
use crate::peer::subscription::StreamRef;
use crate::peers::{MediaThread, Peers, PeersParts};
use crate::ports::{Clock, Datagrams};
use crate::retry::Retry;
use crate::shutdown::Budget;
use crate::stream::{Stream, StreamParts};
use crate::supervisor::child::Child;
use crate::supervisor::incarnation::Control;
use crate::supervisor::registered::Registered;
use crate::supervisor::shell::{Options, Supervisor};
use crate::supervisor::spec::{ChildSpec, ExitReason, Restart, Strategy};
use crate::supervisor::tree::Tree;
use actix::prelude::ArbiterHandle;
use member::Member;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// The running actors.
#[derive(Clone)]
pub struct Root {
    /// All streams by name.
    pub streams: Directory,
    /// The viewers.
    pub peers: Peers,
    /// What everybody may know.
    pub board: Board,
    /// What can be seen of the actors themselves.
    pub tree: Tree,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    control: Arc<Control>,
}

impl Root {
    /// Starts everything. What is returned beside it resolves when the tree has ended, which it
    /// does by itself only if its budget is spent.
    pub fn start(
        spec: RootSpec,
        threads: Threads,
        datagrams: Arc<dyn Datagrams>,
        clock: Arc<dyn Clock>,
    ) -> (Self, oneshot::Receiver<ExitReason>) {
        let board = Board::default();
        let tree = Tree::new("root", clock.now());
        let cameras = Registered::new("cameras");
        let viewers = Registered::new("peers");
        let spreading = Registered::new("media");
        let thread = |(nth, thread): (usize, &ArbiterHandle)| MediaThread {
            thread: thread.clone(),
            queue: MediaQueue::new(format!("thread-{nth}")),
        };
        let media: Vec<MediaThread> = threads.media.iter().enumerate().map(thread).collect();
        let branches = branches_of(&spec, &cameras, &board);
        let directory: Directory = Arc::new(branches.iter().flat_map(Branch::entries).collect());
        let peers = Peers::new(PeersParts {
            max_viewers: spec.max_viewers,
            max_viewers_per_address: spec.max_viewers_per_address,
            timeouts: spec.timeouts.clone(),
            directory: directory.clone(),
            supervisor: viewers.clone(),
            media: media.clone(),
            datagrams,
            clock: clock.clone(),
            board: board.clone(),
        });
        let all =
            Arc::new(Builder { spec, threads: threads.clone(), clock: clock.clone(), board: board.clone(), branches });
        let options = |strategy| all.options(strategy);
        let (exited, ended) = oneshot::channel();
        let of_root = {
            let all = all.clone();
            move || {
                let own = all.clone();
                let list = move || own.branches.iter().map(|branch| own.clone().branch(branch)).collect();
                let (own, media) = (all.clone(), media.clone());
                let fanouts = move || media.iter().map(|thread| own.fanout(thread)).collect();
                // Cameras are as many and alike as viewers are: one that takes long to close keeps no other from it.
                vec![
                    all.supervisor("cameras", Restart::Permanent, Strategy::SimpleOneForOne, cameras.clone(), list),
                    all.supervisor("media", Restart::Permanent, Strategy::OneForOne, spreading.clone(), fanouts),
                    all.supervisor("peers", Restart::Permanent, Strategy::SimpleOneForOne, viewers.clone(), Vec::new),
                ]
            }
        };
        let root =
            Supervisor::start_root(&threads.supervisors, &tree, options(Strategy::OneForOne), of_root, move |reason| {
                let _ = exited.send(reason);
            });
        (Self { streams: directory, peers, board, tree, clock, control: root.control }, ended)
    }

    /// Lets every viewer go and every camera be closed; resolves when that is done.
    pub async fn shut_down(&self) {
        self.peers.close();
        self.control.stop();
        self.control.dead().await;
    }
}

/// One camera with its streams: a branch of the tree.
struct Branch {
    camera: CameraSpec,
    group: Option<Group>,
    unclosed: Unclosed,
    name: Registered<Camera>,
    supervisor: Registered<Supervisor>,
    cameras: Registered<Supervisor>,
    /// Those of full renditions first: if one of them fails, those after it are started again, too.
    streams: Vec<Member>,
}

impl Branch {
    fn entries(&self) -> impl Iterator<Item = (StreamId, StreamRef)> {
        let full = self.streams.iter().filter(|member| member.rendition.size == Size::Full);
        full.map(|full| {
            let small = self.streams.iter().find(|it| it.rendition.size == Size::Small && it.stream == full.stream);
            let entry = StreamRef { small: small.map(|small| Arc::new(self.entry(small))), ..self.entry(full) };
            (full.id.clone(), entry)
        })
    }

    fn entry(&self, member: &Member) -> StreamRef {
        StreamRef {
            stream: member.name.clone(),
            size: member.rendition.size,
            small: None,
            camera: self.name.clone(),
            camera_id: self.camera.id.clone(),
            cameras: self.cameras.clone(),
            group: self.camera.group.as_deref().map(Arc::from),
        }
    }
}

fn branches_of(spec: &RootSpec, cameras: &Registered<Supervisor>, board: &Board) -> Vec<Branch> {
    let mut streams: BTreeMap<&CameraId, Vec<&StreamSpec>> = BTreeMap::new();
    for stream in &spec.streams {
        streams.entry(&stream.camera).or_default().push(stream);
    }
    let mut branches = vec![];
    let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
    for camera in &spec.cameras {
        let status = CameraStatus { source: camera.source.clone(), ..CameraStatus::default() };
        board.write(|board| board.cameras.insert(camera.id.clone(), status));
        let specs = streams.remove(&camera.id).unwrap_or_default();
        let full = specs.iter().map(|spec| Member::full(spec));
        let own: Vec<Member> = full.chain(specs.iter().filter_map(|spec| Member::small(spec))).collect();
        for member in &own {
            let status = StreamStatus::of(camera.id.clone(), member.stream.clone(), member.rendition.size);
            board.write(|board| board.streams.insert(member.id.clone(), status));
        }
        let group = camera.group.as_deref().map(|name| groups.entry(name).or_insert_with(|| Group::new(name)).clone());
        branches.push(Branch {
            camera: camera.clone(),
            group,
            unclosed: Unclosed::default(),
            name: Registered::new("device"),
            supervisor: Registered::new(camera.id.as_str()),
            cameras: cameras.clone(),
            streams: own,
        });
    }
    for stream in streams.into_values().flatten() {
        log::error!("stream {} has no camera {}", stream.id, stream.camera);
    }
    branches
}

struct Builder {
    spec: RootSpec,
    threads: Threads,
    clock: Arc<dyn Clock>,
    board: Board,
    branches: Vec<Branch>,
}

impl Builder {
    fn options(&self, strategy: Strategy) -> Options {
        let Supervision { intensity, frozen_after, .. } = self.spec.supervision;
        Options { strategy, intensity, frozen_after, chance: self.spec.chance }
    }

    fn spec(&self, name: &str, restart: Restart, shutdown: Duration) -> ChildSpec {
        ChildSpec { name: name.to_owned(), restart, shutdown, backoff: self.spec.supervision.backoff.clone() }
    }

    fn supervisor(
        &self,
        name: &str,
        restart: Restart,
        strategy: Strategy,
        registered: Registered<Supervisor>,
        children: impl Fn() -> Vec<Child> + Send + Sync + 'static,
    ) -> Child {
        // It ends when its children have, each in its own time; this is for one that does not.
        let spec = self.spec(name, restart, Budget::USUAL.whole());
        Supervisor::child(spec, self.threads.supervisors.clone(), registered, self.options(strategy), children)
    }

    /// What hands frames to the viewers of one thread.
    fn fanout(&self, media: &MediaThread) -> Child {
        let queue = media.queue.clone();
        let spec = self.spec(queue.actor().name(), Restart::Permanent, Budget::USUAL.grace());
        Child::worker(spec, media.thread.clone(), queue.actor().clone(), move |_| queue.fanout())
    }

    /// The supervisor of one camera. Transient: if it gives up, the camera has failed, and is left
    /// alone until somebody asks for it.
    fn branch(self: Arc<Self>, branch: &Branch) -> Child {
        let id = branch.camera.id.clone();
        let streams: Vec<_> = branch.streams.iter().map(|member| (member.id.clone(), member.name.clone())).collect();
        let (board, camera) = (self.board.clone(), id.clone());
        let given_up = move |reason: &ExitReason| {
            let words = format!("camera {camera} has failed: {reason}");
            board.camera(&camera, |status| {
                status.state = CameraState::Failed;
                status.last_error = Some(words.clone());
            });
            for (id, name) in &streams {
                board.stream(id, |status| {
                    status.state = StreamState::Failed;
                    status.last_error = Some(words.clone());
                });
                name.fail(&words);
            }
        };
        let own = self.clone();
        let wanted = id.clone();
        let children = move || {
            let branch = own.branches.iter().find(|branch| branch.camera.id == wanted);
            branch.map(|branch| own.clone().members(branch)).unwrap_or_default()
        };
        let supervisor = branch.supervisor.clone();
        self.supervisor(id.as_str(), Restart::Transient, Strategy::RestForOne, supervisor, children)
            .on_giving_up(given_up)
    }

    /// The device, then its streams: they depend on it.
    fn members(self: Arc<Self>, branch: &Branch) -> Vec<Child> {
        let thread = &self.threads.cameras;
        let device = {
            let (all, camera) = (self.clone(), branch.camera.clone());
            let (group, unclosed) = (branch.group.clone(), branch.unclosed.clone());
            let spec = self.spec("device", Restart::Permanent, Budget::USUAL.waiting());
            Child::worker(spec, thread.clone(), branch.name.clone(), move |cleanup| {
                Camera::new(CameraParts {
                    id: camera.id.clone(),
                    capture: camera.capture.clone(),
                    retry: Retry::new(camera.retry.clone()),
                    chance: all.spec.chance,
                    clock: all.clock.clone(),
                    board: all.board.clone(),
                    group: group.clone(),
                    cleanup: cleanup.clone(),
                    unclosed: unclosed.clone(),
                })
            })
        };
        let pause_on_suspicion = branch.camera.pause_on_suspicion;
        let streams = branch.streams.iter().map(|member| {
            let (all, camera, camera_id) = (self.clone(), branch.name.clone(), member.camera.clone());
            let (id, stream, encode) = (member.id.clone(), member.stream.clone(), member.encode.clone());
            let retry = Retry::new(branch.camera.retry.clone());
            let spec = self.spec(&format!("stream-{id}"), Restart::Permanent, Budget::USUAL.waiting());
            Child::worker(spec, thread.clone(), member.name.clone(), move |_| {
                Stream::new(StreamParts {
                    id: id.clone(),
                    known_as: stream.clone(),
                    camera_id: camera_id.clone(),
                    camera: camera.clone(),
                    encode: encode.clone(),
                    retry: retry.clone(),
                    chance: all.spec.chance,
                    clock: all.clock.clone(),
                    board: all.board.clone(),
                    pause_on_suspicion,
                })
            })
        });
        std::iter::once(device).chain(streams).collect()
    }
}
