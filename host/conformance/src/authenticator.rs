//! The suite for authenticators: whoever shows garbage is nobody, and nothing that anybody shows
//! breaks anything.

use std::collections::BTreeSet;
use std::sync::Arc;

use callfs_model::error::{ErrorKind, Result};
use callfs_model::identity::{Authenticator, Credential, Recognised};
use tokio::task::JoinSet;

use super::Plan;
use super::check::{Check, CheckSubject, Described, checks, run_all};
use super::finding::{CheckOutcome, Finding, holds, same, told, works};
use super::report::CheckReport;
use super::timed::LatencyClock;

/// What a check needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AuthenticatorNeed {
    /// A credential that is known.
    Credential,
}

/// An authenticator at work.
#[derive(Clone)]
struct Door {
    authenticator: Arc<dyn Authenticator>,
    clock: Arc<LatencyClock>,
    known: Option<Credential>,
}

impl CheckSubject for Door {}

const CHECKS: &[Check<Door, AuthenticatorNeed>] = checks! { Door, AuthenticatorNeed:
    "headers", [], "headers that it asks for are names in lower case, each once", headers;
    "garbage", [], "garbage of every form is nobody, and traps nothing", garbage;
    "huge-credentials", [], "credentials as long as a server takes them are nobody", huge;
    "same-answer", [], "one credential has one answer", same_answer;
    "concurrency", [], "sixty-four who come at once get the answers that each gets alone", crowd;
    "known-credential", [AuthenticatorNeed::Credential], "the credential that was given is \
        recognised", recognises;
    "near-misses", [AuthenticatorNeed::Credential], "what only looks like that credential is \
        not", near_misses;
};

pub(super) fn checks() -> Vec<Described> {
    CHECKS.iter().map(Check::described).collect()
}

pub(super) async fn run(authenticator: Arc<dyn Authenticator>, plan: &Plan) -> CheckReport {
    let door = Door {
        authenticator,
        clock: Arc::default(),
        known: plan.credential.clone(),
    };
    let unknown = door.known.is_none();
    let lacking = |check: &Check<Door, AuthenticatorNeed>| {
        (unknown && check.needs.contains(&AuthenticatorNeed::Credential))
            .then_some("a credential to try, which was not given")
    };
    let (checks, interrupted) = run_all(CHECKS, plan, lacking, |_| door.clone()).await;
    let latencies = door.clock.latencies();
    let throughput = Vec::new();
    let component = door.authenticator.name().to_owned();
    let kind = "authenticator";
    let claims = vec!["authenticator"];
    CheckReport {
        component,
        kind,
        claims,
        checks,
        latencies,
        throughput,
        left_behind: None,
        interrupted,
    }
}

impl Door {
    async fn ask(&self, credential: &Credential) -> Result<Option<Recognised>> {
        self.clock
            .time("authenticate", self.authenticator.authenticate(credential))
            .await
    }

    /// Nobody, or an error that is no failure of the component.
    async fn is_nobody(&self, credential: &Credential) -> CheckOutcome {
        let operation = || format!("authenticate({})", shown(self, credential));
        match self.ask(credential).await {
            Ok(None) => Ok(()),
            Ok(Some(recognised)) => {
                let seen = format!("it is {:?}", recognised.identity.subject);
                Err(Finding::new(operation(), "nobody is recognised", seen))
            }
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::PluginFailed | ErrorKind::BackendTimeout
                ) =>
            {
                Err(Finding::new(
                    operation(),
                    "nobody is recognised",
                    told(&error),
                ))
            }
            Err(_) => Ok(()),
        }
    }
}

/// A credential without most of it, and nothing of the one that is known: how that looks is
/// nobody's business.
fn shown(door: &Door, credential: &Credential) -> String {
    if door.known.as_ref() == Some(credential) {
        return "the credential that was given".into();
    }
    let short = |text: &str| match text.char_indices().nth(24) {
        Some((end, _)) => format!("{:?}… of {} bytes", &text[..end], text.len()),
        None => format!("{text:?}"),
    };
    match credential {
        Credential::Bearer(token) => format!("bearer {}", short(token)),
        Credential::Basic(user, password) => format!("basic {} {}", short(user), short(password)),
        Credential::Headers(headers) => {
            let headers = headers
                .iter()
                .map(|(name, value)| format!("{name}: {}", short(&String::from_utf8_lossy(value))));
            format!("headers {}", headers.collect::<Vec<_>>().join(", "))
        }
    }
}

/// RFC 9110 section 5.6.2, in lower case.
fn is_lower_token(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| {
            matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'#'..=b'\'' | b'^'..=b'`')
                || b"!*+-.|~".contains(&byte)
        })
}

/// Texts that nobody meant as a credential.
fn oddities() -> Vec<String> {
    let odd = [
        "",
        " ",
        "\t",
        "\0",
        "\0\0\0\0",
        "\r\n",
        "a\nb",
        "\u{1b}[2J",
        "\u{7f}",
        "null",
        "{}",
        "[]",
        "\"",
        "'",
        "' OR 1=1 --",
        "%s%s%s%n",
        "${jndi:ldap://127.0.0.1/x}",
        "../../etc/passwd",
        "Bearer x",
        "Basic eDp4",
        "=",
        "====",
        ".",
        "..",
        "a.b.c",
        "eyJhbGciOiJub25lIn0.e30.",
        "sha256:",
        "sha256:00",
        "0",
        "-1",
        "NaN",
        "\u{feff}",
        "\u{202e}",
        "\u{fffd}",
        "\u{10ffff}",
        "\u{1f600}",
        "e\u{301}",
        "\u{130}",
    ];
    odd.into_iter().map(str::to_owned).collect()
}

fn all_forms(door: &Door, text: &str) -> Vec<Credential> {
    let value = || text.as_bytes().to_vec();
    let mut forms = vec![
        Credential::Bearer(text.into()),
        Credential::Basic(text.into(), String::new()),
        Credential::Basic(String::new(), text.into()),
        Credential::Basic(text.into(), text.into()),
        Credential::Headers(vec![("x-callfs-check".into(), value())]),
    ];
    let asked = door.authenticator.headers();
    if !asked.is_empty() {
        forms.push(Credential::Headers(
            asked.iter().map(|name| (name.clone(), value())).collect(),
        ));
    }
    forms
}

/// Nothing that a proxy says of a caller is garbage: who asks for a header may believe anything in
/// it.
fn may_be_somebody(door: &Door, credential: &Credential) -> bool {
    match credential {
        Credential::Headers(headers) => headers
            .iter()
            .any(|(name, _)| door.authenticator.headers().contains(name)),
        _ => false,
    }
}

async fn is_harmless(door: &Door, credential: &Credential) -> CheckOutcome {
    if !may_be_somebody(door, credential) {
        return door.is_nobody(credential).await;
    }
    match door.ask(credential).await {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::PluginFailed | ErrorKind::BackendTimeout
            ) =>
        {
            Err(Finding::new(
                format!("authenticate({})", shown(door, credential)),
                "an answer",
                told(&error),
            ))
        }
        _ => Ok(()),
    }
}

async fn headers(door: &Door) -> CheckOutcome {
    let mut seen = BTreeSet::new();
    for name in door.authenticator.headers() {
        holds(
            "headers()",
            "names of headers in lower case",
            is_lower_token(name),
            format!("{name:?}"),
        )?;
        holds(
            "headers()",
            "each name once",
            seen.insert(name),
            format!("{name:?} twice"),
        )?;
    }
    Ok(())
}

async fn garbage(door: &Door) -> CheckOutcome {
    for text in oddities() {
        for credential in all_forms(door, &text) {
            is_harmless(door, &credential).await?;
        }
    }
    let binary = Credential::Headers(vec![
        ("authorization".into(), (0..=255).collect()),
        (String::new(), vec![]),
    ]);
    is_harmless(door, &binary).await?;
    is_harmless(door, &Credential::Headers(vec![])).await
}

async fn huge(door: &Door) -> CheckOutcome {
    for text in [
        "x".repeat(8 << 10),
        "\u{1f600}".repeat(16 << 10),
        "A".repeat(256 << 10),
        "a.".repeat(100_000),
    ] {
        for credential in all_forms(door, &text) {
            is_harmless(door, &credential).await?;
        }
    }
    let many = (0..200)
        .map(|number| (format!("x-callfs-check-{number}"), vec![b'x'; 100]))
        .collect();
    is_harmless(door, &Credential::Headers(many)).await
}

async fn same_answer(door: &Door) -> CheckOutcome {
    let texts = oddities().into_iter().step_by(5);
    let credentials = texts
        .flat_map(|text| all_forms(door, &text))
        .chain(door.known.clone());
    for credential in credentials {
        let first = door.ask(&credential).await.map_err(|error| error.kind());
        for _ in 0..3 {
            let again = door.ask(&credential).await.map_err(|error| error.kind());
            same(
                format!("authenticate({}) again", shown(door, &credential)),
                "the first answer",
                &first,
                &again,
            )?;
        }
    }
    Ok(())
}

async fn crowd(door: &Door) -> CheckOutcome {
    let credentials: Vec<Credential> = oddities()
        .iter()
        .flat_map(|text| all_forms(door, text))
        .chain(door.known.clone())
        .collect();
    let mut alone = Vec::new();
    for credential in &credentials {
        alone.push(door.ask(credential).await.map_err(|error| error.kind()));
    }
    let mut tasks = JoinSet::new();
    let alone = Arc::new(alone);
    let credentials = Arc::new(credentials);
    for task in 0..64 {
        let door = door.clone();
        let alone = alone.clone();
        let credentials = credentials.clone();
        tasks.spawn(async move {
            for turn in 0..10 {
                let at = credentials.len() - 1 - (task * 10 + turn) % credentials.len();
                let answer = door
                    .ask(&credentials[at])
                    .await
                    .map_err(|error| error.kind());
                same(
                    format!(
                        "authenticate({}) among others",
                        shown(&door, &credentials[at])
                    ),
                    "the answer",
                    &alone[at],
                    &answer,
                )?;
            }
            Ok(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap_or_else(|error| Err(Finding::new("a task", "it ends", error)))?;
    }
    Ok(())
}

async fn recognises(door: &Door) -> CheckOutcome {
    let Some(known) = &door.known else {
        return Ok(());
    };
    let operation = &format!("authenticate({})", shown(door, known));
    let recognised = works(operation, door.ask(known).await)?;
    let recognised =
        recognised.ok_or_else(|| Finding::new(operation, "somebody is recognised", "nobody is"))?;
    let subject = &recognised.identity.subject;
    let sensible = !subject.is_empty() && !subject.chars().any(char::is_control);
    holds(
        operation,
        "a subject without control characters",
        sensible,
        format!("{subject:?}"),
    )?;
    for _ in 0..200 {
        let again = works(operation, door.ask(known).await)?;
        same(
            operation,
            "the same identity every time",
            Some(&recognised),
            again.as_ref(),
        )?;
    }
    Ok(())
}

async fn near_misses(door: &Door) -> CheckOutcome {
    let Some(known) = &door.known else {
        return Ok(());
    };
    let near = |text: &str| {
        let shorter = text
            .char_indices()
            .next_back()
            .map_or("", |(end, _)| &text[..end]);
        let mut near = vec![
            shorter.to_owned(),
            format!("{text}x"),
            format!("{text}\0"),
            format!("x{text}"),
        ];
        near.extend(
            [text.to_uppercase(), text.to_lowercase(), text.repeat(2)]
                .into_iter()
                .filter(|other| other != text),
        );
        near
    };
    let misses: Vec<Credential> = match known {
        Credential::Bearer(token) => near(token).into_iter().map(Credential::Bearer).collect(),
        Credential::Basic(user, password) => near(password)
            .into_iter()
            .map(|password| Credential::Basic(user.clone(), password))
            .collect(),
        Credential::Headers(_) => Vec::new(),
    };
    for (number, miss) in misses.iter().enumerate() {
        let recognised = door.ask(miss).await;
        let nobody = !matches!(&recognised, Ok(Some(_)));
        holds(
            format!("authenticate(near miss {number})"),
            "nobody is recognised",
            nobody,
            "somebody is",
        )?;
        if let Err(error) = recognised.as_ref() {
            let broken = error.kind() == ErrorKind::PluginFailed;
            holds(
                format!("authenticate(near miss {number})"),
                "nobody is recognised",
                !broken,
                told(error),
            )?;
        }
    }
    Ok(())
}
