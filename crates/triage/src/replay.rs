//! A stored decision again: from the record and the contents it names, on any machine.

use crate::content::ContentHash;
use crate::rulebook::RulebookError;
use crate::thompson::Valued;
use crate::{
    Candidate, Lane, Method, Pool, Reason, Record, Rulebook, Tier, Weighed, decide, gate, key_of, values,
    weigh, words,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A decision that was stored, with the contents it names.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// The record, to the byte.
    pub document: String,
    /// What it names.
    pub contents: BTreeMap<ContentHash, String>,
}

/// A stored decision that cannot be repeated.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The record is none.
    #[error("the stored decision cannot be read: {0}")]
    Record(serde_json::Error),
    /// It is of a version that named no inputs.
    #[error("the decision was stored in version {0} of its form, which cannot be made again by this release")]
    Version(u32),
    /// Nothing was decided.
    #[error("the task belongs to a benchmark: its one agent was asked, and there was nothing to decide")]
    Benchmark,
    /// Something it names is not there.
    #[error("the decision names {what} {hash}, which is not stored")]
    Missing {
        /// Candidates or parameters.
        what: &'static str,
        /// Under this hash.
        hash: ContentHash,
    },
    /// A content is not what its hash says.
    #[error("the content {0} was changed after it was stored")]
    Changed(ContentHash),
    /// A content cannot be read.
    #[error("the content {hash} cannot be read: {source}")]
    Content {
        /// Under this hash.
        hash: ContentHash,
        /// Why.
        source: serde_json::Error,
    },
    /// The parameters.
    #[error(transparent)]
    Rules(#[from] RulebookError),
}

impl Stored {
    /// The record.
    ///
    /// # Errors
    /// When the text is none, or older than this form.
    pub fn record(&self) -> Result<Record, ReplayError> {
        record(&self.document)
    }

    /// The rules it was made by.
    ///
    /// # Errors
    /// When they are missing or cannot be used.
    pub fn rules(&self) -> Result<Rulebook, ReplayError> {
        Ok(Rulebook::read(self.content("parameters", self.record()?.parameters)?)?)
    }

    /// The candidates it was made from.
    ///
    /// # Errors
    /// When they are missing or cannot be read.
    pub fn candidates(&self) -> Result<Vec<Candidate>, ReplayError> {
        let mut all = Vec::new();
        for hash in self.record()?.candidates {
            let text = self.content("candidates", hash)?;
            let block: Vec<Candidate> =
                serde_json::from_str(text).map_err(|source| ReplayError::Content { hash, source })?;
            all.extend(block);
        }
        Ok(all)
    }

    fn content(&self, what: &'static str, hash: ContentHash) -> Result<&str, ReplayError> {
        let text = self.contents.get(&hash).ok_or(ReplayError::Missing { what, hash })?;
        if ContentHash::of(text) == hash { Ok(text) } else { Err(ReplayError::Changed(hash)) }
    }

    /// Makes the decision once more from what is stored.
    ///
    /// # Errors
    /// When something it was made from is missing or was changed.
    pub fn replay(&self) -> Result<Record, ReplayError> {
        self.replay_by(Arc::new(self.rules()?))
    }

    /// Makes the decision by other rules.
    ///
    /// # Errors
    /// When something it was made from is missing or was changed.
    pub fn replay_by(&self, rules: Arc<Rulebook>) -> Result<Record, ReplayError> {
        let mut pool = Pool::of(rules, self.candidates()?);
        Ok(decide(&mut pool, &self.record()?.question))
    }

    /// Every candidate with its reason.
    ///
    /// # Errors
    /// When something it was made from is missing or was changed.
    pub fn table(&self) -> Result<Vec<CandidateRecord>, ReplayError> {
        Ok(table(&self.candidates()?, &self.record()?, &self.rules()?))
    }
}

/// The policy's name where the task of a benchmark has one agent to ask.
pub const BENCHMARK: &str = "benchmark";

/// A stored record.
///
/// # Errors
/// When the text is none, or older than this form.
pub fn record(document: &str) -> Result<Record, ReplayError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
        #[serde(default)]
        policy: String,
    }
    let Versioned { version, policy } = serde_json::from_str(document).map_err(ReplayError::Record)?;
    if policy == BENCHMARK {
        return Err(ReplayError::Benchmark);
    }
    if version != Record::VERSION {
        return Err(ReplayError::Version(version));
    }
    serde_json::from_str(document).map_err(ReplayError::Record)
}

/// The record as it is stored.
///
/// # Errors
/// When a key is no number that JSON knows, which no draw makes.
pub fn document(record: &Record) -> Result<String, serde_json::Error> {
    serde_json::to_string(record)
}

/// One candidate, asked or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateRecord {
    /// Its id.
    pub agent: String,
    /// Its short name.
    pub slug: String,
    /// Where its money would go.
    pub payout_account: String,
    /// Its tier.
    #[serde(with = "words::tier")]
    pub tier: Tier,
    /// Why it is asked or not.
    pub reason: Reason,
    /// What it weighed; absent when a gate kept it out.
    pub weighed: Option<Weighed>,
    /// The lane of its seat, or the one that takes its tier first; absent when a gate kept it out.
    pub lane: Option<Lane>,
    /// Its key there: the lowest are drawn; by value, the value: the highest are asked.
    pub key: Option<f64>,
    /// What asking it may be worth, where that decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valued: Option<Valued>,
}

/// Every candidate of a decision with its reason, in the order of their ids.
pub fn table(candidates: &[Candidate], record: &Record, rules: &Rulebook) -> Vec<CandidateRecord> {
    let seats: HashMap<&str, (Reason, Lane)> =
        [(Reason::Chosen, &record.chosen), (Reason::Reserve, &record.reserve)]
            .into_iter()
            .flat_map(|(reason, seats)| {
                seats.iter().map(move |seat| (seat.agent.as_str(), (reason, seat.lane)))
            })
            .collect();
    candidates
        .iter()
        .map(|candidate| row(candidate, seats.get(candidate.agent.as_str()), record, rules))
        .collect()
}

fn row(
    candidate: &Candidate,
    seat: Option<&(Reason, Lane)>,
    record: &Record,
    rules: &Rulebook,
) -> CandidateRecord {
    let question = &record.question;
    let shut = gate(candidate, question, rules.policy());
    let weighed = shut.is_none().then(|| weigh(&candidate.standing, question.occasion(candidate), rules));
    let others = match record.policy {
        Method::Lanes => Lane::of(candidate.tier),
        Method::Control => Lane::Control,
        Method::Values => Lane::Value,
    };
    let (reason, lane) = match (shut, seat) {
        (Some(gate), _) => (Reason::Gated(gate), None),
        (None, Some((reason, lane))) => (*reason, Some(*lane)),
        (None, None) => (Reason::NotDrawn, Some(others)),
    };
    let weight = |lane| if lane == Lane::Control { 1 } else { weighed.map_or(1, |weighed| weighed.weight) };
    let valued = weighed.and_then(|weighed| values::of(candidate, weighed.weight, question, rules));
    let key = |lane| match (lane, valued) {
        (Lane::Value, Some(valued)) => valued.value,
        _ => key_of(question.seed, lane, candidate.draw_number, weight(lane)),
    };
    CandidateRecord {
        agent: candidate.agent.clone(),
        slug: candidate.slug.clone(),
        payout_account: candidate.payout_account.clone(),
        tier: candidate.tier,
        reason,
        weighed,
        lane,
        key: lane.map(key),
        valued,
    }
}
