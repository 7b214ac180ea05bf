//! How the server is, in a sentence. Pure.

use lenscap_actors::board::{CameraState, Snapshot};

/// Cameras that have failed are named up to this many.
const NAMED_MAX: usize = 3;

/// What `systemctl status` shows.
pub fn sentence(board: &Snapshot) -> String {
    let streams: Vec<_> = board.known_streams().map(|(id, _)| id).collect();
    let live = streams.iter().filter(|id| board.is_live(id)).count();
    let viewers: usize = streams.iter().map(|id| board.viewers(id).len()).sum();
    let failed: Vec<&str> = board
        .cameras
        .iter()
        .filter(|(_, camera)| camera.state == CameraState::Failed)
        .map(|(id, _)| id.as_str())
        .collect();
    let mut sentence = format!("{live} of {} live, {}", count(streams.len(), "stream"), count(viewers, "viewer"));
    if !failed.is_empty() {
        let more = if failed.len() > NAMED_MAX { ", …" } else { "" };
        let named = &failed[..failed.len().min(NAMED_MAX)];
        sentence.push_str(&format!("; {} failed: {}{more}", count(failed.len(), "camera"), named.join(", ")));
    }
    sentence
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lenscap_actors::board::{CameraStatus, StreamState, StreamStatus};
    use lenscap_actors::media::Size;

    #[test]
    fn streams_viewers_and_failures_are_counted_in_words() {
        for (live, viewers, failed, expected) in [
            (0, 0, 0, "0 of 2 streams live, 0 viewers"),
            (1, 1, 0, "1 of 2 streams live, 1 viewer"),
            (2, 5, 1, "2 of 2 streams live, 5 viewers; 1 camera failed: cam-0"),
            (0, 0, 5, "0 of 2 streams live, 0 viewers; 5 cameras failed: cam-0, cam-1, cam-2, …"),
        ] {
            let mut board = Snapshot::default();
            for nth in 0..2 {
                let name = format!("stream-{nth}");
                let mut stream = StreamStatus::of("cam".into(), name.as_str().into(), Size::Full);
                if nth < live {
                    stream.state = StreamState::Live;
                }
                if nth == 0 {
                    stream.subscribers = (0..viewers).map(|peer| format!("peer-{peer}").as_str().into()).collect();
                }
                board.streams.insert(name.as_str().into(), stream);
            }
            for nth in 0..failed {
                let camera = CameraStatus { state: CameraState::Failed, ..CameraStatus::default() };
                board.cameras.insert(format!("cam-{nth}").as_str().into(), camera);
            }
            assert_eq!(sentence(&board), expected);
        }
    }
}
