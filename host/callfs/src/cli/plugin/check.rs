//! `callfs plugin check`

mod table;

use std::io::{IsTerminal, Write, stderr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use callfs_conformance::{CheckProgress, CheckReport, Plan};
use callfs_model::identity::Credential;
use callfs_model::path::FilePath;
use callfs_model::shutdown::Shutdown;
use callfs_sandbox::PluginKind;
use callfs_telemetry::logs;
use clap::ValueEnum;

use super::{CommandFailure, component, inspect, print};
use crate::app::{self, TrialPart};
use crate::config::{Config, Layers, LoadOptions, LogConfig, Role, Trial};
use crate::plugins::{Found, PluginOrigin};

#[derive(Debug, clap::Args)]
pub(super) struct CheckArguments {
    /// The name of a component, or a file.
    #[arg(value_name = "NAME_OR_FILE", required_unless_present = "mount")]
    component: Option<String>,
    /// Check a mount of the configuration instead, as it is configured there.
    #[arg(
        long,
        value_name = "PATH",
        value_parser = FilePath::parse,
        conflicts_with_all = ["component", "kind", "config", "grant", "limit", "credential"]
    )]
    mount: Option<FilePath>,
    /// What to check it as; needed only if it can be several.
    #[arg(long, value_enum)]
    kind: Option<CheckKind>,
    /// The component's own configuration: TOML, JSON, or @FILE. Secrets may be { env = "NAME" } or
    /// { file = "path" }.
    #[arg(long, value_name = "TOML_OR_JSON")]
    config: Option<String>,
    /// What it is granted: directories=HOST:GUEST[:read-only], or KEY=VALUE for an entry of
    /// grants.KEY; repeatable.
    #[arg(long, value_name = "GRANT")]
    grant: Vec<String>,
    /// A limit, as memory=128MiB, cpu_time=2s, call_timeout=60s or instances=8; repeatable.
    #[arg(long, value_name = "KEY=VALUE")]
    limit: Vec<String>,
    /// Change nothing: a storage that could be written is checked on what is there.
    #[arg(long)]
    read_only: bool,
    /// A credential that an authenticator has to recognise: bearer:TOKEN or basic:USER:PASSWORD;
    /// TOKEN may be @FILE.
    #[arg(long, value_name = "CREDENTIAL", value_parser = credential)]
    credential: Option<ShownProgress>,
    /// Only checks that have this in their name.
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    only: Option<String>,
    /// Print what would be checked, and check nothing.
    #[arg(long)]
    list: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    /// A folder of further components; otherwise the one in the configuration.
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// The configuration of the gateway, for its credentials, its limits and its mounts.
    #[arg(long, value_name = "FILE")]
    callfs_config: Option<PathBuf>,
}

/// What a component can be checked as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CheckKind {
    Storage,
    Authenticator,
    Authorizer,
}

/// A credential whose text is no part of any message.
#[derive(Clone)]
struct ShownProgress(Credential);

impl std::fmt::Debug for ShownProgress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a credential")
    }
}

pub(super) fn run(arguments: CheckArguments) -> Result<(), CommandFailure> {
    let Prepared {
        config,
        part,
        found,
    } = prepare(&arguments)?;
    // What a component says of itself while it is tried out is not data, and its failures are told
    // below.
    let log = LogConfig {
        level: "warn".into(),
        ..config.log.clone()
    };
    logs::start(&log.level, log.format)
        .map_err(|message| CommandFailure::Failed(anyhow::anyhow!(message)))?;
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|cause| CommandFailure::failed("cannot start the runtime", cause))?;
    let CheckArguments {
        credential,
        read_only,
        only,
        list,
        json,
        ..
    } = arguments;
    runtime.block_on(async {
        let stop = Shutdown::on_signals(logs::drain)
            .map_err(|cause| CommandFailure::failed("cannot listen for signals", cause))?;
        let subject = app::load(&config, &part, found)
            .await
            .map_err(CommandFailure::of_serving)?;
        let credential = credential.map(|ShownProgress(credential)| credential);
        let plan = Plan {
            read_only,
            only,
            credential,
            stop,
            watch: progress(),
        };
        if list {
            return print(&table::checks(&subject.checks(&plan)));
        }
        let report = subject
            .run(&plan)
            .await
            .map_err(|cause| CommandFailure::failed("nothing was checked", cause))?;
        let text = if json {
            serde_json::to_string_pretty(&report).map_err(anyhow::Error::from)? + "\n"
        } else {
            table::report(&report, table::Ink::of_stdout())
        };
        print(&text)?;
        verdict(&report)
    })
}

/// What is loaded, out of which configuration.
struct Prepared {
    config: Config,
    part: TrialPart,
    found: Option<Found>,
}

fn prepare(arguments: &CheckArguments) -> Result<Prepared, CommandFailure> {
    let CheckArguments {
        component: named,
        mount,
        kind,
        config,
        grant,
        limit,
        plugins,
        callfs_config,
        ..
    } = arguments;
    let options = LoadOptions {
        file: callfs_config.clone(),
        plugins: plugins.clone(),
        ..LoadOptions::of_process()
    };
    let (named, mount) = match (named, mount) {
        (Some(named), _) => (named, None),
        (None, mount) => (&String::new(), mount.clone()),
    };
    if let Some(path) = mount {
        let config = Layers::read(&options)?.config()?;
        return Ok(Prepared {
            config,
            part: TrialPart::Mount(path),
            found: None,
        });
    }
    let sections = Layers::read(&options)?.plugins()?;
    let found = component(&sections, named).map_err(CommandFailure::of_serving)?;
    let kind = match kind {
        Some(kind) => *kind,
        None => the_only_kind(
            named,
            &inspect(&sections, named)
                .map_err(CommandFailure::of_serving)?
                .kind,
        )?,
    };
    let (role, part) = match kind {
        CheckKind::Storage => (Role::Mount, TrialPart::Mount(FilePath::root())),
        CheckKind::Authenticator => (Role::Authenticator, TrialPart::Authenticator),
        CheckKind::Authorizer => (Role::Authorizer, TrialPart::Authorizer),
    };
    let config = config.clone();
    let grants = grant.clone();
    let limits = limit.clone();
    let trial = Trial {
        component: found.name.clone(),
        role,
        config,
        grants,
        limits,
    };
    let config = Layers::read(&LoadOptions {
        trial: Some(trial),
        ..options
    })?
    .config()?;
    let found = matches!(found.origin, PluginOrigin::File(_)).then_some(found);
    Ok(Prepared {
        config,
        part,
        found,
    })
}

fn the_only_kind(component: &str, kinds: &[PluginKind]) -> Result<CheckKind, CommandFailure> {
    match kinds {
        [PluginKind::Storage] => Ok(CheckKind::Storage),
        [PluginKind::Authenticator] => Ok(CheckKind::Authenticator),
        [PluginKind::Authorizer] => Ok(CheckKind::Authorizer),
        [] => Err(CommandFailure::Refused(anyhow::anyhow!(
            "'{component}' exports none of the plugin interfaces"
        ))),
        several => {
            let several: Vec<String> = several.iter().map(ToString::to_string).collect();
            Err(CommandFailure::Usage(format!(
                "'{component}' can be {}; say which with --kind",
                several.join(" or ")
            )))
        }
    }
}

fn credential(text: &str) -> Result<ShownProgress, String> {
    let token = |token: &str| match token.strip_prefix('@') {
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .map_err(|cause| format!("cannot read the file '{file}': {cause}"));
            text.map(|text| text.trim_end_matches(['\n', '\r']).to_owned())
        }
        None => Ok(token.to_owned()),
    };
    match text.split_once(':') {
        Some(("bearer", rest)) => Ok(ShownProgress(Credential::Bearer(token(rest)?))),
        Some(("basic", rest)) => {
            let (user, password) = rest
                .split_once(':')
                .ok_or("give it as basic:USER:PASSWORD")?;
            Ok(ShownProgress(Credential::Basic(
                user.into(),
                token(password)?,
            )))
        }
        _ => Err("give it as bearer:TOKEN or basic:USER:PASSWORD".into()),
    }
}

/// One line on stderr that changes, for somebody who waits.
fn progress() -> Option<Box<dyn Fn(CheckProgress) + Send + Sync>> {
    if !stderr().is_terminal() {
        return None;
    }
    let planned = AtomicUsize::new(0);
    let begun = AtomicUsize::new(0);
    Some(Box::new(move |progress| {
        let line = match progress {
            CheckProgress::Planned(checks) => {
                planned.store(checks, Ordering::Relaxed);
                return;
            }
            CheckProgress::Begun(name) => {
                let number = begun.fetch_add(1, Ordering::Relaxed) + 1;
                format!("{number}/{} {name}", planned.load(Ordering::Relaxed))
            }
            CheckProgress::Clearing => "removing what is left".into(),
        };
        // Back to the start of the line, and nothing of what stood there.
        let _ = write!(stderr().lock(), "\r\x1b[K{line}");
        if progress == CheckProgress::Clearing {
            let _ = write!(stderr().lock(), "\r\x1b[K");
        }
    }))
}

fn verdict(report: &CheckReport) -> Result<(), CommandFailure> {
    let why = match (report.interrupted, report.counts().1, &report.left_behind) {
        (true, _, _) => "stopped before the end".to_owned(),
        (false, 0, None) => return Ok(()),
        (false, 0, Some(left)) => left.clone(),
        (false, 1, _) => "1 check fails".to_owned(),
        (false, fails, _) => format!("{fails} checks fail"),
    };
    Err(CommandFailure::Failed(anyhow::anyhow!(
        "'{}': {why}",
        report.component
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_read_and_never_shown() {
        let bearer = credential("bearer:a:b").expect("good");
        assert!(
            bearer.0 == Credential::Bearer("a:b".into()) && format!("{bearer:?}") == "a credential"
        );
        assert!(
            credential("basic:user:pass:word").expect("good").0
                == Credential::Basic("user".into(), "pass:word".into())
        );
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "from a file\n").expect("written");
        let read = credential(&format!("bearer:@{}", file.path().display())).expect("good");
        assert!(read.0 == Credential::Bearer("from a file".into()));
        for bad in [
            "",
            "bearer",
            "basic:user",
            "digest:x",
            "bearer:@/no/such/file",
        ] {
            assert!(credential(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_component_of_several_kinds_needs_to_be_told() {
        assert!(matches!(
            the_only_kind("x", &[PluginKind::Authorizer]),
            Ok(CheckKind::Authorizer)
        ));
        assert!(matches!(
            the_only_kind("x", &[]),
            Err(CommandFailure::Refused(_))
        ));
        let several = the_only_kind("x", &[PluginKind::Storage, PluginKind::Authenticator]);
        assert!(
            matches!(several, Err(CommandFailure::Usage(said)) if said.contains("storage or \
                authenticator"))
        );
    }
}
