//! Changes to inputs, by a generator whose seed repeats them.

/// Inputs become no longer than this.
const LENGTH_MAX: usize = 1 << 16;

/// Bytes at which parsers go wrong.
const TELLING: [u8; 12] = [0x00, 0x01, 0x02, 0x03, 0x04, 0x7f, 0x80, 0xd8, 0xd9, 0xda, 0xfe, 0xff];

/// A generator of numbers (SplitMix64). The same seed gives the same numbers.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below this; 0 below 0.
    pub fn below(&mut self, limit: usize) -> usize {
        if limit == 0 { 0 } else { (self.next() % limit as u64) as usize }
    }

    fn byte(&mut self) -> u8 {
        if self.below(2) == 0 { TELLING[self.below(TELLING.len())] } else { self.next() as u8 }
    }

    /// A range within this length, mostly a short one.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length);
        let longest = [4, 16, 512, length][self.below(4)];
        start..(start + self.below(longest + 1)).min(length)
    }
}

/// One of these inputs, changed in one to eight places.
pub fn mutant(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut data = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(8) {
        change(&mut data, seeds, random);
    }
    data.truncate(LENGTH_MAX);
    data
}

fn change(data: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    // Most of what matters is at the beginning.
    let reach = if random.below(2) == 0 { data.len().min(1024) } else { data.len() };
    let range = random.range(reach);
    match random.below(10) {
        0 | 1 if reach > 0 => data[range.start] = random.byte(),
        2 if reach > 0 => data[range.start] ^= 1 << random.below(8),
        3 if reach > 1 => {
            let at = range.start.min(reach - 2);
            let number = [0, 1, 2, 0xffff, data.len() as u16, random.next() as u16][random.below(6)];
            data[at..at + 2].copy_from_slice(&number.to_be_bytes());
        }
        4 => data[range].fill(0),
        5 => drop(data.drain(range)),
        6 => data.truncate(range.start),
        7 => {
            let again = data[range.clone()].to_vec();
            data.splice(range.end..range.end, again);
        }
        8 => {
            let bytes: Vec<u8> = (0..random.below(64)).map(|_| random.byte()).collect();
            data.splice(range.start..range.start, bytes);
        }
        _ => {
            let other = &seeds[random.below(seeds.len())];
            let part = random.range(other.len());
            data.splice(range, other[part].iter().copied());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_mutants_and_another_gives_others() {
        let seeds = [vec![7; 100], vec![], (0..=255).collect()];
        let mutants = |seed| {
            let mut random = Random(seed);
            (0..100).map(|_| mutant(&seeds, &mut random)).collect::<Vec<_>>()
        };
        assert_eq!(mutants(1), mutants(1));
        assert_ne!(mutants(1), mutants(2));
        assert!(mutants(3).iter().filter(|mutant| !seeds.contains(mutant)).count() > 50);
    }
}
