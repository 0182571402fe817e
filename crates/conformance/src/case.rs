//! What a case is: data, and how it is played.

use crate::kit::Kit;
use crate::order::Order;
use crate::stage::{Asked, Stage};
use futures::future::BoxFuture;

/// How work reaches an agent, and how its answer comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Via {
    /// A POST, answered.
    Sync,
    /// A POST, acknowledged; the answer comes by callback.
    Async,
    /// The agent fetches.
    Pull,
}

/// All transports.
pub const EVERY: &[Via] = &[Via::Sync, Via::Async, Via::Pull];
/// The transports by which we come to the agent.
pub const PUSHED: &[Via] = &[Via::Sync, Via::Async];
/// Only where the POST is the whole exchange.
pub const SYNC: &[Via] = &[Via::Sync];
/// Only where the answer comes by callback.
pub const ASYNC: &[Via] = &[Via::Async];
/// Only where the agent comes to us.
pub const PULL: &[Via] = &[Via::Pull];

impl Via {
    /// As written on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Via::Sync => "sync",
            Via::Async => "async",
            Via::Pull => "pull",
        }
    }
}

/// What a failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Breaks the contract: bids will be lost, or strangers will be obeyed.
    Must,
    /// Costs the agent something; a failure is a warning.
    Should,
}

impl Severity {
    /// As written in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Must => "must",
            Severity::Should => "should",
        }
    }
}

/// What a case needs to know of the agent to be judged at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// The key it expects.
    Key,
    /// The key and the signing secret it expects.
    Secret,
    /// The same, and the secret it is to change to.
    NextSecret,
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The promise is kept.
    Passed,
    /// It is not, and why.
    Failed(String),
    /// The ordinary call has no answer to judge: why, and what mends that instead of what the case says.
    Unanswered {
        /// What happened.
        why: String,
        /// What to do.
        fix: &'static str,
    },
    /// It could not be judged, and why. Never a silent pass.
    Skipped(String),
}

impl From<Result<(), String>> for Verdict {
    fn from(judged: Result<(), String>) -> Self {
        judged.map_or_else(Verdict::Failed, |()| Verdict::Passed)
    }
}

/// Changes an ordinary order into that of the case.
pub type Edit = fn(&mut Order, &Kit);
/// Looks at something that several cases share.
pub type Look = fn(&Asked, &Kit) -> Verdict;
/// Several steps.
pub type Scene = for<'a> fn(&'a Stage) -> BoxFuture<'a, Verdict>;

/// How a case is played.
#[derive(Clone, Copy)]
pub enum Play {
    /// Asks once; a usable answer must come.
    Answered(Edit),
    /// Sends once; 401 or 403 must come, and no work.
    Refused(Edit),
    /// Sends once; a usable answer or a refusal must come: both are sane.
    Handled(Edit),
    /// Sends once; a 4xx must come.
    Rejected(Edit),
    /// Asks once; 422 (of a worker: a decline) must come.
    Declined(Edit),
    /// Looks at the health probe that all such cases share.
    Health(Look),
    /// Looks at the prototype that all such cases share: agents pay for every call.
    Prototype(Look),
    /// Several steps, once the ordinary call is answered.
    Scene(Scene),
    /// Several steps that explain why the ordinary call is not answered.
    First(Scene),
}

/// One promise of the contract.
#[derive(Clone, Copy)]
pub struct Case {
    /// Its name: `--only` takes it.
    pub name: &'static str,
    /// Under which heading it is reported.
    pub group: &'static str,
    /// What it proves, in one line.
    pub about: &'static str,
    /// What to do where it fails.
    pub fix: &'static str,
    /// What a failure means.
    pub severity: Severity,
    /// The transports it applies to.
    pub via: &'static [Via],
    /// What must be known of the agent.
    pub needs: Needs,
    /// How it is played.
    pub play: Play,
}

impl Needs {
    /// Why a case with this need cannot be judged, where it cannot.
    pub fn missing(self, kit: &Kit) -> Option<&'static str> {
        let (key, secret) = (kit.key_known, kit.secret_known);
        match self {
            Needs::Nothing => None,
            Needs::Key if !key => Some("only with --key (or GAVEL_AGENT_KEY), the key the agent expects"),
            Needs::Secret | Needs::NextSecret if !(key && secret) => Some(
                "only with --key and --secret (or GAVEL_AGENT_KEY and GAVEL_AGENT_SECRET), which the agent expects",
            ),
            Needs::NextSecret if kit.next_secret.is_none() => {
                Some("only with --next-secret, a second secret that the agent accepts beside --secret")
            }
            Needs::Key | Needs::Secret | Needs::NextSecret => None,
        }
    }
}
