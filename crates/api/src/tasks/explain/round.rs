//! One round's decision as a caller may see it.

use super::{EXPLAINED_MAX, Viewer};
use crate::render;
use gavel_contract::rest::{CandidateDetail, CandidateView, LaneView, RoundView};
use gavel_triage::{CandidateRecord, Lane, Method, Reason, Record, reason_in_words};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn view(
    round: u32,
    (document, record): (&str, &Record),
    table: &[CandidateRecord],
    invited: &BTreeSet<String>,
    viewer: &Viewer,
) -> Option<RoundView> {
    let mut seen: Vec<&CandidateRecord> = table.iter().filter(|row| viewer.sees(&row.slug)).collect();
    if seen.is_empty() && !viewer.sees_others() {
        return None;
    }
    seen.sort_by_key(|row| match row.reason {
        Reason::Chosen => 0,
        Reason::Reserve => 1,
        Reason::NotDrawn | Reason::Gated(_) => 2,
    });
    let told = seen.iter().take(EXPLAINED_MAX);
    Some(RoundView {
        round,
        policy: record.policy.name().to_owned(),
        seed: viewer.sees_all().then(|| record.question.seed.to_string()),
        agents_wanted: record.agents_wanted,
        under_supplied: record.under_supplied,
        no_capability: record.question.no_capability,
        lanes: lanes(record, viewer),
        reasons: counted(seen.iter().map(|row| word(&row.reason))),
        candidates_total: seen.len() as u64,
        candidates: told.map(|row| candidate(row, record, invited, viewer)).collect(),
        record: render::document(document).filter(|_| viewer.sees_all()),
    })
}

/// How many there are of each.
pub(super) fn counted(words: impl Iterator<Item = impl Into<String>>) -> BTreeMap<String, u64> {
    words.fold(BTreeMap::new(), |mut counts, word| {
        *counts.entry(word.into()).or_default() += 1;
        counts
    })
}

fn lanes(record: &Record, viewer: &Viewer) -> Vec<LaneView> {
    let slots = record.slots;
    let seats = match record.policy {
        Method::Lanes => {
            vec![(Lane::Fast, slots.fast), (Lane::Mixed, slots.mixed), (Lane::Challenger, slots.challenger)]
        }
        Method::Control => vec![(Lane::Control, record.agents_wanted)],
        Method::Values => {
            let floor = record.chosen.iter().filter(|chosen| chosen.lane == Lane::Floor).count();
            let floor = u8::try_from(floor).unwrap_or(0).min(record.agents_wanted);
            vec![(Lane::Value, record.agents_wanted - floor), (Lane::Floor, floor)]
        }
    };
    let drawn = |lane| {
        let chosen = record.chosen.iter().filter(move |chosen| chosen.lane == lane);
        chosen.map(|chosen| chosen.slug.clone()).filter(|slug| viewer.sees(slug)).collect()
    };
    seats.into_iter().map(|(lane, seats)| LaneView { lane: word(&lane), seats, drawn: drawn(lane) }).collect()
}

fn candidate(
    row: &CandidateRecord,
    record: &Record,
    invited: &BTreeSet<String>,
    viewer: &Viewer,
) -> CandidateView {
    let in_time = row.reason == Reason::Reserve && invited.contains(&row.slug);
    let mut words = reason_in_words(row, record);
    if let (Some(first), Reason::Reserve) = (words.first_mut(), row.reason) {
        *first = reserve_in_words(in_time).to_owned();
    }
    CandidateView {
        agent: row.slug.clone(),
        tier: row.tier.name().to_owned(),
        chosen: row.reason == Reason::Chosen || in_time,
        reason: word(&row.reason),
        because: words.first().cloned().unwrap_or_default(),
        detail: viewer.sees_weights().then(|| detail(row, words, viewer)),
    }
}

const fn reserve_in_words(was_asked: bool) -> &'static str {
    if was_asked {
        "It was named for the case that too few of those asked answer, and it was asked when that came."
    } else {
        "It was named for the case that too few of those asked answer, and it has not been asked."
    }
}

fn detail(row: &CandidateRecord, words: Vec<String>, viewer: &Viewer) -> CandidateDetail {
    CandidateDetail {
        agent_id: row.agent.clone(),
        words,
        weighed: row.weighed.and_then(|weighed| serde_json::to_value(weighed).ok()),
        lane: row.lane.map(|lane| word(&lane)),
        key: row.key,
        payout_account: viewer.sees_all().then(|| row.payout_account.clone()),
    }
}

/// The word a unit variant is stored as.
pub(in crate::tasks) fn word<T: Serialize>(value: &T) -> String {
    let stored = serde_json::to_value(value).ok();
    stored.as_ref().and_then(|v| v.as_str()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_triage::{
        Candidate, Policy, Pool, Question, Rulebook, Standing, TaskFacts, Tier, decide, table,
    };
    use std::sync::Arc;

    fn agent(number: u64) -> Candidate {
        Candidate {
            agent: format!("id-{number}"),
            draw_number: number,
            slug: format!("agent-{number}"),
            owner: String::new(),
            payout_account: format!("payout-{number}"),
            capable: true,
            payout_ready: true,
            active: true,
            paused: false,
            visible: true,
            declined: Vec::new(),
            specialist_types: Vec::new(),
            health_fails: 0,
            in_flight: 0,
            max_concurrency: 8,
            min_price_minor: 0,
            tier: Tier::Challenger,
            standing: Standing { real_tasks: 20, ..Standing::default() },
            evidence: None,
        }
    }

    #[test]
    fn of_the_reserve_it_is_told_who_was_really_asked() {
        let rules = Arc::new(Rulebook::new(Policy::default()).unwrap());
        let agents: Vec<Candidate> = (1..=6).map(agent).collect();
        let question = Question {
            task: TaskFacts { budget_minor: 2500, ..TaskFacts::default() },
            now: 0,
            seed: 7,
            agents: Some(3),
            experimentation_milli: 300,
            reserve_wanted: 2,
            no_capability: 0,
            category_state: None,
        };
        let record = decide(&mut Pool::of(Arc::clone(&rules), agents.clone()), &question);
        let [first, second] = &record.reserve[..] else { panic!("{record:?}") };
        let (asked, not_asked) = (first.slug.clone(), second.slug.clone());
        let table = table(&agents, &record, &rules);
        let view = view(1, ("{}", &record), &table, &[asked.clone()].into(), &Viewer::Buyer).unwrap();
        let row = |slug: &str| view.candidates.iter().find(|row| row.agent == slug).unwrap();
        assert_eq!((row(&asked).chosen, row(&asked).reason.as_str()), (true, "reserve"));
        assert!(row(&asked).because.ends_with("and it was asked when that came."), "{view:?}");
        assert!(!row(&not_asked).chosen && row(&not_asked).because.ends_with("has not been asked."));
        let order: Vec<_> = view.candidates.iter().map(|row| row.reason.as_str()).collect();
        assert_eq!(order, ["chosen", "chosen", "chosen", "reserve", "reserve", "not_drawn"]);
    }
}
