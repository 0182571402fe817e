//! The seats of a category that is decided by `thompson`: from candidates to contenders and back.

use crate::thompson::{By, CategoryState, Contender, Evidence, Policy, Valued, select, value};
use crate::{Candidate, Drawn, Entrant, Lane, Pool, Question, Rulebook, key_of, thompson};
use std::borrow::Cow;

/// The seats, highest values first.
pub(crate) fn seats(pool: &Pool, entrants: &[Entrant], wanted: u8, question: &Question) -> Vec<Drawn> {
    let Some(policy) = pool.rules().thompson() else { return Vec::new() };
    let evidence: Vec<Cow<'_, Evidence>> =
        entrants.iter().map(|e| evidence(pool.candidate(e.index as usize))).collect();
    let contenders: Vec<Contender<'_>> = entrants
        .iter()
        .zip(&evidence)
        .map(|(entrant, evidence)| {
            let candidate = pool.candidate(entrant.index as usize);
            let account = entrant.account.is_some().then_some(candidate.payout_account.as_str());
            Contender { account, ..contender(candidate, evidence, entrant.weight, question) }
        })
        .collect();
    let category = category(question, policy);
    let chosen = select(&contenders, &asked(question, &category), wanted, policy);
    let drawn = |seat: &thompson::Seat| {
        let entrant = entrants[seat.contender];
        let (lane, key) = match seat.by {
            By::Value => (Lane::Value, chosen.valued[seat.contender].value),
            By::Floor => (Lane::Floor, key_of(question.seed, Lane::Floor, entrant.number, entrant.weight)),
        };
        Drawn { entrant, lane, key }
    };
    chosen.seats.iter().map(drawn).collect()
}

/// What asking a candidate may be worth; nothing where that does not decide.
pub(crate) fn of(
    candidate: &Candidate,
    weight: u32,
    question: &Question,
    rules: &Rulebook,
) -> Option<Valued> {
    let policy = rules.thompson()?;
    let (category, evidence) = (category(question, policy), evidence(candidate));
    let contender = contender(candidate, &evidence, weight, question);
    Some(value(&contender, &asked(question, &category), policy))
}

fn contender<'a>(
    candidate: &'a Candidate,
    evidence: &'a Evidence,
    weight: u32,
    question: &Question,
) -> Contender<'a> {
    Contender {
        number: candidate.draw_number,
        account: None,
        evidence,
        benchmark_ppm: candidate.standing.benchmark,
        specialist: candidate.is_specialist(&question.task.task_type),
        weight,
    }
}

fn evidence(candidate: &Candidate) -> Cow<'_, Evidence> {
    candidate.evidence.as_ref().map_or_else(|| Cow::Owned(Evidence::default()), Cow::Borrowed)
}

fn category(question: &Question, policy: &Policy) -> CategoryState {
    question.category_state.unwrap_or_else(|| CategoryState::new(policy))
}

fn asked<'a>(question: &'a Question, category: &'a CategoryState) -> thompson::Question<'a> {
    thompson::Question { task_type: &question.task.task_type, category, seed: question.seed }
}
