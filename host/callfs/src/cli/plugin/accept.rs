//! `callfs plugin accept`

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{IsTerminal, stdin};
use std::path::Path;

use callfs_sandbox as sandbox;
use callfs_sandbox::Runtime;

use super::super::{CommandFailure, print, say};
use super::{PluginLocation, plain};
use crate::app;
use crate::config::{Config, Layers, LoadOptions};
use crate::plugins::{Catalogue, Difference, Found, LOCK_FILE, Lock, Pin, PluginOrigin, Sign};

#[derive(Debug, clap::Args)]
pub(super) struct AcceptArguments {
    /// Names of components in the plugin folder; if left out, those that the configuration uses.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Every component in the plugin folder; what is recorded of others is forgotten.
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Record without asking.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    place: PluginLocation,
}

pub(super) fn run(arguments: AcceptArguments) -> Result<(), CommandFailure> {
    let AcceptArguments {
        names,
        all,
        yes,
        place: PluginLocation { plugins, config },
    } = arguments;
    let options = LoadOptions {
        file: config,
        plugins,
        ..LoadOptions::of_process()
    };
    let config = Layers::read(&options)?.without_secrets()?;
    let Some(folder) = config.plugins.dir.clone() else {
        let message = "there is no plugin folder; name it with --plugins, or as `dir` in [plugins]";
        return Err(CommandFailure::Usage(message.into()));
    };
    let before = Lock::read(&folder).map_err(|error| CommandFailure::of_serving(error.into()))?;
    let files = files(&folder).map_err(CommandFailure::of_serving)?;
    let mut after = before.clone().unwrap_or_default();
    for found in chosen(&files, &names, all, &config)? {
        after.insert(
            &found.name,
            pin(&config, found).map_err(CommandFailure::of_serving)?,
        );
    }
    if all {
        let gone: Vec<String> = after
            .names()
            .filter(|name| !names_of(&files).contains(name))
            .map(Into::into)
            .collect();
        gone.iter().for_each(|name| after.remove(name));
    }
    if before.as_ref() == Some(&after) {
        say("everything is as it was accepted");
        return Ok(());
    }
    print(&difference(&before.unwrap_or_default(), &after))?;
    for name in used(&config)
        .iter()
        .filter(|name| names_of(&files).contains(name) && after.get(name).is_none())
    {
        say(&format!(
            "note: '{name}' is used and will be refused, because it is not among what is recorded"
        ));
    }
    let file = folder.join(LOCK_FILE);
    if !(yes || agrees(&file)) {
        let message = format!(
            "{} stays as it is; give --yes to record this",
            file.display()
        );
        return Err(CommandFailure::Failed(anyhow::anyhow!(message)));
    }
    after.write(&folder).map_err(|cause| {
        CommandFailure::failed(format!("cannot write {}", file.display()), cause)
    })?;
    say(&format!("recorded in {}", file.display()));
    Ok(())
}

/// The components in the folder, which are all that is ever pinned.
fn files(folder: &Path) -> anyhow::Result<Vec<Found>> {
    let catalogue = Catalogue::open(Some(folder))?;
    Ok(catalogue
        .entries()
        .filter(|found| matches!(found.origin, PluginOrigin::File(_)))
        .cloned()
        .collect())
}

fn names_of(files: &[Found]) -> Vec<&str> {
    files.iter().map(|found| found.name.as_str()).collect()
}

fn used(config: &Config) -> BTreeSet<&str> {
    let mounted = config.mounts.iter().map(|mount| &mount.component);
    let all = mounted
        .chain(&config.authenticators)
        .chain([&config.authorizer]);
    all.map(|component| component.name.as_str()).collect()
}

fn chosen<'a>(
    files: &'a [Found],
    names: &[String],
    all: bool,
    config: &Config,
) -> Result<Vec<&'a Found>, CommandFailure> {
    if all {
        return Ok(files.iter().collect());
    }
    if names.is_empty() {
        let used = used(config);
        return Ok(files
            .iter()
            .filter(|found| used.contains(found.name.as_str()))
            .collect());
    }
    let find = |name: &String| {
        files
            .iter()
            .find(|found| found.name == *name)
            .ok_or_else(|| {
                let known = names_of(files).join(", ");
                CommandFailure::Usage(format!(
                    "there is no '{name}' in the plugin folder; it has: {known}"
                ))
            })
    };
    names.iter().map(find).collect()
}

/// What a component is, and what the configuration grants it. It is read once, and nothing is
/// granted to it here.
fn pin(config: &Config, found: &Found) -> anyhow::Result<Pin> {
    let bytes = found.read()?;
    let limits = config.plugins.limits;
    let runtime =
        Runtime::new(limits.memory as usize, None).map_err(|error| anyhow::anyhow!("{error:#}"))?;
    let inspection = tokio::runtime::Runtime::new()?.block_on(sandbox::inspect(
        &runtime,
        &found.name,
        &bytes,
    ))?;
    let sha256 = inspection.sha256;
    let version = plain(&inspection.version);
    Ok(Pin {
        sha256,
        version,
        imports: inspection.imports.into_iter().collect(),
        grants: app::granted(config, &found.name),
    })
}

fn difference(before: &Lock, after: &Lock) -> String {
    let mut names: Vec<&str> = before.names().chain(after.names()).collect();
    names.sort_unstable();
    names.dedup();
    let mut text = String::new();
    for name in names {
        let difference = Difference::between(before.get(name), after.get(name));
        if difference.lines.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{}", plain(name));
        for (sign, line) in &difference.lines {
            let sign = if *sign == Sign::Gone { '-' } else { '+' };
            let _ = writeln!(text, "  {sign} {}", plain(line));
        }
    }
    text
}

/// Whether whoever sits there says so; nobody does where there is no terminal.
fn agrees(file: &Path) -> bool {
    if !stdin().is_terminal() {
        return false;
    }
    say(&format!("record this in {}? [y/N]", file.display()));
    let mut answer = String::new();
    stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_is_gone_and_what_is_new() {
        let pin = |sha256: &str| Pin {
            sha256: sha256.into(),
            version: "1.0.0".into(),
            imports: ["evil\u{1b}[2J".into()].into(),
            grants: Default::default(),
        };
        let mut before = Lock::default();
        let mut after = Lock::default();
        before.insert("same", pin("3f"));
        before.insert("gone", pin("3f"));
        after.insert("same", pin("3f"));
        assert_eq!(difference(&after, &after), "");
        after.insert("same", pin("9a"));
        after.insert("new", pin("3f"));
        let expected = "gone\n  - sha256 3f\n  - version 1.0.0\n  - imports evil[2J\nnew\n  + \
                        sha256 3f\n  + version 1.0.0\n  + imports evil[2J\nsame\n  - sha256 3f\n  \
                        + sha256 9a\n";
        assert_eq!(difference(&before, &after), expected);
    }
}
