//! Chance from a seed: SplitMix64, so that a run depends on nothing but its seed, whatever happens to any library.

/// A stream of numbers that its seed determines.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// <https://prng.di.unimi.it/splitmix64.c>
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `bound` − 1.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // Slightly uneven for bounds near 2⁶⁴, which nothing here asks for.
        self.next() % bound.max(1)
    }

    /// A number from `least` to `most`.
    pub(crate) fn between(&mut self, least: i64, most: i64) -> i64 {
        let span = u64::try_from(most - least + 1).unwrap_or(1);
        least + i64::try_from(self.below(span)).unwrap_or(0)
    }

    /// True with a chance of `parts` in a million.
    pub(crate) fn chance(&mut self, parts: u32) -> bool {
        parts > 0 && self.below(1_000_000) < u64::from(parts)
    }

    /// One of several, all alike.
    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        let last = choices.len().saturating_sub(1);
        let index = usize::try_from(self.below(choices.len() as u64)).unwrap_or(0);
        choices[index.min(last)]
    }
}
