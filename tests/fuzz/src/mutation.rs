//! How an input of the corpus becomes another one: bits, tokens, slices and other inputs of the
//! corpus.

use std::ops::Range;

use fastrand::Rng;

use crate::FuzzTarget;

/// Most inputs are changed in one or two places, so that they are nearly valid.
const MAX_CHANGES: usize = 4;
/// How often a slice is repeated in place of itself, at most.
const MAX_REPEATS: usize = 40;

impl FuzzTarget<'_> {
    /// An input that depends on the corpus and the generator alone.
    pub(crate) fn mutated(&self, random: &mut Rng) -> Vec<u8> {
        let mut input = self.one_of_corpus(random).to_vec();
        let changes = 1 + random.usize(..MAX_CHANGES).min(random.usize(..MAX_CHANGES));
        for _ in 0..changes {
            self.change(&mut input, random);
            input.truncate(self.longest);
        }
        input
    }

    fn change(&self, input: &mut Vec<u8>, random: &mut Rng) {
        let at = random.usize(..=input.len());
        match random.u8(..12) {
            0 => change_byte(input, random, |byte, random| byte ^ (1 << random.u8(..8))),
            1 => change_byte(input, random, |_, random| random.u8(..)),
            2 => change_byte(input, random, |byte, _| byte.wrapping_add(1)),
            3 => change_byte(input, random, |byte, _| byte ^ b' '),
            4 => insert(input, at, self.token(random)),
            5 => {
                let slice = slice(input, random);
                input.splice(slice, self.token(random).iter().copied());
            }
            6 => drop(input.drain(slice(input, random))),
            7 => input.truncate(at),
            8 => {
                let copied = input[slice(input, random)].to_vec();
                insert(input, at, &copied);
            }
            9 => {
                let slice = slice(input, random);
                let repeated = input[slice.clone()].repeat(random.usize(2..=MAX_REPEATS));
                input.splice(slice, repeated);
            }
            10 => {
                let other = self.one_of_corpus(random);
                input.truncate(at);
                input.extend_from_slice(&other[random.usize(..=other.len())..]);
            }
            _ => insert(input, at, self.one_of_corpus(random)),
        }
    }

    fn one_of_corpus(&self, random: &mut Rng) -> &[u8] {
        &self.corpus[random.usize(..self.corpus.len())]
    }

    fn token(&self, random: &mut Rng) -> &[u8] {
        match self.tokens {
            [] => b"\0",
            tokens => tokens[random.usize(..tokens.len())].as_bytes(),
        }
    }
}

fn change_byte(input: &mut [u8], random: &mut Rng, change: fn(u8, &mut Rng) -> u8) {
    if !input.is_empty() {
        let at = random.usize(..input.len());
        input[at] = change(input[at], random);
    }
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    input.splice(at..at, bytes.iter().copied());
}

/// A slice of the input, short more often than long.
fn slice(input: &[u8], random: &mut Rng) -> Range<usize> {
    let start = random.usize(..=input.len());
    let left = input.len() - start;
    let most = if random.bool() { left.min(4) } else { left };
    start..start + random.usize(..=most)
}
