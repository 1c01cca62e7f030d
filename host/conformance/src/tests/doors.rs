//! Authenticators and authorizers, good and bad ones.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::identity::{
    Action, Authenticator, Authorizer, Credential, DecidesBy, Decision, Identity, Question,
    Recognised,
};

use super::super::{Candidate, Plan};
use super::failing;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sin {
    None,
    ShoutsHeaders,
    LikesTheEmptyToken,
    TrapsOnControls,
    TrapsOnLongOnes,
    ForgetsEverySecond,
    Trims,
    KnowsNobody,
    OneShort,
    Backwards,
    AllowsTheUnknown,
    TiresOfDepth,
    Speechless,
    /// Denies what others were allowed just before.
    RemembersOthers,
    /// One who comes while another is there gets another answer.
    DiffersByInstance,
    LooksAtPaths,
}

struct Porter {
    sin: Sin,
    headers: Vec<String>,
    asked: AtomicUsize,
}

impl Porter {
    fn new(sin: Sin) -> Self {
        let name = if sin == Sin::ShoutsHeaders {
            "X-User"
        } else {
            "x-user"
        };
        Self {
            sin,
            headers: vec![name.into()],
            asked: AtomicUsize::new(0),
        }
    }
}

fn traps() -> Error {
    Error::new(ErrorKind::PluginFailed, "it trapped").of_plugin("porter")
}

#[async_trait]
impl Authenticator for Porter {
    fn name(&self) -> &str {
        "porter"
    }

    fn headers(&self) -> &[String] {
        &self.headers
    }

    async fn authenticate(&self, credential: &Credential) -> Result<Option<Recognised>> {
        let Credential::Bearer(token) = credential else {
            return Ok(None);
        };
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        let known = match self.sin {
            Sin::TrapsOnControls if token.chars().any(char::is_control) => return Err(traps()),
            Sin::TrapsOnLongOnes if token.len() > 10_000 => return Err(traps()),
            Sin::LikesTheEmptyToken => token.is_empty() || token == "Secret",
            Sin::ForgetsEverySecond => token == "Secret" && turn.is_multiple_of(2),
            Sin::Trims => token.trim_end_matches(['x', '\0']) == "Secret",
            Sin::KnowsNobody => false,
            _ => token == "Secret",
        };
        let identity = Identity {
            subject: "alice".into(),
            groups: vec![],
            admin: false,
            attributes: vec![],
        };
        Ok(known.then_some(Recognised {
            identity,
            cache_seconds: 1,
        }))
    }
}

struct Law {
    sin: Sin,
    by: DecidesBy,
    last: Mutex<String>,
    /// As many more as are being asked.
    busy: Arc<()>,
}

impl Law {
    fn new(sin: Sin) -> Self {
        Self {
            sin,
            by: DecidesBy::Rights,
            last: Mutex::default(),
            busy: Arc::default(),
        }
    }

    /// Whether somebody else asked before.
    fn was_of_another(&self, who: &Identity) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *last, who.subject.clone());
        !before.is_empty() && before != who.subject
    }
}

#[async_trait]
impl Authorizer for Law {
    fn name(&self) -> &str {
        "law"
    }

    fn decides_by(&self) -> DecidesBy {
        self.by
    }

    async fn authorize(&self, who: &Identity, questions: &[Question]) -> Result<Vec<Decision>> {
        let moody = match self.sin {
            Sin::RemembersOthers => self.was_of_another(who),
            Sin::DiffersByInstance => {
                let _here = self.busy.clone();
                let others = Arc::strong_count(&self.busy) > 2;
                tokio::task::yield_now().await;
                others
            }
            _ => false,
        };
        let decide = |question: &Question| {
            let unknown =
                matches!(question.action, Action::Other(_)) && self.sin != Sin::AllowsTheUnknown;
            match &question.target {
                _ if moody => Decision::Deny("not now".into()),
                _ if self.sin == Sin::LooksAtPaths && question.path.contains("/public/") => {
                    Decision::Allow
                }
                Some(target) if target.owner == who.subject && !unknown => Decision::Allow,
                _ if self.sin == Sin::Speechless => Decision::Deny(String::new()),
                _ => Decision::Deny("it belongs to somebody else".into()),
            }
        };
        if self.sin == Sin::TiresOfDepth
            && questions
                .iter()
                .any(|question| question.ancestors.len() > 1000)
        {
            return Err(traps());
        }
        let mut decisions: Vec<Decision> = questions.iter().map(decide).collect();
        match self.sin {
            Sin::OneShort => drop(decisions.pop()),
            Sin::Backwards => decisions.reverse(),
            _ => {}
        }
        Ok(decisions)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sin_of_an_authenticator_is_found() {
    for (sin, check_name) in [
        (Sin::None, None),
        (Sin::ShoutsHeaders, Some("headers")),
        (Sin::LikesTheEmptyToken, Some("garbage")),
        (Sin::TrapsOnControls, Some("garbage")),
        (Sin::TrapsOnLongOnes, Some("huge-credentials")),
        (Sin::ForgetsEverySecond, Some("same-answer")),
        (Sin::ForgetsEverySecond, Some("known-credential")),
        (Sin::Trims, Some("near-misses")),
        (Sin::KnowsNobody, Some("known-credential")),
    ] {
        let plan = Plan {
            credential: Some(Credential::Bearer("Secret".into())),
            ..Plan::default()
        };
        let report = Candidate::Authenticator(Arc::new(Porter::new(sin)))
            .run(&plan)
            .await
            .expect("begun");
        match check_name {
            Some(name) => assert!(
                failing(&report).contains(&name),
                "{sin:?}: {:#?}",
                report.checks
            ),
            None => assert!(report.is_good(), "{:#?}", report.checks),
        }
        let shown = serde_json::to_string(&report).expect("as JSON");
        assert!(!shown.contains("Secret"), "a credential is told to nobody");
    }
    let report = Candidate::Authenticator(Arc::new(Porter::new(Sin::None)))
        .run(&Plan::default())
        .await
        .expect("begun");
    assert_eq!(
        (report.counts().2, report.is_good()),
        (2, true),
        "without a credential there is less to try"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sin_of_an_authorizer_is_found() {
    for (sin, check_name) in [
        (Sin::None, None),
        (Sin::OneShort, Some("one-answer-each")),
        (Sin::Backwards, Some("order")),
        (Sin::AllowsTheUnknown, Some("unknown-action")),
        (Sin::TiresOfDepth, Some("deep-paths")),
        (Sin::Speechless, Some("reasons")),
        (Sin::RemembersOthers, Some("pure-decisions")),
        (Sin::DiffersByInstance, Some("pure-decisions")),
        (Sin::LooksAtPaths, Some("path-blind")),
    ] {
        let report = Candidate::Authorizer(Arc::new(Law::new(sin)))
            .run(&Plan::default())
            .await
            .expect("begun");
        match check_name {
            Some(name) => assert!(
                failing(&report).contains(&name),
                "{sin:?}: {:#?}",
                report.checks
            ),
            None => assert!(report.is_good(), "{:#?}", report.checks),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authorizer_is_held_to_what_it_declares_alone() {
    for (sin, by, not_claimed) in [
        (Sin::None, DecidesBy::Anything, 2),
        (Sin::LooksAtPaths, DecidesBy::Anything, 2),
        (Sin::LooksAtPaths, DecidesBy::Question, 1),
        (Sin::None, DecidesBy::Rights, 0),
    ] {
        let law = Law {
            by,
            ..Law::new(sin)
        };
        let report = Candidate::Authorizer(Arc::new(law))
            .run(&Plan::default())
            .await
            .expect("begun");
        assert!(report.is_good(), "{sin:?}, {by:?}: {:#?}", report.checks);
        assert_eq!(report.counts().2, not_claimed, "{sin:?}, {by:?}");
        assert_eq!(report.claims.len() + not_claimed, 3);
    }
}
