//! An offer as it is read: which section is which, and what holds for it.

use super::error::OfferError;
use super::limits::{CANDIDATES_MAX, LINES_MAX, OFFER_BYTES_MAX, SECTIONS_MAX};
use rtc_sdp::description::media::MediaDescription;
use rtc_sdp::description::session::SessionDescription;
use std::io::Cursor;
use std::net::{IpAddr, SocketAddr};

/// Candidates of an ice-lite viewer that are asked.
const LITE_CANDIDATES_MAX: usize = 8;

/// The offer.
pub struct Offer {
    session: SessionDescription,
    /// For each section, the section whose transport it shares, which may be itself: the first of its bundle.
    tags: Vec<Option<usize>>,
}

/// One of its media sections.
#[derive(Clone, Copy)]
pub struct Section<'a> {
    /// Its place, from 0.
    pub index: usize,
    /// What it says.
    pub media: &'a MediaDescription,
}

/// Who sends (RFC 8866, section 6.7), as the viewer sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    /// Whether the viewer takes media.
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }
}

impl<'a> Section<'a> {
    /// `video`, `audio`, `application`.
    pub fn kind(self) -> &'a str {
        &self.media.media_name.media
    }

    /// An attribute's value.
    pub fn value(self, key: &str) -> Option<&'a str> {
        self.values(key).next()
    }

    /// All values of an attribute, in order.
    pub fn values<'k>(self, key: &'k str) -> impl Iterator<Item = &'a str> + use<'a, 'k> {
        self.media.attributes.iter().filter(move |it| it.key == key).filter_map(|it| it.value.as_deref())
    }

    fn has(self, key: &str) -> bool {
        self.media.has_attribute(key)
    }

    /// Its name in bundles.
    pub fn mid(self) -> Option<&'a str> {
        self.value("mid").map(str::trim)
    }

    /// Whether it lives by its bundle only: port 0 then does not mean that it is given up (RFC 9143, section 6).
    pub fn is_bundle_only(self) -> bool {
        self.media.media_name.port.value == 0 && self.has("bundle-only")
    }

    /// Whether it is there to be accepted: not given up, and SRTP keyed by DTLS (RFC 5764) over UDP.
    pub fn is_offered(self) -> bool {
        let protocol = &self.media.media_name.protos;
        let is = |names: &[&str]| protocol.iter().map(String::as_str).eq(names.iter().copied());
        // The second form is what browsers wrote before RFC 8829, and some clients still do.
        let known = ["SAVPF", "SAVP"].iter().any(|name| is(&["UDP", "TLS", "RTP", name]) || is(&["RTP", name]));
        known && (self.media.media_name.port.value != 0 || self.is_bundle_only())
    }
}

impl Offer {
    /// Takes an offer apart.
    pub fn read(offer: &str) -> Result<Self, OfferError> {
        if offer.len() > OFFER_BYTES_MAX {
            return Err(OfferError::TooLarge(offer.len()));
        }
        // What is repeated in the answer must not be able to end a line there.
        let bytes = offer.as_bytes();
        let stray = |(at, byte): (usize, &u8)| match byte {
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            b'\n' | b'\t' => false,
            byte => byte.is_ascii_control(),
        };
        if bytes.iter().enumerate().any(stray) {
            return Err(OfferError::Malformed("it has control characters".into()));
        }
        if offer.lines().nth(LINES_MAX).is_some() {
            return Err(OfferError::TooManyLines);
        }
        let count = |prefix: &str| offer.lines().filter(|line| line.starts_with(prefix)).count();
        if count("m=") > SECTIONS_MAX {
            return Err(OfferError::TooManySections);
        }
        if count("a=candidate:") > CANDIDATES_MAX {
            return Err(OfferError::TooManyCandidates);
        }
        let session = SessionDescription::unmarshal(&mut Cursor::new(offer))
            .map_err(|error| OfferError::Malformed(error.to_string().chars().take(120).collect()))?;
        let mut offer = Self { session, tags: vec![] };
        offer.tags = offer.bundles();
        Ok(offer)
    }

    /// Its sections in order.
    pub fn sections(&self) -> impl Iterator<Item = Section<'_>> {
        self.session.media_descriptions.iter().enumerate().map(|(index, media)| Section { index, media })
    }

    fn section(&self, index: usize) -> Option<Section<'_>> {
        self.session.media_descriptions.get(index).map(|media| Section { index, media })
    }

    /// Which section's transport each uses (RFC 9143, section 7.2).
    fn bundles(&self) -> Vec<Option<usize>> {
        let mids: Vec<Option<&str>> = self.sections().map(Section::mid).collect();
        let mut tags = vec![None; mids.len()];
        for group in self.session.attributes.iter().filter(|it| it.key == "group") {
            let mut names = group.value.as_deref().unwrap_or_default().split_whitespace();
            if names.next() != Some("BUNDLE") {
                continue;
            }
            let members: Vec<usize> = names.filter_map(|name| mids.iter().position(|mid| *mid == Some(name))).collect();
            for member in &members {
                tags[*member] = tags[*member].or(members.first().copied());
            }
        }
        tags
    }

    /// The section whose transport this one uses, if it is bundled.
    pub fn tagged(&self, section: Section<'_>) -> Option<Section<'_>> {
        self.section(self.tags.get(section.index).copied().flatten()?)
    }

    /// Whether two sections share their transport.
    pub fn are_bundled(&self, one: Section<'_>, other: Section<'_>) -> bool {
        self.tags[one.index].is_some() && self.tags[one.index] == self.tags[other.index]
    }

    /// Where an attribute of the transport may stand: in the section itself, in the one whose transport it uses, and
    /// before all sections (RFC 8829, section 5.2.1).
    fn places<'a>(&'a self, section: Section<'a>) -> impl Iterator<Item = Section<'a>> {
        std::iter::once(section).chain(self.tagged(section))
    }

    /// An attribute of the section's transport.
    pub fn value<'a>(&'a self, section: Section<'a>, key: &str) -> Option<&'a str> {
        let own = self.places(section).find_map(|place| place.value(key));
        own.or_else(|| self.session.attribute(key).map(String::as_str))
    }

    /// All values of an attribute of the section's transport.
    pub fn values<'a>(&'a self, section: Section<'a>, key: &str) -> Vec<&'a str> {
        let place = self.places(section).find(|place| place.has(key));
        match place {
            Some(place) => place.values(key).collect(),
            None => {
                let all = self.session.attributes.iter().filter(|it| it.key == key);
                all.filter_map(|it| it.value.as_deref()).collect()
            }
        }
    }

    /// Whether the section's transport has an attribute.
    pub fn has(&self, section: Section<'_>, key: &str) -> bool {
        self.places(section).any(|place| place.has(key)) || self.session.has_attribute(key)
    }

    /// The viewer's user name fragment and password.
    pub fn credentials<'a>(&'a self, section: Section<'a>) -> Option<(&'a str, &'a str)> {
        let (ufrag, password) = (self.value(section, "ice-ufrag")?.trim(), self.value(section, "ice-pwd")?.trim());
        are_credentials(ufrag, password).then_some((ufrag, password))
    }

    /// Whether the viewer only answers (RFC 8445, section 2.5).
    pub fn is_lite(&self) -> bool {
        self.session.has_attribute("ice-lite")
    }

    /// Whether the viewer may name candidates later.
    pub fn trickles(&self, section: Section<'_>) -> bool {
        self.value(section, "ice-options").is_some_and(|options| options.split_whitespace().any(|it| it == "trickle"))
    }

    /// Who sends.
    pub fn direction(&self, section: Section<'_>) -> Direction {
        let found = |has: &dyn Fn(&str) -> bool| {
            [
                ("sendrecv", Direction::SendRecv),
                ("sendonly", Direction::SendOnly),
                ("recvonly", Direction::RecvOnly),
                ("inactive", Direction::Inactive),
            ]
            .into_iter()
            .find_map(|(key, direction)| has(key).then_some(direction))
        };
        let own = found(&|key| section.has(key));
        own.or_else(|| found(&|key| self.session.has_attribute(key))).unwrap_or(Direction::SendRecv)
    }

    /// The UDP addresses that the section's transport names (RFC 8839, section 5.1).
    pub fn candidates(&self, section: Section<'_>) -> Vec<SocketAddr> {
        let parse = |value: &str| {
            let fields: Vec<&str> = value.split_whitespace().collect();
            let [_, "1", transport, _, ip, port, ..] = fields.as_slice() else { return None };
            let (ip, port) = (ip.parse::<IpAddr>().ok()?, port.parse::<u16>().ok()?);
            (transport.eq_ignore_ascii_case("udp") && port != 0).then_some(SocketAddr::new(ip, port))
        };
        self.values(section, "candidate").into_iter().filter_map(parse).take(LITE_CANDIDATES_MAX).collect()
    }
}

/// RFC 8839, section 5.4.
pub fn are_credentials(ufrag: &str, password: &str) -> bool {
    let legal = |text: &str| {
        text.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'+' | b'/' | b'-' | b'_' | b'='))
    };
    (4..=256).contains(&ufrag.len()) && (22..=256).contains(&password.len()) && legal(ufrag) && legal(password)
}
