//! The answer, line by line.

use super::codec::{CAPTURE_TIME, Extension, TRANSPORT_WIDE};
use super::offer::{Direction, Offer, Section};
use super::selection::{Fate, Selection};
use super::terms::{DtlsRole, Terms};
use std::fmt::Write;
use std::net::SocketAddr;

/// How viewers know our streams.
pub const NAME: &str = "lenscap";

/// The answer. `fingerprint` is our certificate's, sha-256.
pub fn answer(
    offer: &Offer,
    selection: &Selection<'_>,
    terms: &Terms,
    fingerprint: &str,
    addresses: &[SocketAddr],
    version: u32,
) -> String {
    let mut out = Lines(String::with_capacity(2048));
    let session = terms.secrets.ssrcs[0];
    out.line(format_args!("v=0"));
    out.line(format_args!("o={NAME} {session} {version} IN IP4 127.0.0.1"));
    out.line(format_args!("s=-"));
    out.line(format_args!("t=0 0"));
    let video = selection.video.0;
    if offer.tagged(video).is_some() {
        let accepted = offer.sections().zip(&selection.fates).filter(|(_, fate)| !matches!(fate, Fate::Refused));
        let mids: Vec<&str> = accepted.filter_map(|(section, _)| section.mid()).collect();
        out.line(format_args!("a=group:BUNDLE {}", mids.join(" ")));
    }
    // All accepted sections are on one transport; where it can be reached is said in the first (RFC 9143, section 7.3.2). It
    // is said again with the video: `rtc` and `webrtc` overlook what an inactive section names.
    let first = selection.fates.iter().position(|fate| !matches!(fate, Fate::Refused));
    for (section, fate) in offer.sections().zip(&selection.fates) {
        let is_first = first == Some(section.index);
        match fate {
            Fate::Refused => out.refused(section),
            Fate::Video => {
                out.head(section, selection.video.1.payload_type, selection.video.1.rtx);
                out.transport(offer, section, terms, fingerprint, Some(addresses));
                out.video(selection, terms);
            }
            Fate::Audio(audio) => {
                out.head(section, audio.payload_type, None);
                out.transport(offer, section, terms, fingerprint, is_first.then_some(addresses));
                out.line(format_args!("a=inactive"));
                out.line(format_args!("a=rtpmap:{} {}", audio.payload_type, audio.encoding));
                if let Some(fmtp) = audio.fmtp {
                    out.line(format_args!("a=fmtp:{} {fmtp}", audio.payload_type));
                }
            }
        }
    }
    out.0
}

/// The answer to a fragment with new credentials (RFC 8840, section 9): the sections that it names, with ours.
pub fn fragment(offer: &str, ufrag: &str, password: &str, addresses: &[SocketAddr]) -> String {
    let mut out = Lines(String::with_capacity(512));
    out.line(format_args!("a=ice-ufrag:{ufrag}"));
    out.line(format_args!("a=ice-pwd:{password}"));
    // What was agreed in the beginning is said again (draft-ietf-wish-whep, section 4.5.3), and is what the viewer repeats.
    let options = offer.lines().find_map(|line| line.strip_prefix("a=ice-options:"));
    if options.is_some_and(|options| options.split_ascii_whitespace().any(|option| option == "trickle")) {
        out.line(format_args!("a=ice-options:trickle"));
    }
    let named = |prefix: &str| offer.lines().map(str::trim_end).find(|line| line.starts_with(prefix));
    for line in [named("a=group:BUNDLE"), named("m="), named("a=mid:")].into_iter().flatten() {
        if !line.bytes().any(|byte| byte.is_ascii_control()) {
            out.line(format_args!("{line}"));
        }
    }
    out.candidates(addresses);
    out.0
}

struct Lines(String);

impl Lines {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing into a string cannot fail.
        let _ = self.0.write_fmt(line);
        self.0.push_str("\r\n");
    }

    fn mid(&mut self, section: Section<'_>) {
        if let Some(mid) = section.mid() {
            self.line(format_args!("a=mid:{mid}"));
        }
    }

    fn refused(&mut self, section: Section<'_>) {
        let name = &section.media.media_name;
        let formats = if name.formats.is_empty() { "0".to_owned() } else { name.formats.join(" ") };
        self.line(format_args!("m={} 0 {} {formats}", name.media, name.protos.join("/")));
        self.line(format_args!("c=IN IP4 0.0.0.0"));
        self.mid(section);
        self.line(format_args!("a=inactive"));
    }

    fn head(&mut self, section: Section<'_>, payload_type: u8, rtx: Option<u8>) {
        let name = &section.media.media_name;
        let rtx = rtx.map_or(String::new(), |rtx| format!(" {rtx}"));
        self.line(format_args!("m={} 9 {} {payload_type}{rtx}", name.media, name.protos.join("/")));
        self.line(format_args!("c=IN IP4 0.0.0.0"));
        self.mid(section);
    }

    /// Browsers, too, write this into every accepted section, and some clients look for it there.
    fn transport(
        &mut self,
        offer: &Offer,
        section: Section<'_>,
        terms: &Terms,
        fingerprint: &str,
        addresses: Option<&[SocketAddr]>,
    ) {
        self.line(format_args!("a=ice-ufrag:{}", terms.secrets.ufrag));
        self.line(format_args!("a=ice-pwd:{}", terms.secrets.password));
        if offer.trickles(section) {
            self.line(format_args!("a=ice-options:trickle"));
        }
        self.line(format_args!("a=fingerprint:sha-256 {fingerprint}"));
        let setup = match terms.role {
            DtlsRole::Server => "passive",
            DtlsRole::Client => "active",
        };
        self.line(format_args!("a=setup:{setup}"));
        self.line(format_args!("a=rtcp-mux"));
        if offer.has(section, "rtcp-rsize") {
            self.line(format_args!("a=rtcp-rsize"));
        }
        if let Some(addresses) = addresses {
            self.candidates(addresses);
        }
    }

    /// All of them are one socket: from which address an answer leaves, the socket decides by where the question
    /// arrived. Host candidates of one component, the first preferred (RFC 8445, section 5.1.2).
    fn candidates(&mut self, addresses: &[SocketAddr]) {
        for (nth, address) in addresses.iter().enumerate() {
            let preference = 65_535u32.saturating_sub(nth as u32);
            let priority = (126 << 24) | (preference << 8) | 255;
            let (ip, port) = (address.ip(), address.port());
            self.line(format_args!("a=candidate:{} 1 udp {priority} {ip} {port} typ host", nth + 1));
        }
        self.line(format_args!("a=end-of-candidates"));
    }

    fn extension(&mut self, extension: Option<Extension>, uri: &str) {
        if let Some(Extension { id, one_way }) = extension {
            let direction = if one_way { "/sendonly" } else { "" };
            self.line(format_args!("a=extmap:{id}{direction} {uri}"));
        }
    }

    fn video(&mut self, selection: &Selection<'_>, terms: &Terms) {
        let video = &selection.video.1;
        let (payload_type, [ssrc, rtx_ssrc]) = (video.payload_type, terms.secrets.ssrcs);
        self.extension(video.transport_wide, TRANSPORT_WIDE);
        self.extension(video.capture_time, CAPTURE_TIME);
        let inactive = video.direction == Direction::Inactive;
        self.line(format_args!("a={}", if inactive { "inactive" } else { "sendonly" }));
        self.line(format_args!("a=msid:{NAME} video"));
        self.line(format_args!("a=rtpmap:{payload_type} H264/90000"));
        if let Some(fmtp) = video.fmtp {
            self.line(format_args!("a=fmtp:{payload_type} {fmtp}"));
        }
        for kind in &video.feedback {
            self.line(format_args!("a=rtcp-fb:{payload_type} {kind}"));
        }
        if let Some(rtx) = video.rtx {
            self.line(format_args!("a=rtpmap:{rtx} rtx/90000"));
            self.line(format_args!("a=fmtp:{rtx} apt={payload_type}"));
            self.line(format_args!("a=ssrc-group:FID {ssrc} {rtx_ssrc}"));
        }
        // Chromium takes the first for the media, whatever the group says.
        self.line(format_args!("a=ssrc:{ssrc} cname:{NAME}"));
        if video.rtx.is_some() {
            self.line(format_args!("a=ssrc:{rtx_ssrc} cname:{NAME}"));
        }
    }
}
