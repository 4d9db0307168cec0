//! Random numbers that can be had again: a test prints its seed, and takes one from `RESTANTE_TEST_SEED`.

/// `SplitMix64`: each number is a scrambled count, so every seed is good.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// From `RESTANTE_TEST_SEED`, else unlike any other; what it begins with is printed.
    pub fn of_this_run(test: &str) -> Self {
        let seed = std::env::var("RESTANTE_TEST_SEED").map_or_else(
            |_| u64::from_ne_bytes(restante::clock::random().unwrap()),
            |seed| seed.parse().expect("RESTANTE_TEST_SEED is a number"),
        );
        println!("{test}: RESTANTE_TEST_SEED={seed}");
        Self(seed)
    }

    /// Another one, for somebody who works at the same time.
    pub fn split(&mut self) -> Self {
        Self(self.next())
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// One of `items`, unless there is none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let end = u64::try_from(items.len()).unwrap();
        (end > 0).then(|| &items[usize::try_from(self.below(end)).unwrap()])
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }
}

/// How often a test does what it repeats: `name` in the environment, else as often as there is time for in any run.
pub fn times(name: &str, usual: usize) -> usize {
    std::env::var(name).map_or(usual, |times| times.parse().expect("a number of times"))
}
