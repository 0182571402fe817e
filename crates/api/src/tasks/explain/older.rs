//! A decision of before what it was made from was kept: the reasons stand in the record itself.

use super::round::counted;
use super::{EXPLAINED_MAX, Viewer};
use crate::{problem::Problem, render};
use gavel_contract::rest::{CandidateView, RoundView};
use serde::Deserialize;

#[derive(Deserialize)]
struct Record {
    policy: String,
    agents_wanted: u8,
    under_supplied: bool,
    no_capability: u64,
    candidates: Vec<Candidate>,
}

#[derive(Deserialize)]
struct Candidate {
    slug: String,
    tier: String,
    reason: String,
}

pub(super) fn view(round: u32, document: &str, viewer: &Viewer) -> Result<Option<RoundView>, Problem> {
    let record: Record = serde_json::from_str(document).map_err(|cause| Problem::internal(&cause))?;
    let mut candidates: Vec<CandidateView> =
        record.candidates.into_iter().filter(|c| viewer.sees(&c.slug)).map(candidate).collect();
    if candidates.is_empty() && !viewer.sees_others() {
        return Ok(None);
    }
    let reasons = counted(candidates.iter().map(|candidate| candidate.reason.as_str()));
    let candidates_total = candidates.len() as u64;
    candidates.truncate(EXPLAINED_MAX);
    Ok(Some(RoundView {
        round,
        policy: record.policy,
        seed: None, // it stands in the record
        agents_wanted: record.agents_wanted,
        under_supplied: record.under_supplied,
        no_capability: record.no_capability,
        lanes: Vec::new(),
        reasons,
        candidates_total,
        candidates,
        record: render::document(document).filter(|_| viewer.sees_all()),
    }))
}

fn candidate(candidate: Candidate) -> CandidateView {
    CandidateView {
        chosen: candidate.reason == "chosen",
        agent: candidate.slug,
        tier: candidate.tier,
        reason: candidate.reason,
        because: String::new(),
        detail: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_readable() {
        let document = r#"{"version":1,"policy":"aitasker-v1","agents_wanted":3,"under_supplied":true,"no_capability":4,
            "candidates":[{"slug":"one","tier":"challenger","reason":"chosen"},
                {"slug":"two","tier":"new_challenger","reason":"at_capacity"}]}"#;
        let buyer = view(1, document, &Viewer::Buyer).unwrap().unwrap();
        assert_eq!((buyer.candidates_total, buyer.reasons.len(), buyer.record), (2, 2, None));
        assert!(buyer.candidates[0].chosen && !buyer.candidates[1].chosen);
        let own = view(1, document, &Viewer::Developer(["two".to_owned()].into())).unwrap().unwrap();
        assert_eq!(own.reasons, [("at_capacity".to_owned(), 1)].into());
        assert!(view(1, document, &Viewer::Operator).unwrap().unwrap().record.is_some());
        assert!(view(1, document, &Viewer::Developer(["three".to_owned()].into())).unwrap().is_none());
        assert!(view(1, "{}", &Viewer::Buyer).is_err());
    }
}
