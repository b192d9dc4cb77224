//! Numbers that a seed repeats (splitmix64): small, fast, the same on every machine.

/// A generator; equal seeds give equal numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The generator of one thing among many, so that what other things drew does not matter to it.
    pub fn of(seed: u64, index: u64) -> Random {
        let mut first = Random(seed);
        Random(first.draw() ^ index.wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `[0, end)`; 0 if there is none.
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.draw() % end }
    }

    pub fn coin(&mut self) -> bool {
        self.draw() >> 63 == 1
    }

    /// True this often, of 1.
    pub fn chance(&mut self, of_one: f64) -> bool {
        ((self.draw() >> 11) as f64) < of_one * (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_repeat_and_others_do_not() {
        let ten = |mut random: Random| (0..10).map(|_| random.draw()).collect::<Vec<_>>();
        assert_eq!(ten(Random::of(1, 2)), ten(Random::of(1, 2)));
        assert_ne!(ten(Random::of(1, 2)), ten(Random::of(1, 3)));
        assert_ne!(ten(Random::of(1, 2)), ten(Random::of(2, 2)));
    }

    #[test]
    fn a_chance_comes_about_as_often_as_it_says() {
        let mut random = Random::new(7);
        let hits = (0..10_000).filter(|_| random.chance(0.1)).count();
        assert!((800..1200).contains(&hits), "{hits}");
        assert!(!random.chance(0.0) && random.chance(1.0));
    }
}
