//! Which of the offered formats is used, and with what.

use super::error::OfferError;
use super::offer::{Direction, Section};

/// Numbers all packets of a connection, whatever their stream (draft-holmer-rmcat-transport-wide-cc-extensions-01).
pub const TRANSPORT_WIDE: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Says when a picture was taken.
pub const CAPTURE_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time";

/// The profile that every decoder has: constrained baseline (RFC 6184, section 8.1).
const CONSTRAINED_BASELINE: &str = "42e0";

/// A header extension as it was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension {
    /// 1 to 14: all that fits into one-byte headers (RFC 8285, section 4.2).
    pub id: u8,
    /// Whether the offer says that it only takes it; the answer then says that it only gives it.
    pub one_way: bool,
}

/// How the video is sent.
pub struct Video<'a> {
    /// As the viewer sees it.
    pub direction: Direction,
    pub payload_type: u8,
    /// Its parameters, as they were offered.
    pub fmtp: Option<&'a str>,
    pub rtx: Option<u8>,
    /// The kinds of feedback that were offered and that we act on.
    pub feedback: Vec<&'static str>,
    pub transport_wide: Option<Extension>,
    pub capture_time: Option<Extension>,
}

/// Feedback that we act on.
const FEEDBACK: [&str; 4] = ["nack", "nack pli", "ccm fir", "transport-cc"];

impl<'a> Video<'a> {
    /// H.264 in fragments, of the profile that everybody has if it is there, else what comes first.
    pub fn choose(section: Section<'a>, direction: Direction) -> Result<Self, OfferError> {
        let mut best: Option<(bool, u8, Option<&str>)> = None;
        let mut whole_units = false;
        for (payload_type, encoding, fmtp) in formats(section) {
            if !encoding.eq_ignore_ascii_case("H264/90000") {
                continue;
            }
            // GStreamer offers H.264 without any parameter, and takes fragments all the same.
            if fmtp.is_some_and(|fmtp| parameter(fmtp, "packetization-mode") != Some("1")) {
                whole_units = true;
                continue;
            }
            let profile = fmtp.and_then(|fmtp| parameter(fmtp, "profile-level-id")).unwrap_or_default();
            let common = profile.get(..4).is_some_and(|it| it.eq_ignore_ascii_case(CONSTRAINED_BASELINE));
            if best.is_none_or(|(is_common, ..)| common && !is_common) {
                best = Some((common, payload_type, fmtp));
            }
        }
        let missing = || if whole_units { OfferError::SingleUnitsOnly } else { OfferError::NoH264 };
        let (_, payload_type, fmtp) = best.ok_or_else(missing)?;
        let apt = payload_type.to_string();
        let rtx = formats(section)
            .find(|(_, encoding, fmtp)| {
                encoding.eq_ignore_ascii_case("rtx/90000") && fmtp.and_then(|it| parameter(it, "apt")) == Some(&*apt)
            })
            .map(|(payload_type, ..)| payload_type);
        let mut feedback = feedback(section, &apt);
        // Numbers alone tell nothing of the link: of who does not report by them the losses are looked at.
        let transport_wide = extension(section, TRANSPORT_WIDE).filter(|_| feedback.contains(&"transport-cc"));
        feedback.retain(|kind| *kind != "transport-cc" || transport_wide.is_some());
        let capture_time = extension(section, CAPTURE_TIME);
        Ok(Self { direction, payload_type, fmtp, rtx, feedback, transport_wide, capture_time })
    }
}

/// What an audio section is accepted with. Nothing is sent yet.
pub struct Audio<'a> {
    pub payload_type: u8,
    pub encoding: &'a str,
    pub fmtp: Option<&'a str>,
}

impl<'a> Audio<'a> {
    /// Opus; whatever is offered first if the section is needed for its transport.
    pub fn choose(section: Section<'a>, needed: bool) -> Option<Self> {
        let opus = |encoding: &str| encoding.get(..5).is_some_and(|name| name.eq_ignore_ascii_case("opus/"));
        let mut known = formats(section);
        let found = known.find(|(_, encoding, _)| opus(encoding));
        let (payload_type, encoding, fmtp) = found.or_else(|| formats(section).next().filter(|_| needed))?;
        Some(Self { payload_type, encoding, fmtp })
    }
}

/// The formats of a section, in its order of preference: payload type, encoding, parameters.
fn formats<'a>(section: Section<'a>) -> impl Iterator<Item = (u8, &'a str, Option<&'a str>)> {
    section.media.media_name.formats.iter().filter_map(move |format| {
        let payload_type = format.parse::<u8>().ok().filter(|it| *it < 128)?;
        Some((payload_type, of_format(section, "rtpmap", format)?, of_format(section, "fmtp", format)))
    })
}

/// `a=key:format value`.
fn of_format<'a>(section: Section<'a>, key: &str, format: &str) -> Option<&'a str> {
    section.values(key).find_map(|value| {
        let (of, rest) = value.split_once(' ')?;
        (of == format).then(|| rest.trim())
    })
}

fn parameter<'a>(fmtp: &'a str, name: &str) -> Option<&'a str> {
    fmtp.split(';').find_map(|it| {
        let (key, value) = it.trim().split_once('=')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The kinds of feedback that were offered for a format, or for all (RFC 4585, section 4.2).
fn feedback(section: Section<'_>, format: &str) -> Vec<&'static str> {
    let offered: Vec<&str> = section
        .values("rtcp-fb")
        .filter_map(|value| value.split_once(' '))
        .filter(|(of, _)| *of == format || *of == "*")
        .map(|(_, kind)| kind.trim())
        .collect();
    FEEDBACK.into_iter().filter(|kind| offered.contains(kind)).collect()
}

/// `a=extmap:id[/direction] uri`, if the viewer takes it (RFC 8285, section 5).
fn extension(section: Section<'_>, uri: &str) -> Option<Extension> {
    section.values("extmap").find_map(|value| {
        let (id, rest) = value.split_once(' ')?;
        if rest.split_whitespace().next() != Some(uri) {
            return None;
        }
        let (id, direction) = id.split_once('/').map_or((id, None), |(id, direction)| (id, Some(direction)));
        let id = id.parse().ok().filter(|id| (1..15).contains(id))?;
        match direction {
            None | Some("sendrecv") => Some(Extension { id, one_way: false }),
            Some("recvonly") => Some(Extension { id, one_way: true }),
            _ => None,
        }
    })
}
