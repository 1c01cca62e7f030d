//! Random operations that meet each other: few names, few levels, and modes that close some of them
//! to somebody.

use super::operation::{Act, Operation, Who};
use super::tree::Tree;

/// Some sort before a slash, which orders a directory's contents behind other names.
const NAMES: [&str; 3] = ["a", "a-b", "c"];
const MODES: [u32; 14] = [
    0o777, 0o755, 0o775, 0o700, 0o711, 0o733, 0o1777, 0o644, 0o640, 0o604, 0o600, 0o600, 0o070, 0,
];
const OWNERS: [Option<&str>; 4] = [Some("alice"), Some("bob"), Some("root"), None];
const GROUPS: [Option<&str>; 4] = [Some("staff"), Some("crew"), Some("art"), Some("root")];
/// More steps than most operations have.
const STEPS: usize = 40;

/// Makes operations that mostly find what they are about.
pub(super) struct Generator {
    /// Of `SplitMix64`: every state gives another number.
    state: u64,
    /// What is there when the next operation runs.
    tree: Tree,
}

impl Generator {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            state: seed,
            tree: Tree::new(),
        }
    }

    pub(super) fn sequence(&mut self, length: usize) -> Vec<Operation> {
        let mut sequence = Vec::with_capacity(length);
        for number in 0..length {
            let operation = self.operation(number);
            let _ = self.tree.run(&operation);
            sequence.push(operation);
        }
        sequence
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn any<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn path(&mut self) -> String {
        let mut path = if self.one_in(3) { "/far" } else { "" }.to_owned();
        let depth = self.any(&[1, 1, 2, 2, 2, 3]);
        for _ in 0..depth {
            path.push('/');
            path.push_str(self.any(&NAMES));
        }
        if self.one_in(60) { "/far".into() } else { path }
    }

    /// Mostly one that is there.
    fn existing(&mut self) -> String {
        if self.one_in(5) {
            return self.path();
        }
        let number = self.below(self.tree.len());
        match self.tree.path(number) {
            Some("/") | None => self.path(),
            Some(path) => path.to_owned(),
        }
    }

    /// A file, if there is one.
    fn file(&mut self) -> String {
        let files: Vec<String> = self.tree.files().cloned().collect();
        match files.len() {
            0 => self.path(),
            count => files[self.below(count)].clone(),
        }
    }

    /// One that is there or is not.
    fn destination(&mut self) -> String {
        if self.one_in(3) {
            self.existing()
        } else {
            self.path()
        }
    }

    fn directory(&mut self) -> String {
        if self.one_in(4) {
            "/".into()
        } else {
            self.existing()
        }
    }

    fn operation(&mut self, number: usize) -> Operation {
        let who = self.any(&[Who::Alice, Who::Bob, Who::Admin]);
        let act = self.act(number);
        let crash = 1 + self.below(STEPS);
        Operation { who, act, crash }
    }

    fn act(&mut self, number: usize) -> Act {
        match self.below(33) {
            0..2 => Act::MakeDirectory(self.path()),
            2..8 => Act::Put {
                to: self.destination(),
                // No two bodies are the same, and their sizes differ.
                body: format!("{number}{}", "-".repeat(self.below(3))),
                create_only: self.one_in(3),
            },
            8 => Act::Get(self.existing()),
            9 => Act::Stat(self.directory()),
            10 => Act::List {
                at: self.directory(),
                recursive: self.one_in(2),
            },
            11..15 => Act::Rename {
                from: self.existing(),
                to: self.destination(),
                overwrite: !self.one_in(3),
                create_parents: self.one_in(3),
            },
            15..20 => Act::Rename {
                from: self.file(),
                to: self.file(),
                overwrite: true,
                create_parents: false,
            },
            20..23 => Act::Copy {
                from: self.existing(),
                to: self.destination(),
                overwrite: !self.one_in(3),
            },
            23..25 => Act::Delete {
                at: self.existing(),
                recursive: self.one_in(3),
            },
            25..29 => Act::ChangeMode {
                at: self.existing(),
                mode: self.any(&MODES),
            },
            29..32 => Act::Exchange {
                one: self.existing(),
                other: self.existing(),
            },
            _ => Act::ChangeOwner {
                at: self.existing(),
                owner: self.any(&OWNERS),
                group: self.any(&GROUPS),
            },
        }
    }
}
