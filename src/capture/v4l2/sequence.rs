//! Whether pictures are missing, by the numbers that a driver gives them. Pure.

/// The numbers so far.
#[derive(Debug, Default)]
pub struct Sequence {
    last: Option<u32>,
    /// The least that one number was above the one before: some count fields, of which a picture has two.
    step: Option<u32>,
}

impl Sequence {
    /// Whether pictures are missing before the one with this number. Of a driver that does not count nothing is known.
    pub fn misses(&mut self, number: u32) -> bool {
        let Some(last) = self.last.replace(number) else { return false };
        // Numbers that stand still or go back, as after a restart of the stream, tell nothing.
        let apart = number.wrapping_sub(last);
        if apart == 0 || apart > u32::MAX / 2 {
            return false;
        }
        let step = self.step.map_or(apart, |step| step.min(apart));
        self.step = Some(step);
        apart > step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missed(numbers: &[u32]) -> Vec<u32> {
        let mut sequence = Sequence::default();
        numbers.iter().copied().filter(|number| sequence.misses(*number)).collect()
    }

    #[test]
    fn a_gap_is_noticed_once() {
        assert_eq!(missed(&[0, 1, 2, 4, 5, 8, 9]), [4, 8]);
        assert_eq!(missed(&[u32::MAX - 1, u32::MAX, 0, 2]), [2], "across the end of the numbers");
    }

    #[test]
    fn drivers_that_count_otherwise_or_not_at_all_miss_nothing() {
        assert_eq!(missed(&[0, 2, 4, 6, 10, 12]), [10], "by two");
        assert_eq!(missed(&[0, 0, 0, 0]), [0; 0]);
        assert_eq!(missed(&[7, 8, 9, 0, 1, 2]), [0; 0], "begun anew");
    }
}
