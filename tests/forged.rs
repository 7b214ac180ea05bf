//! Packets that are not what they say: nobody healthy is let go for them, and nobody dead is kept.

use crate::support::wire::Wire;
use crate::support::{PATIENCE, Server, client, forge, resident};
use serde_json::Value;
use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

const CAMERA: &str = "[[camera]]\nid = \"cam\"\nsource = \"test\"\nsize = [320, 240]\nfps = 30\n";

/// Somebody who has never been heard of.
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 9, 8, 7);

/// What is sent in each round of a flood.
type Maker<'a> = &'a dyn Fn(u32) -> Vec<Vec<u8>>;

/// A viewer in a process of its own.
struct Watcher(Child);

impl Watcher {
    fn start(server: &Server) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_lenscap"))
            .args(["probe", &server.url("/cam"), "--seconds", "1000", "--patience", "100", "--json"])
            .stdout(Stdio::piped())
            .spawn();
        Self(child.unwrap())
    }

    fn signal(&self, signal: libc::c_int) {
        // SAFETY: the process is our own child and has not been waited for.
        unsafe { libc::kill(self.0.id() as i32, signal) };
    }

    /// Lets it leave, and tell what it saw.
    async fn finish(mut self) -> Value {
        self.signal(libc::SIGINT);
        let output = self.0.stdout.take().unwrap();
        let report = tokio::task::spawn_blocking(move || serde_json::from_reader(output).unwrap());
        report.await.unwrap()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server, a viewer that watches, and the wire between them.
struct Scene {
    server: Server,
    watcher: Watcher,
    wire: Wire,
    /// The server's port and the viewer's.
    here: SocketAddrV4,
    there: SocketAddrV4,
    /// As the viewer's checks name both.
    username: String,
}

impl Scene {
    async fn start() -> Self {
        let server = Server::start_as_shipped(CAMERA, "");
        let SocketAddr::V4(here) = server.udp else { panic!("{}", server.udp) };
        let wire = Wire::tap(here.port());
        let watcher = Watcher::start(&server);
        server
            .until("watched", |report| report["peers"][0]["sent_packets"].as_u64().is_some_and(|sent| sent > 60))
            .await;
        let there = wire.last(|it| it.from == here && it.data[0] >= 128).expect("media is on the wire").to;
        let asked = wire.last(|it| it.from == there && it.data[..2] == [0, 1]).expect("the viewer has asked");
        let username = forge::username(&asked.data).unwrap();
        Self { server, watcher, wire, here, there, username }
    }

    /// Its viewer is watching and was never suspected.
    async fn assert_healthy(&self, amid: &str) {
        let report = self.server.debug().await;
        let peer = report["peers"].as_array().unwrap().iter().find(|peer| peer["id"] == "peer-1");
        let peer = peer.unwrap_or_else(|| panic!("let go amid {amid}: {:#}", report["releases"]));
        assert_eq!(peer["state"], "watching", "amid {amid}: {peer:#}");
        assert!(!self.server.log().contains("peer-1: suspect"), "suspected amid {amid}");
    }

    /// Sends `burst` every 5 ms for so long.
    async fn flood(&self, time: Duration, mut burst: impl FnMut(u32)) {
        let start = Instant::now();
        for round in 0.. {
            burst(round);
            if start.elapsed() >= time {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What the server sent to an address since then.
    fn sent_to(&self, address: impl Fn(SocketAddrV4) -> bool, since: Instant) -> Vec<Vec<u8>> {
        let seen = self.wire.since(since).into_iter();
        seen.filter(|it| it.from == self.here && address(it.to)).map(|it| it.data).collect()
    }
}

fn assert_watched_well(report: &Value) {
    let pause = report["longest_pause_ms"].as_f64().unwrap();
    assert!(pause < 1000.0, "the picture stood still: {report:#}");
    assert!(report["frames"].as_u64().unwrap() > 20 * report["broken_frames"].as_u64().unwrap(), "{report:#}");
}

#[actix::test]
async fn forged_port_unreachables_let_nobody_go_and_draw_few_probes() {
    let scene = Scene::start().await;
    let start = Instant::now();
    let mut forged = 0;
    scene
        .flood(Duration::from_secs(3), |round| {
            for nth in 0..20 {
                scene.wire.refuse(scene.there, scene.here, &(round * 20 + nth).to_be_bytes().repeat(8));
                forged += 1;
            }
        })
        .await;
    scene.assert_healthy("refusals").await;
    let probes = scene.sent_to(|to| to == scene.there, start).iter().filter(|data| data[..2] == [0, 1]).count();
    let report = scene.watcher.finish().await;
    println!("{forged} refusals drew {probes} probes: {report:#}");
    assert!(forged > 1000, "{forged}");
    // Fifty a second and a few, whatever the flood.
    assert!((1..=170).contains(&probes), "{forged} refusals drew {probes} probes");
    assert_watched_well(&report);
}

#[actix::test]
async fn forged_checks_and_media_harm_no_healthy_viewer() {
    let scene = Scene::start().await;
    let start = Instant::now();
    let stranger = SocketAddrV4::new(STRANGER, 40_000);
    let request = |role, tie_breaker| forge::request(&scene.username, "a guess of 22 characters", role, tie_breaker);
    let makers: [(&str, Maker<'_>); 4] = [
        ("checks in the viewer's role", &|_| vec![request(forge::ICE_CONTROLLING, u64::MAX)]),
        ("checks in the server's role", &|_| {
            vec![request(forge::ICE_CONTROLLED, 0), request(forge::ICE_CONTROLLED, u64::MAX)]
        }),
        ("answers", &|_| vec![forge::success("a guess of 22 characters")]),
        ("media", &|round| forge::noise(round).into_iter().map(|(_, data)| data).collect()),
    ];
    for (what, make) in makers {
        for from in [stranger, scene.there] {
            scene
                .flood(Duration::from_millis(700), |round| {
                    make(round).iter().for_each(|data| scene.wire.send(from, scene.here, data));
                })
                .await;
            scene.assert_healthy(&format!("{what} from {from}")).await;
        }
    }
    assert_eq!(scene.sent_to(|to| to == stranger, start).len(), 0, "a stranger is neither answered nor sent media");
    let refusals = scene.sent_to(|to| to == scene.there, start).iter().filter(|data| data[..2] == [1, 0x11]).count();
    assert_eq!(refusals, 0, "the viewer is told of a conflict of roles that it has no part in");
    let remote = scene.server.debug().await["peers"][0]["remote"].clone();
    assert_eq!(remote, scene.there.to_string());
    assert_watched_well(&scene.watcher.finish().await);
}

#[actix::test]
async fn nobody_takes_the_viewers_address_away() {
    let scene = Scene::start().await;
    // Somebody with a session of his own, who can sign for that.
    let (username, password) = offer(&scene.server).await;
    for key in ["a guess of 22 characters", &password] {
        scene
            .flood(Duration::from_secs(2), |_| {
                scene.wire.send(scene.there, scene.here, &forge::request(&username, key, forge::ICE_CONTROLLING, 1));
            })
            .await;
        scene.assert_healthy("checks for another peer, from this one's address").await;
    }
    assert_watched_well(&scene.watcher.finish().await);
}

/// Makes an offer that nothing follows; gives the user name of its checks, and the key to them.
async fn offer(server: &Server) -> (String, String) {
    let post = client().post(server.url("/whep/cam")).insert_header(("Content-Type", "application/sdp"));
    let mut response = post.send_body(crate::support::OFFER).await.unwrap();
    assert_eq!(response.status(), 201);
    let answer = String::from_utf8(response.body().await.unwrap().to_vec()).unwrap();
    let field = |sdp: &str, key: &str| sdp.lines().find_map(|line| line.strip_prefix(key)).unwrap().trim().to_owned();
    let username = format!("{}:{}", field(&answer, "a=ice-ufrag:"), field(crate::support::OFFER, "a=ice-ufrag:"));
    (username, field(&answer, "a=ice-pwd:"))
}

#[actix::test]
async fn forged_addresses_lock_nobody_out() {
    let server = Server::start_as_shipped(CAMERA, "");
    let SocketAddr::V4(here) = server.udp else { panic!("{}", server.udp) };
    let wire = Wire::tap(here.port());
    let (username, password) = offer(&server).await;
    let known = forge::request(&username, &password, forge::ICE_CONTROLLING, 1);
    let forged = forge::request(&username, "a guess of 22 characters", forge::ICE_CONTROLLING, 1);
    assert_heard(&known, here);
    (0..100).for_each(|nth| wire.send(SocketAddrV4::new(STRANGER, 40_000 + nth), here, &forged));
    // As from a network that the viewer has just changed to.
    assert_heard(&known, here);
}

/// Asks from a new address until the server says something.
fn assert_heard(request: &[u8], server: SocketAddrV4) {
    let viewer = UdpSocket::bind("127.0.0.1:0").unwrap();
    viewer.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while viewer.recv_from(&mut [0; 2048]).is_err() {
        assert!(Instant::now() < deadline, "whoever can sign is answered, however many have tried before");
        viewer.send_to(request, server).unwrap();
    }
}

#[actix::test]
async fn media_from_ever_new_sources_fills_no_memory() {
    let scene = Scene::start().await;
    let sources = Cell::new(0_u32);
    let burst = |time| {
        let (scene, sources) = (&scene, &sources);
        scene.flood(time, move |_| {
            for _ in 0..200 {
                sources.set(sources.get() + 1);
                let ssrc = sources.get().to_be_bytes();
                let feedback = [&[0x81, 201, 0, 7][..], &ssrc, &[7; 40]].concat();
                let media = [&[0x80, 102, 0, 1, 0, 0, 0, 1][..], &ssrc, &[7; 40]].concat();
                [feedback, media].iter().for_each(|data| scene.wire.send(scene.there, scene.here, data));
            }
        })
    };
    burst(Duration::from_millis(300)).await;
    let before = resident(scene.server.pid());
    // Kept, a source would take a hundred bytes or so: all of them many times what is allowed below.
    let deadline = Instant::now() + PATIENCE;
    while sources.get() < 200_000 {
        assert!(Instant::now() < deadline, "{} sources", sources.get());
        burst(Duration::from_millis(500)).await;
    }
    scene.assert_healthy("media from ever new sources").await;
    let after = resident(scene.server.pid());
    let source = sources.get();
    println!("{source} sources, {before} kB before, {after} kB after");
    assert!(after < before + 4096, "{source} sources, {before} kB before, {after} kB after");
}

/// How long after its viewer has frozen the camera is let go, and the viewer is away; in ms.
async fn freeze(forge: bool) -> (f64, f64) {
    let scene = Scene::start().await;
    let own = scene.wire.since(Instant::now() - Duration::from_secs(10)).into_iter();
    // All that the viewer has ever sent, encrypted and signed by it; of its feedback the latest.
    let mut own: Vec<Vec<u8>> = own.filter(|it| it.from == scene.there).map(|it| it.data).collect();
    let feedback = own.iter().filter(|data| data[0] >= 128).count();
    assert!(feedback > 3, "{feedback} of {}", own.len());
    own.reverse();
    own.truncate(40);
    scene.watcher.signal(libc::SIGSTOP);
    let at = unix_ms();
    let away = scene.server.until("away", |report| report["peers"][0]["state"] == "away");
    let flood = async {
        scene
            .flood(if forge { Duration::from_secs(3600) } else { Duration::ZERO }, |round| {
                let request = forge::request(&scene.username, "a guess", forge::ICE_CONTROLLING, 1);
                let replayed = &own[round as usize % own.len()];
                let noise = forge::noise(round);
                let noise = &noise[round as usize % noise.len()].1;
                [&request, replayed, noise].iter().for_each(|data| scene.wire.send(scene.there, scene.here, data));
            })
            .await;
        std::future::pending::<()>().await;
    };
    let report = tokio::select! {
        report = away => report,
        () = flood => unreachable!(),
    };
    let away = unix_ms() - at;
    let releases = report["releases"].as_array().unwrap();
    assert_eq!(releases.len(), 1, "{releases:#?}");
    assert_eq!(releases[0]["cause"], "suspected", "{releases:#?}");
    (releases[0]["at"].as_f64().unwrap() - at, away)
}

fn unix_ms() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64() * 1e3
}

#[actix::test]
async fn forgeries_and_replays_keep_nobody_who_is_dead() {
    let (suspected, away) = freeze(false).await;
    let (suspected_amid, away_amid) = freeze(true).await;
    println!(
        "suspected after {suspected} ms, amid forgeries {suspected_amid}; away after {away}, amid forgeries {away_amid}"
    );
    assert!(suspected_amid < 2.0 * suspected + 300.0, "{suspected_amid} ms instead of {suspected}");
    assert!(away_amid < 1.5 * away + 300.0, "{away_amid} ms instead of {away}");
}
