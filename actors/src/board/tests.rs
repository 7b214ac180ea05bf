use super::*;
use std::time::Instant;

fn release(peer: &str, at: u64, cause: Cause) -> ReleaseRecord {
    ReleaseRecord {
        at,
        stream: "s".into(),
        camera: "c".into(),
        peer: peer.into(),
        cause,
        detected_ms: 30.0,
        stop_ms: Some(0.1),
        closed_ms: Some(4.0),
    }
}

fn verdict(peer: &str, at: u64, cause: Cause) -> VerdictRecord {
    VerdictRecord { at, peer: peer.into(), cause, silence_ms: 30.0, returned_ms: None }
}

#[test]
fn what_happens_is_counted_once() {
    let board = Board::default();
    board.verdict(verdict("a", 1000, Cause::Bye));
    board.verdict(verdict("b", 1000, Cause::Silence));
    for former in ["a", "b", "b", "nobody"] {
        board.returned(former, 3000);
    }
    board.suspected();
    board.probed();
    board.suspicion_withdrawn(Duration::from_millis(700));
    let Snapshot { counters, verdicts, .. } = board.snapshot(Instant::now());
    assert_eq!((counters.returns, counters.suspicions, counters.probes, counters.picture_away.count()), (1, 1, 1, 1));
    assert_eq!(counters.silence.len(), 2);
    assert_eq!(verdicts.iter().map(|it| it.returned_ms).collect::<Vec<_>>(), [None, Some(2000.0)]);
}

#[test]
fn more_releases_are_counted_than_remembered() {
    let board = Board::default();
    for _ in 0..RELEASES_KEPT + 5 {
        board.released(release("a", 0, Cause::Bye));
        board.verdict(verdict("a", 0, Cause::Bye));
    }
    let seen = board.snapshot(Instant::now());
    assert_eq!((seen.releases.len(), seen.verdicts.len()), (RELEASES_KEPT, RELEASES_KEPT));
    assert_eq!((seen.releases_forgotten, seen.verdicts_forgotten), (5, 5));
    assert_eq!(seen.counters.release[&Cause::Bye].count(), RELEASES_KEPT as u64 + 5);
}

#[test]
fn what_a_viewer_was_sent_is_remembered_once_when_it_has_left() {
    let board = Board::default();
    let id = PeerId::from("a");
    let status = PeerStatus { sent_packets: 7, lost_packets: 2, ..PeerStatus::default() };
    board.write(|board| board.peers.insert(id.clone(), status));
    board.forget(&id);
    board.forget(&id);
    let Snapshot { counters, peers, .. } = board.snapshot(Instant::now());
    assert!(peers.is_empty());
    assert_eq!((counters.traffic.sent, counters.traffic.lost), (7, 2));
}
