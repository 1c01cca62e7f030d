//! Fuzzing as ordinary unit tests, on stable Rust: a target has a corpus of valid and nearly valid
//! inputs, which are mutated by a seeded generator, and a check that asserts properties of each.
//!
//! The number of inputs is bounded by a constant of the target, or by
//! `CALLFS_TEST_FUZZ_ITERATIONS`. Input `n` depends on the corpus and on the seed `n` alone, so
//! every run tries the same inputs and a longer run tries more. `CALLFS_TEST_FUZZ_SEED` is the seed
//! of the first one. A check that fails prints the seed and the input, escaped as in a Rust byte
//! string: add it to the corpus of its target. It does not measure coverage.

mod mutation;

use std::time::Instant;

pub use fastrand::Rng;

/// Longer inputs are cut to this, unless a target says otherwise.
const LONGEST: usize = 2 << 10;

/// A parser, and what it is tried with.
pub struct FuzzTarget<'a> {
    name: &'a str,
    iterations: u64,
    longest: usize,
    corpus: Vec<Vec<u8>>,
    tokens: &'a [&'a str],
}

impl<'a> FuzzTarget<'a> {
    /// A target that is tried with so many mutated inputs.
    pub fn new(name: &'a str, iterations: u64) -> Self {
        Self {
            name,
            iterations,
            longest: LONGEST,
            corpus: Vec::new(),
            tokens: &[],
        }
    }

    /// Adds inputs to the corpus. Each is also tried as it is.
    pub fn corpus<T: AsRef<[u8]>>(mut self, inputs: &[T]) -> Self {
        let inputs = inputs.iter().map(|input| input.as_ref().to_vec());
        self.corpus.extend(inputs);
        self
    }

    /// The texts that mean something to the parser.
    pub fn tokens(mut self, tokens: &'a [&'a str]) -> Self {
        self.tokens = tokens;
        self
    }

    /// The longest mutated input, in bytes.
    pub fn longest(mut self, longest: usize) -> Self {
        self.longest = longest;
        self
    }

    /// Tries the corpus and the mutated inputs. The check panics if a property does not hold, and
    /// answers whether the parser accepted the input. A target whose inputs are all accepted, or
    /// all refused, tests nothing and fails.
    pub fn run(&self, mut check: impl FnMut(&[u8], &mut Rng) -> bool) {
        let iterations = variable("CALLFS_TEST_FUZZ_ITERATIONS").unwrap_or(self.iterations);
        let first = variable("CALLFS_TEST_FUZZ_SEED").unwrap_or(0);
        let started = Instant::now();
        let mut accepted = 0;
        for input in &self.corpus {
            accepted += u64::from(self.tried(None, input, &mut Rng::with_seed(0), &mut check));
        }
        for seed in (first..).take(usize::try_from(iterations).unwrap_or(usize::MAX)) {
            let mut random = Rng::with_seed(seed);
            let input = self.mutated(&mut random);
            accepted += u64::from(self.tried(Some(seed), &input, &mut random, &mut check));
        }
        let all = iterations + self.corpus.len() as u64;
        println!(
            "fuzz {}: {all} inputs, {accepted} accepted, {:.0} a second",
            self.name,
            all as f64 / started.elapsed().as_secs_f64()
        );
        assert!(
            0 < accepted && accepted < all,
            "{}: {accepted} of {all} inputs are accepted: wrong corpus?",
            self.name
        );
    }

    fn tried(
        &self,
        seed: Option<u64>,
        input: &[u8],
        random: &mut Rng,
        check: &mut impl FnMut(&[u8], &mut Rng) -> bool,
    ) -> bool {
        let _report = FailureReport {
            target: self.name,
            seed,
            input,
        };
        check(input, random)
    }
}

/// Prints the input if the check panics.
struct FailureReport<'a> {
    target: &'a str,
    seed: Option<u64>,
    input: &'a [u8],
}

impl Drop for FailureReport<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let seed = self
                .seed
                .map_or("none, it is in the corpus".into(), |seed| {
                    format!("{seed} (CALLFS_TEST_FUZZ_SEED={seed} CALLFS_TEST_FUZZ_ITERATIONS=1)")
                });
            eprintln!(
                "fuzz {}: failed\n  seed: {seed}\n  input: b\"{}\"",
                self.target,
                self.input.escape_ascii()
            );
        }
    }
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is '{text}'; give a number")),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn target() -> FuzzTarget<'static> {
        FuzzTarget::new("test", 1000)
            .corpus(&["key=value;other=1", "a=b"])
            .tokens(&["=", ";"])
            .longest(100)
    }

    #[test]
    fn a_seed_always_makes_the_same_input() {
        let target = target();
        let inputs = |from: u64| -> Vec<Vec<u8>> {
            let seeds = from..from + 100;
            seeds
                .map(|seed| target.mutated(&mut Rng::with_seed(seed)))
                .collect()
        };
        assert_eq!(inputs(0), inputs(0));
        let distinct: HashSet<Vec<u8>> = inputs(0).into_iter().chain(inputs(100)).collect();
        assert!(distinct.len() > 150, "{}", distinct.len());
        assert!(distinct.iter().all(|input| input.len() <= 100));
    }

    #[test]
    fn the_corpus_is_tried_first_and_as_it_is() {
        let mut tried = Vec::new();
        target().run(|input, _| {
            tried.push(input.to_vec());
            input.contains(&b';')
        });
        assert_eq!(tried[..2], [&b"key=value;other=1"[..], &b"a=b"[..]]);
        assert!(tried.len() > 2);
    }

    #[test]
    #[should_panic(expected = "wrong corpus?")]
    fn a_target_that_refuses_everything_fails() {
        target().run(|_, _| false);
    }
}
