//! Other versions of components, and gateways that are given them while they run.

use std::fs;

use super::{Gateway, eventually};

/// A component that is part of the gateway.
#[track_caller]
pub(crate) fn built_in(name: &str) -> &'static [u8] {
    let builtin = callfs_plugins::BUILTINS
        .iter()
        .find(|builtin| builtin.name == name);
    builtin.expect("a built-in component").component
}

/// Another version of a component: the same with other bytes in it, as many.
#[track_caller]
pub(crate) fn edited(component: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let places: Vec<usize> = component
        .windows(from.len())
        .enumerate()
        .filter(|(_, part)| *part == from)
        .map(|(at, _)| at)
        .collect();
    assert!(
        !places.is_empty(),
        "there is no {:?} in it",
        String::from_utf8_lossy(from)
    );
    let mut edited = component.to_vec();
    places
        .into_iter()
        .for_each(|at| edited[at..at + to.len()].copy_from_slice(to));
    edited
}

/// Another version of a component that does the same: with a section that nobody reads.
pub(crate) fn marked(component: &[u8], mark: &str) -> Vec<u8> {
    let length = |text: &str| {
        u8::try_from(text.len())
            .ok()
            .filter(|length| *length < 120)
            .expect("a short mark")
    };
    let section = [&[0, length(mark) + 1, length(mark)], mark.as_bytes()].concat();
    [component, &section].concat()
}

impl Gateway {
    /// Puts a component into the plugin folder, in one step.
    pub(crate) fn install(&self, name: &str, component: &[u8]) {
        let draft = self.path(&format!("{name}.draft"));
        fs::write(&draft, component).expect("writable");
        fs::rename(draft, self.path(&format!("plugins/{name}.wasm"))).expect("renamed");
    }

    /// Changes the configuration file, which must have what is to be changed, and nothing else.
    #[track_caller]
    pub(crate) fn rewrite(&self, from: &str, to: &str) {
        let file = self.path("callfs.toml");
        let text = fs::read_to_string(&file).expect("readable");
        assert!(text.contains(from), "there is no {from} in {text}");
        fs::write(file, text.replacen(from, to, 1)).expect("writable");
    }

    /// How many reloads have ended like that.
    pub(crate) async fn reloads(&self, outcome: &str) -> u64 {
        self.metrics()
            .await
            .sum("callfs_reloads_total", &[("outcome", outcome)]) as u64
    }

    /// Does something after which a reload has to end like that, and waits for it. No reload may
    /// end otherwise.
    pub(crate) async fn reloaded(&self, outcome: &str, cause: impl AsyncFnOnce()) {
        let bad = if outcome == "refused" {
            "ok"
        } else {
            "refused"
        };
        let before = self.reloads(outcome).await;
        let other = self.reloads(bad).await;
        cause().await;
        eventually(&format!("a reload to be {outcome}"), async || {
            assert_eq!(
                self.reloads(bad).await,
                other,
                "it was {bad}\n{}",
                self.log()
            );
            (self.reloads(outcome).await > before).then_some(())
        })
        .await;
    }

    /// Waits for a line in the log, and answers it.
    pub(crate) async fn logged(&self, part: &str) -> String {
        eventually(&format!("a log line with '{part}'"), async || {
            self.log()
                .lines()
                .find(|line| line.contains(part))
                .map(Into::into)
        })
        .await
    }
}
