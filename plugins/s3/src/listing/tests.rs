//! Listings against a model of a bucket, page by page.

use std::cell::Cell;
use std::collections::BTreeSet;

use callfs_sdk::Kind;
use callfs_sdk::testing::run;

use super::*;

/// A bucket as S3 has one: sorted keys, grouped by their first slash.
#[derive(Default)]
struct Model {
    keys: BTreeSet<String>,
    /// The most keys that it answers at a time, whatever is asked.
    page: usize,
    asked: Cell<u32>,
}

impl Model {
    /// Names with what they are, in the order in which S3 has their keys.
    fn groups(&self) -> Vec<(String, Kind)> {
        let mut groups = Vec::new();
        for key in &self.keys {
            let group = match key.split_once('/') {
                Some((directory, _)) => (format!("{directory}/"), Kind::Directory),
                None => (key.clone(), Kind::File),
            };
            if groups.last() != Some(&group) {
                groups.push(group);
            }
        }
        groups
    }

    /// What a listing must be.
    fn names(&self) -> BTreeMap<String, Kind> {
        let mut names = BTreeMap::new();
        for (group, kind) in self.groups() {
            let known = names
                .entry(group.trim_end_matches('/').to_owned())
                .or_insert(kind);
            if kind == Kind::File {
                *known = kind;
            }
        }
        names
    }

    /// All of it, page by page.
    fn listed(&self, limit: u32) -> Vec<(String, Kind)> {
        let mut listed: Vec<(String, Kind)> = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = run(list(self, after.as_deref(), limit)).expect("no error");
            let Some(Page { entries, more }) = page else {
                return listed;
            };
            assert!(
                entries.len() <= limit as usize && (!more || !entries.is_empty()),
                "{:?}",
                self.keys
            );
            after = entries.last().map(|entry| entry.name.clone()).or(after);
            listed.extend(
                entries
                    .into_iter()
                    .map(|entry| (entry.name, entry.attributes.kind)),
            );
            if !more {
                return listed;
            }
        }
    }
}

impl Keys for Model {
    async fn page(&self, from: From<'_>, limit: u32) -> Result<KeyPage> {
        self.asked.set(self.asked.get() + 1);
        let after = match from {
            From::After(after) => after.unwrap_or_default(),
            From::Token(token) => token,
        };
        let mut groups: Vec<(String, Kind)> = self.groups();
        // A group of which a key comes after is in: that is how a directory of that very name shows
        // up again.
        groups.retain(|(group, kind)| match from {
            From::After(_) if *kind == Kind::Directory => self
                .keys
                .iter()
                .any(|key| key.starts_with(group.as_str()) && key.as_str() > after),
            _ => group.as_str() > after,
        });
        let most = (limit as usize).min(self.page);
        let next = (groups.len() > most).then(|| groups[most - 1].0.clone());
        let mut page = KeyPage {
            next,
            ..KeyPage::default()
        };
        for (group, kind) in groups.into_iter().take(most) {
            match kind {
                Kind::Directory => page
                    .directories
                    .push(group.trim_end_matches('/').to_owned()),
                _ => page.files.push((group, Attributes::file(1))),
            }
        }
        Ok(page)
    }

    async fn has_directory(&self, name: &str) -> Result<bool> {
        self.asked.set(self.asked.get() + 1);
        Ok(self
            .keys
            .iter()
            .any(|key| key.starts_with(&format!("{name}/"))))
    }
}

fn model(keys: &[&str], page: usize) -> Model {
    Model {
        keys: keys.iter().map(ToString::to_string).collect(),
        page,
        asked: Cell::new(0),
    }
}

#[test]
fn a_directory_comes_before_what_its_name_begins() {
    for page in 1..8 {
        for limit in 1..8 {
            let model = model(
                &[
                    "foo!",
                    "foo-bar",
                    "foo-bar/x",
                    "foo-bar-baz",
                    "foo/x",
                    "foo/y",
                    "foo0",
                    "g/x",
                ],
                page,
            );
            let names: Vec<String> = model
                .listed(limit)
                .into_iter()
                .map(|(name, _)| name)
                .collect();
            let expected = ["foo", "foo!", "foo-bar", "foo-bar-baz", "foo0", "g"];
            assert_eq!(names, expected, "keys by {page}, names by {limit}");
        }
    }
}

#[test]
fn a_file_wins_over_a_directory_of_its_name_wherever_the_page_ends() {
    for page in 1..5 {
        for limit in 1..5 {
            let listed = model(&["a", "a-b", "a-b/x", "a/x"], page).listed(limit);
            assert_eq!(
                listed,
                [("a".into(), Kind::File), ("a-b".into(), Kind::File)],
                "keys by {page}, names by {limit}"
            );
        }
    }
}

#[test]
fn nothing_is_no_directory() {
    assert!(
        run(list(&model(&[], 10), None, 10))
            .expect("no error")
            .is_none()
    );
    let empty = run(list(&model(&["a"], 10), Some("a"), 10)).expect("no error");
    assert!(empty.is_none_or(|page| page.entries.is_empty()));
}

#[test]
fn a_page_costs_one_request_and_one_for_each_directory_that_could_be_missing() {
    let keys: Vec<String> = (0..1000)
        .map(|number| format!("2026-11-23-{number:04}.txt"))
        .collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let model = model(&keys, 1000);
    let first = run(list(&model, None, 100))
        .expect("no error")
        .expect("a page");
    assert_eq!((first.entries.len(), first.more), (100, true));
    // 2026, 2026-11 and 2026-11-23; what 2026-11-23-0107 could be is for the next page.
    assert_eq!(model.asked.get(), 4);
    model.asked.set(0);
    let one = run(list(&model, Some("2026-11-23-0499.tx"), 1))
        .expect("no error")
        .expect("a page");
    assert_eq!(one.entries[0].name, "2026-11-23-0499.txt");
    assert_eq!(model.asked.get(), 1, "none could come before it");
    model.asked.set(0);
    assert_eq!(
        run(list(&model, None, 1000))
            .expect("no error")
            .expect("a page")
            .entries
            .len(),
        1000
    );
    assert_eq!(
        model.asked.get(),
        1,
        "nothing can be missing on the last page"
    );
}

#[test]
fn random_trees_are_listed_whole_and_in_order() {
    let mut state = 1_u64;
    let mut random = move |below: u64| {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % below
    };
    // Around the slash in byte order, and some that have several bytes.
    let characters = [
        'a', 'b', ' ', '!', '+', '-', '.', '0', '~', 'ä', '日', '/', '/', '/',
    ];
    for round in 0..3000 {
        let mut keys = BTreeSet::new();
        for _ in 0..random(40) {
            let length = 1 + random(6);
            let key: String = (0..length)
                .map(|_| characters[random(characters.len() as u64) as usize])
                .collect();
            let well_formed = key.trim_end_matches('/');
            if well_formed.split('/').all(|name| !name.is_empty()) {
                keys.insert(well_formed.to_owned());
            }
        }
        let model = Model {
            keys,
            page: 1 + random(7) as usize,
            asked: Cell::new(0),
        };
        let expected: Vec<(String, Kind)> = model.names().into_iter().collect();
        for limit in [1, 2, 3, 10, 1000] {
            assert_eq!(
                model.listed(limit),
                expected,
                "round {round}, by {limit}: {:?}",
                model.keys
            );
        }
    }
}
