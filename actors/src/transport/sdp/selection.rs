//! Which sections of an offer are accepted, and which of them has the video.

use super::codec::{Audio, Video};
use super::error::OfferError;
use super::offer::{Direction, Offer, Section};

/// What becomes of each section.
pub(super) struct Selection<'a> {
    /// In the order of the offer.
    pub fates: Vec<Fate<'a>>,
    pub video: (Section<'a>, Video<'a>),
}

pub(super) enum Fate<'a> {
    Video,
    Audio(Audio<'a>),
    Refused,
}

impl<'a> Selection<'a> {
    pub fn make(offer: &'a Offer) -> Result<Self, OfferError> {
        let (section, video) = Self::video(offer)?;
        let tagged = offer.tagged(section).filter(|tagged| tagged.index != section.index);
        let fates = offer
            .sections()
            .map(|other| {
                if other.index == section.index {
                    return Fate::Video;
                }
                // There is one transport: what is not bundled with the video has none.
                if other.kind() != "audio" || !other.is_offered() || !offer.are_bundled(section, other) {
                    return Fate::Refused;
                }
                let carries_video =
                    tagged.is_some_and(|tagged| tagged.index == other.index) && section.is_bundle_only();
                Audio::choose(other, carries_video).map_or(Fate::Refused, Fate::Audio)
            })
            .collect::<Vec<_>>();
        if let Some(tagged) = tagged
            && section.is_bundle_only()
            && matches!(fates.get(tagged.index), Some(Fate::Refused))
        {
            return Err(OfferError::BundledOnto(tagged.kind().chars().take(20).collect()));
        }
        Ok(Self { fates, video: (section, video) })
    }

    /// The section that will have our video: the first that receives, else the first that is inactive.
    fn video(offer: &'a Offer) -> Result<(Section<'a>, Video<'a>), OfferError> {
        let mut why = OfferError::NoVideo;
        let mut inactive = None;
        for section in offer.sections().filter(|section| section.kind() == "video" && section.is_offered()) {
            let direction = offer.direction(section);
            if direction == Direction::SendOnly {
                why = OfferError::Publishes;
                continue;
            }
            match Video::choose(section, direction) {
                Ok(video) if direction.receives() => return Ok((section, video)),
                Ok(video) => _ = inactive.get_or_insert((section, video)),
                Err(error) => why = error,
            }
        }
        inactive.ok_or(why)
    }
}
