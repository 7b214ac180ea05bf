//! What is to be sent: one reused buffer, and runs in it.

use crate::media::RUN_PACKETS_MAX;
use std::net::SocketAddr;
use std::ops::Range;

/// The kernel takes no segmented datagram that is longer.
const RUN_BYTES_MAX: usize = 65_507;

/// Datagrams of one destination and one size, of which only the last may be shorter: one segmented system call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where to.
    pub to: SocketAddr,
    /// Where they are in the buffer, end to end.
    pub range: Range<usize>,
    /// Bytes of each.
    pub segment: usize,
    /// Number of the first packet, roll-overs included, if it is media.
    pub media: Option<u64>,
}

/// Datagrams in the order in which they leave.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    runs: Vec<Run>,
}

impl Batch {
    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Bytes of all datagrams.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.runs.clear();
    }

    /// The runs in order, each with its bytes and the bytes of a datagram.
    pub fn runs(&self) -> impl Iterator<Item = (SocketAddr, &[u8], usize)> {
        self.runs.iter().map(|run| (run.to, &self.bytes[run.range.clone()], run.segment))
    }

    /// The datagrams one by one.
    pub fn datagrams(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        self.runs().flat_map(|(to, bytes, segment)| bytes.chunks(segment).map(move |datagram| (to, datagram)))
    }

    /// Adds one datagram.
    pub fn push(&mut self, to: SocketAddr, datagram: &[u8]) {
        self.run(to).datagram(|bytes| bytes.extend_from_slice(datagram));
    }

    /// Begins a run to `to`, which ends when what is returned is dropped.
    pub fn run(&mut self, to: SocketAddr) -> OpenRun<'_> {
        OpenRun { start: self.bytes.len(), segment: 0, last: 0, to, media: None, begun: None, batch: self }
    }

    /// The same, of media packets from this number on.
    pub fn media_run(&mut self, to: SocketAddr, first: u64) -> OpenRun<'_> {
        let mut run = self.run(to);
        run.media = Some(first);
        run
    }

    /// Of each media packet, which datagram of all it is, and its number.
    pub fn media(&self) -> impl Iterator<Item = (usize, u64)> {
        let mut before = 0;
        self.runs.iter().flat_map(move |run| {
            let (start, count) = (before, run.range.len().div_ceil(run.segment));
            before += count;
            run.media.into_iter().flat_map(move |first| (0..count).map(move |nth| (start + nth, first + nth as u64)))
        })
    }

    /// How many datagrams there are.
    pub fn count(&self) -> usize {
        self.runs.iter().map(|run| run.range.len().div_ceil(run.segment)).sum()
    }
}

/// A run that is being written. Datagrams that do not fit into it, by their size, begin the next.
pub struct OpenRun<'a> {
    batch: &'a mut Batch,
    to: SocketAddr,
    start: usize,
    segment: usize,
    /// Bytes of the last datagram.
    last: usize,
    /// Number of the next media packet, and of the first in this run.
    media: Option<u64>,
    begun: Option<u64>,
}

impl OpenRun<'_> {
    /// Adds a datagram that `write` appends to the buffer, and nothing if it appends nothing.
    pub fn datagram<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let at = self.batch.bytes.len();
        let result = write(&mut self.batch.bytes);
        let length = self.batch.bytes.len().saturating_sub(at);
        if length == 0 {
            return result;
        }
        let fits = self.last == self.segment
            && length <= self.segment
            && at + length - self.start <= RUN_BYTES_MAX
            && at - self.start < RUN_PACKETS_MAX * self.segment;
        if self.segment != 0 && !fits {
            self.end(at);
        }
        if self.segment == 0 {
            self.segment = length;
            self.begun = self.media;
        }
        self.media = self.media.map(|number| number + 1);
        self.last = length;
        result
    }

    fn end(&mut self, at: usize) {
        if self.segment > 0 && at > self.start {
            let (to, range, segment, media) = (self.to, self.start..at, self.segment, self.begun);
            self.batch.runs.push(Run { to, range, segment, media });
        }
        (self.start, self.segment) = (at, 0);
    }
}

impl Drop for OpenRun<'_> {
    fn drop(&mut self) {
        self.end(self.batch.bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_of_one_size_are_one_run_and_come_out_as_they_went_in() {
        let (here, there) = ("192.0.2.1:1".parse().unwrap(), "192.0.2.2:2".parse().unwrap());
        let mut batch = Batch::default();
        let mut run = batch.run(here);
        for length in [100, 100, 40, 100, 120, 120] {
            run.datagram(|bytes| bytes.resize(bytes.len() + length, length as u8));
        }
        run.datagram(|_| ());
        drop(run);
        drop(batch.run(there));
        batch.push(there, &[1, 2, 3]);
        let runs: Vec<_> = batch.runs().map(|(to, bytes, segment)| (to, bytes.len(), segment)).collect();
        assert_eq!(runs, [(here, 240, 100), (here, 100, 100), (here, 240, 120), (there, 3, 3)]);
        let lengths: Vec<usize> = batch.datagrams().map(|(_, datagram)| datagram.len()).collect();
        assert_eq!(lengths, [100, 100, 40, 100, 120, 120, 3]);
        assert!(
            batch.datagrams().take(6).all(|(_, datagram)| datagram.iter().all(|it| *it as usize == datagram.len()))
        );
        assert_eq!((batch.count(), batch.media().count()), (7, 0));
        batch.clear();
        assert!(batch.is_empty());
        assert_eq!(batch.datagrams().count(), 0);
    }

    #[test]
    fn it_is_known_which_datagrams_are_which_packets() {
        let there = "192.0.2.2:2".parse().unwrap();
        let mut batch = Batch::default();
        batch.push(there, &[1; 20]);
        let mut run = batch.media_run(there, 70_000);
        for length in [100, 100, 40, 100, 120] {
            run.datagram(|bytes| bytes.resize(bytes.len() + length, 0));
        }
        drop(run);
        batch.push(there, &[2; 20]);
        let media: Vec<_> = batch.media().collect();
        assert_eq!(media, [(1, 70_000), (2, 70_001), (3, 70_002), (4, 70_003), (5, 70_004)]);
        assert_eq!(batch.count(), 7);
    }

    #[test]
    fn no_run_is_longer_than_a_datagram_may_be() {
        let mut batch = Batch::default();
        let mut run = batch.run("192.0.2.1:1".parse().unwrap());
        (0..200).for_each(|_| run.datagram(|bytes| bytes.resize(bytes.len() + 1200, 0)));
        drop(run);
        assert!(batch.runs().all(|(_, bytes, _)| bytes.len() <= RUN_BYTES_MAX));
        assert_eq!(batch.datagrams().count(), 200);
    }
}
