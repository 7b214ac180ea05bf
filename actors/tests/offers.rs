//! Offers of clients that are not ours, and what each is answered.

use lenscap_actors::transport::{Identity, OfferError, Secrets, answer};
use proptest::prelude::*;
use rtc_sdp::description::media::MediaDescription;
use rtc_sdp::description::session::SessionDescription;
use std::io::Cursor;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::LazyLock;

static IDENTITY: LazyLock<Identity> = LazyLock::new(|| Identity::generate().unwrap());

fn offer(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/offers").join(format!("{name}.sdp"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn addresses() -> Vec<SocketAddr> {
    vec!["192.0.2.1:8555".parse().unwrap(), "[2001:db8::1]:8555".parse().unwrap()]
}

fn secrets() -> Secrets {
    Secrets {
        ufrag: "lenscap1".into(),
        password: "0123456789abcdef01234567".into(),
        ssrcs: [11, 22],
        sequence: 1,
        timestamp: 1,
        tie_breaker: 1,
    }
}

fn ask(offer: &str) -> Result<String, OfferError> {
    answer(offer, &IDENTITY, &addresses(), secrets()).map(|(text, _)| text)
}

fn parse(text: &str) -> SessionDescription {
    SessionDescription::unmarshal(&mut Cursor::new(text)).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn value<'a>(section: &'a MediaDescription, key: &str) -> Option<&'a str> {
    section.attribute(key).flatten()
}

/// A section in a line: kind, whether it is accepted, name, direction, formats; `*` where our addresses are.
fn line(section: &MediaDescription) -> String {
    let name = &section.media_name;
    let direction = ["sendrecv", "sendonly", "recvonly", "inactive"].into_iter().find(|it| section.has_attribute(it));
    let candidates = if section.has_attribute("candidate") { " *" } else { "" };
    let mid = value(section, "mid").unwrap_or("-");
    let state = match name.port.value {
        0 => "refused".to_owned(),
        _ => format!("{} {}", direction.unwrap(), name.formats.join(",")),
    };
    format!("{} {mid} {state}{candidates}", name.media)
}

/// What everybody may rely on.
fn check_form(offer: &str, answer: &str) {
    assert!(answer.lines().count() > 5 && answer.split("\r\n").all(|line| !line.contains(['\r', '\n'])), "{answer}");
    let (offer, text, answer) = (parse(offer), answer, parse(answer));
    let names = |all: &SessionDescription| -> Vec<(String, Option<String>)> {
        let name =
            |it: &MediaDescription| (it.media_name.media.clone(), value(it, "mid").map(|mid| mid.trim().to_owned()));
        all.media_descriptions.iter().map(name).collect()
    };
    assert_eq!(names(&offer), names(&answer), "the same sections in the same order");
    let accepted: Vec<_> = answer.media_descriptions.iter().filter(|it| it.media_name.port.value != 0).collect();
    for (nth, section) in accepted.iter().enumerate() {
        for key in ["ice-ufrag", "ice-pwd", "fingerprint", "setup", "rtcp-mux"] {
            assert!(section.has_attribute(key), "{key}\n{text}");
        }
        let candidates = section.attributes.iter().filter(|it| it.key == "candidate").count();
        let is_video = section.media_name.media == "video";
        assert_eq!(candidates, if nth == 0 || is_video { 2 } else { 0 }, "{text}");
        // What is answered was offered.
        let index = answer.media_descriptions.iter().position(|it| std::ptr::eq(it, *section)).unwrap();
        let offered = &offer.media_descriptions[index];
        assert!(section.media_name.formats.iter().all(|it| offered.media_name.formats.contains(it)), "{text}");
        assert_eq!(section.media_name.protos, offered.media_name.protos);
        for feedback in section.attributes.iter().filter(|it| it.key == "rtcp-fb") {
            let kind = feedback.value.as_deref().unwrap().split_once(' ').unwrap().1;
            let offers = |it: &str| it.split_once(' ').is_some_and(|(_, offered)| offered.trim() == kind);
            assert!(offered.attributes.iter().any(|it| it.key == "rtcp-fb" && it.value.as_deref().is_some_and(offers)));
        }
    }
    assert_eq!(accepted.iter().filter(|it| it.media_name.media == "video").count(), 1, "{text}");
    let group = answer.attribute("group").map(|it| it.split(' ').skip(1).map(str::to_owned).collect::<Vec<_>>());
    let mids: Vec<String> = accepted.iter().filter_map(|it| value(it, "mid").map(|it| it.trim().to_owned())).collect();
    assert!(group.is_none_or(|group| group == mids), "who is accepted is bundled\n{text}");
}

#[test]
fn each_client_is_answered_what_it_can_use() {
    for (name, sections) in [
        ("chromium", &["video 0 sendonly 108,109 *"][..]),
        ("chromium-audio-first", &["audio 0 inactive 111 *", "video 1 sendonly 108,109 *"]),
        ("chromium-max-bundle", &["audio 0 inactive 111 *", "video 1 sendonly 108,109 *"]),
        ("chromium-video-first-max-bundle", &["video 0 sendonly 108,109 *", "audio 1 inactive 111"]),
        (
            "chromium-with-datachannel",
            &["audio 0 inactive 111 *", "video 1 sendonly 108,109 *", "application 2 refused"],
        ),
        ("chromium-no-bundle", &["audio 0 refused", "video 1 sendonly 108,109 *"]),
        ("chromium-two-videos", &["video 0 sendonly 108,109 *", "video 1 refused"]),
        ("chromium-sendrecv", &["video 0 sendonly 108,109 *"]),
        ("chromium-inactive", &["video 0 inactive 108,109 *"]),
        ("chromium-passive", &["video 0 sendonly 108,109 *"]),
        ("firefox", &["video 0 sendonly 126,127 *", "audio 1 inactive 109"]),
        ("firefox-audio-first", &["audio 0 inactive 109 *", "video 1 sendonly 126,127 *"]),
        ("aiortc", &["audio 0 inactive 96 *", "video 1 sendonly 101,102 *"]),
        ("gstreamer-max-bundle", &["audio audio0 inactive 97 *", "video video1 sendonly 96 *"]),
        ("gstreamer-sound-it-cannot", &["audio audio0 inactive 8 *", "video video1 sendonly 96 *"]),
        ("str0m", &["video vMd sendonly 108,109 *"]),
        ("ice-lite", &["video - sendonly 96 *"]),
        ("wildcard-feedback-no-mid", &["audio - refused", "text - refused", "video - sendonly 33 *"]),
    ] {
        let text = ask(&offer(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let lines: Vec<String> = parse(&text).media_descriptions.iter().map(line).collect();
        assert_eq!(lines, sections, "{name}\n{text}");
        check_form(&offer(name), &text);
    }
}

#[test]
fn what_cannot_connect_is_refused_in_words_that_help() {
    for (name, words) in [
        ("chromium-whip", "offer recvonly"),
        ("firefox-without-h264", "OpenH264 plug-in"),
        ("whole-units-only", "packetization-mode=1"),
        ("chromium-no-rtcp-mux", "a=rtcp-mux"),
        ("chromium-holdconn", "actpass"),
        ("datachannel-first-max-bundle", "put audio or video first"),
    ] {
        let error = ask(&offer(name)).unwrap_err().to_string();
        assert!(error.contains(words), "{name}: {error}");
    }
    let chromium = offer("chromium");
    let without =
        |key: &str| chromium.lines().filter(|it| !it.starts_with(key)).map(|it| format!("{it}\r\n")).collect();
    let refused = |offer: String| ask(&offer).unwrap_err();
    assert_eq!(refused(without("a=ice-ufrag")), OfferError::NoIceCredentials);
    assert_eq!(refused(without("a=fingerprint")), OfferError::NoFingerprint);
    assert_eq!(refused(chromium.replace("sha-256", "sha-1")), OfferError::NoFingerprint);
    assert_eq!(refused(chromium.replace("ice-pwd:", "ice-pwd:a b")), OfferError::NoIceCredentials);
    assert_eq!(refused(chromium.replace("m=video 9", "m=video 0")), OfferError::NoVideo, "given up");
    assert_eq!(refused(chromium.replace("m=video", "m=audio")), OfferError::NoVideo);
    let lite = chromium.replacen("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n", 1);
    assert_eq!(refused(lite), OfferError::NoLiteCandidate);
    let candidate = "a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n";
    assert_eq!(refused(chromium.clone() + &candidate.repeat(65)), OfferError::TooManyCandidates);
    assert!(ask(&(chromium.clone() + &candidate.repeat(64))).is_ok());
    assert_eq!(refused(chromium.clone() + &"m=audio 0 x 0\r\n".repeat(32)), OfferError::TooManySections);
    assert_eq!(refused(chromium.clone() + &"a=x\r\n".repeat(2000)), OfferError::TooManyLines);
    assert!(matches!(refused(chromium.clone() + &"a=x\r\n".repeat(20_000)), OfferError::TooLarge(_)));
    for rubbish in ["", "hello", "v=0", "v=0\r\nm=video 9\r\n", "m=video 9 x\r\na=rtpmap:96 H264/90000\r\n"] {
        assert!(matches!(refused(rubbish.to_owned()), OfferError::Malformed(_)), "{rubbish:?}");
    }
    assert!(matches!(refused(chromium.replace("a=mid:0", "a=mid:0\ra=evil")), OfferError::Malformed(_)));
}

#[test]
fn who_begins_the_handshake_is_as_offered() {
    let setup =
        |name: &str| ask(&offer(name)).unwrap().lines().find_map(|it| it.strip_prefix("a=setup:").map(str::to_owned));
    assert_eq!(setup("chromium").as_deref(), Some("passive"));
    assert_eq!(setup("wildcard-feedback-no-mid").as_deref(), Some("passive"), "the offer says active");
    assert_eq!(setup("chromium-passive").as_deref(), Some("active"));
}

#[test]
fn extensions_feedback_and_sources_are_those_that_were_offered() {
    let chromium = ask(&offer("chromium")).unwrap();
    let transport_wide = "a=extmap:4 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
    assert!(chromium.contains(transport_wide), "{chromium}");
    for kind in ["nack", "nack pli", "ccm fir", "transport-cc"] {
        assert!(chromium.contains(&format!("a=rtcp-fb:108 {kind}\r\n")), "{kind}");
    }
    assert!(!chromium.contains("goog-remb"));
    let silent = ask(&offer("chromium").replace("a=rtcp-fb:108 transport-cc\r\n", "")).unwrap();
    assert!(!silent.contains("transport-"), "who reports no arrivals needs no numbers for them\n{silent}");
    // Chromium takes the first source for the media.
    let sources: Vec<&str> = chromium.lines().filter(|it| it.starts_with("a=ssrc")).collect();
    assert_eq!(sources, ["a=ssrc-group:FID 11 22", "a=ssrc:11 cname:lenscap", "a=ssrc:22 cname:lenscap"]);
    // Id 15 has no room in a one-byte header.
    let str0m = ask(&offer("str0m")).unwrap();
    assert!(str0m.contains("a=extmap:3 ") && !str0m.contains("abs-capture-time"), "{str0m}");
    let captured = offer("str0m").replace("extmap:15", "extmap:9/recvonly");
    assert!(
        ask(&captured)
            .unwrap()
            .contains("a=extmap:9/sendonly http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time")
    );
    let aiortc = ask(&offer("aiortc")).unwrap();
    assert!(!aiortc.contains("transport-cc") && aiortc.contains("a=rtcp-fb:101 nack pli"), "{aiortc}");
    let wildcard = ask(&offer("wildcard-feedback-no-mid")).unwrap();
    assert!(wildcard.contains("a=rtcp-fb:33 nack pli") && !wildcard.contains("ccm"), "{wildcard}");
    assert!(!wildcard.contains("a=ssrc:22") && !wildcard.contains("BUNDLE"), "{wildcard}");
}

#[test]
fn our_addresses_are_named_in_order_with_falling_priority() {
    let text = ask(&offer("chromium-max-bundle")).unwrap();
    let candidates: Vec<&str> = text.lines().filter(|it| it.contains("candidate")).collect();
    assert_eq!(candidates[..3], candidates[3..], "in the first section, and with the video");
    assert_eq!(
        candidates[..3],
        [
            "a=candidate:1 1 udp 2130706431 192.0.2.1 8555 typ host",
            "a=candidate:2 1 udp 2130706175 2001:db8::1 8555 typ host",
            "a=end-of-candidates"
        ]
    );
    let error = answer(&offer("chromium"), &IDENTITY, &[], secrets()).err();
    assert!(matches!(error, Some(OfferError::Internal(_))));
}

fn any_offer() -> impl Strategy<Value = String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/offers");
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let all: Vec<String> = names.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    assert!(all.len() >= 24);
    prop::sample::select(all)
}

#[derive(Clone, Debug)]
enum Bend {
    Drop(prop::sample::Index),
    Repeat(prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
    Byte(prop::sample::Index, char),
    Cut(prop::sample::Index),
}

fn bend() -> impl Strategy<Value = Bend> {
    use prop::sample::Index;
    prop_oneof![
        any::<Index>().prop_map(Bend::Drop),
        any::<Index>().prop_map(Bend::Repeat),
        any::<(Index, Index)>().prop_map(|(one, other)| Bend::Swap(one, other)),
        (any::<Index>(), any::<char>()).prop_map(|(at, to)| Bend::Byte(at, to)),
        any::<Index>().prop_map(Bend::Cut),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_bent_offer_is_refused_or_answered_in_due_form(offer in any_offer(), bends in prop::collection::vec(bend(), 0..6)) {
        let mut lines: Vec<String> = offer.split("\r\n").filter(|it| !it.is_empty()).map(str::to_owned).collect();
        for bend in bends {
            if lines.is_empty() {
                break;
            }
            let count = lines.len();
            match bend {
                Bend::Drop(at) => _ = lines.remove(at.index(count)),
                Bend::Repeat(at) => lines.insert(at.index(count), lines[at.index(count)].clone()),
                Bend::Swap(one, other) => lines.swap(one.index(count), other.index(count)),
                Bend::Byte(at, to) => {
                    let line = &mut lines[at.index(count)];
                    let nth = at.index(line.chars().count().max(1));
                    *line = line.chars().enumerate().map(|(n, old)| if n == nth { to } else { old }).collect();
                }
                Bend::Cut(at) => lines.truncate(at.index(count) + 1),
            }
        }
        let offer: String = lines.iter().map(|it| format!("{it}\r\n")).collect();
        if let Ok(text) = ask(&offer) {
            check_form(&offer, &text);
        }
    }
}
