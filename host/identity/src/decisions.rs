//! What an authorizer decided, remembered where it says that it would decide the same again.
//!
//! What is remembered belongs to one generation of the authorizer and goes with it. It is found by
//! a hash and compared as a whole, so that no two questions are ever taken for one.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use callfs_model::error::Result;
use callfs_model::identity::{AccessNode, Authorizer, DecidesBy, Decision, Identity, Question};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// About how many bytes are remembered.
const MOST: u64 = 8 << 20;
/// About how many decisions that are.
const ESTIMATED: usize = 16_384;

/// A generation of an authorizer with what it decided.
pub(crate) struct Decisions {
    pub(crate) authorizer: Arc<dyn Authorizer>,
    by: DecidesBy,
    hash: RandomState,
    remembered: Cache<u64, Arc<Remembered>, DecisionWeight>,
}

/// A question, who asked it, and the answer.
struct Remembered {
    who: Identity,
    question: Question,
    decision: Decision,
}

/// What a decision counts for.
#[derive(Clone)]
struct DecisionWeight;

impl Weighter<u64, Arc<Remembered>> for DecisionWeight {
    fn weight(&self, _: &u64, remembered: &Arc<Remembered>) -> u64 {
        remembered.weight()
    }
}

impl Decisions {
    pub(crate) fn new(authorizer: Arc<dyn Authorizer>) -> Self {
        Self {
            by: authorizer.decides_by(),
            authorizer,
            hash: RandomState::new(),
            remembered: Cache::with_weighter(ESTIMATED, MOST, DecisionWeight),
        }
    }

    /// Whether anything is remembered.
    pub(crate) fn remembers(&self) -> bool {
        self.by != DecidesBy::Anything
    }

    /// What was decided of one question before.
    pub(crate) fn known(&self, who: &Identity, question: &Question) -> Option<Decision> {
        if !self.remembers() {
            return None;
        }
        let remembered = self.remembered.get(&self.key(who, question))?;
        remembered
            .is_of(who, question, self.by)
            .then(|| remembered.decision.clone())
    }

    /// Asks the authorizer, and remembers what it says.
    pub(crate) async fn ask(
        &self,
        who: &Identity,
        questions: &[Question],
    ) -> Result<Vec<Decision>> {
        let decided = self.authorizer.authorize(who, questions).await?;
        if self.remembers() && decided.len() == questions.len() {
            for (question, decision) in questions.iter().zip(&decided) {
                let remembered = Remembered {
                    who: who.clone(),
                    question: question.clone(),
                    decision: decision.clone(),
                };
                self.remembered
                    .insert(self.key(who, question), Arc::new(remembered));
            }
        }
        Ok(decided)
    }

    fn key(&self, who: &Identity, question: &Question) -> u64 {
        let Question {
            action,
            path,
            target,
            ancestors,
        } = question;
        let path = (self.by == DecidesBy::Question).then_some(path);
        self.hash.hash_one((who, action, path, target, ancestors))
    }
}

impl Remembered {
    fn is_of(&self, who: &Identity, question: &Question, by: DecidesBy) -> bool {
        let same = self.question.action == question.action
            && self.question.target == question.target
            && self.question.ancestors == question.ancestors
            && self.who == *who;
        let blind = by == DecidesBy::Rights && self.decision == Decision::Allow;
        same && (blind || self.question.path == question.path)
    }

    /// About how many bytes it takes.
    fn weight(&self) -> u64 {
        let node =
            |node: &AccessNode| size_of::<AccessNode>() + node.owner.len() + node.group.len();
        let Question {
            path,
            target,
            ancestors,
            ..
        } = &self.question;
        let nodes: usize = ancestors.iter().chain(target).map(node).sum();
        let Identity {
            subject,
            groups,
            attributes,
            ..
        } = &self.who;
        let text = |text: &String| size_of::<String>() + text.len();
        let pairs = attributes
            .iter()
            .map(|(name, value)| text(name) + text(value));
        let person = subject.len() + groups.iter().map(text).sum::<usize>() + pairs.sum::<usize>();
        let reason = match &self.decision {
            Decision::Allow => 0,
            Decision::Deny(reason) => reason.len(),
        };
        (size_of::<Self>() + nodes + person + path.len() + reason) as u64
    }
}
