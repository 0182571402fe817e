//! Gates, weights, seats, draw: the decision from start to end.

use crate::draw::{draw, draw_control, draw_reserve};
use crate::record::{Chosen, Reason, Record};
use crate::{
    Drawn, Entrant, Lane, Method, Pool, Question, Rulebook, agents_wanted, slots, uniform, values, weigh,
};
use gavel_domain::limits::AGENTS_MAX;
use std::collections::BTreeMap;

/// Whom to ask. Why not the others is counted; who each of them is, [`crate::table`] tells.
pub fn decide(pool: &mut Pool, question: &Question) -> Record {
    let policy = pool.rules().policy();
    let wanted = agents_wanted(question.task.budget_minor, question.agents, policy);
    let slots = slots(wanted, question.experimentation_milli, policy);
    let method = method(question, pool.rules());

    let Survey { entrants, gated } = survey(pool, question);
    let seats = match method {
        Method::Lanes => draw(&entrants, slots, question.seed),
        Method::Control => draw_control(&entrants, wanted, question.seed),
        Method::Values => values::seats(pool, &entrants, wanted, question),
    };
    let spare = question.reserve_wanted.min(AGENTS_MAX.saturating_sub(wanted));
    let reserve = draw_reserve(&entrants, &seats, spare, question.seed);

    let mut reasons = gated;
    let drawn = (seats.len() + reserve.len()) as u64;
    count(&mut reasons, Reason::Chosen, seats.len() as u64);
    count(&mut reasons, Reason::Reserve, reserve.len() as u64);
    count(&mut reasons, Reason::NotDrawn, entrants.len() as u64 - drawn);
    Record {
        version: Record::VERSION,
        parameters: pool.rules().hash(),
        question: question.clone(),
        policy: method,
        agents_wanted: wanted,
        slots,
        under_supplied: seats.len() < usize::from(wanted),
        chosen: seats.iter().map(|seat| chosen(pool, question, seat)).collect(),
        reserve: reserve.iter().map(|seat| chosen(pool, question, seat)).collect(),
        reasons,
        candidates: pool.hashes(),
    }
}

/// How the seats of a task are given away: a small share of tasks, told by their seeds, is the control group.
fn method(question: &Question, rules: &Rulebook) -> Method {
    let share = f64::from(rules.policy().control_milli) / 1000.0;
    match rules.thompson() {
        _ if uniform(question.seed, Lane::Control, u64::MAX) < share => Method::Control,
        Some(_) => Method::Values,
        None => Method::Lanes,
    }
}

/// Everybody who is in the draw, and how many each gate kept out.
struct Survey {
    entrants: Vec<Entrant>,
    gated: BTreeMap<Reason, u64>,
}

fn survey(pool: &Pool, question: &Question) -> Survey {
    let plain = pool.plain(question);
    let mut survey = Survey { entrants: Vec::with_capacity(pool.len()), gated: BTreeMap::new() };
    for (at, hot) in pool.hot().iter().enumerate() {
        match pool.weight(at, &plain, question) {
            Ok(weight) => survey.entrants.push(Entrant {
                number: hot.number,
                tier: hot.tier,
                weight,
                // With money off every agent is its own account.
                account: question.task.money_on.then_some(hot.account),
                index: at as u32,
            }),
            Err(gate) => count(&mut survey.gated, Reason::Gated(gate), 1),
        }
    }
    survey
}

fn count(reasons: &mut BTreeMap<Reason, u64>, reason: Reason, n: u64) {
    if n > 0 {
        *reasons.entry(reason).or_default() += n;
    }
}

fn chosen(pool: &Pool, question: &Question, seat: &Drawn) -> Chosen {
    let candidate = pool.candidate(seat.entrant.index as usize);
    let weighed = weigh(&candidate.standing, question.occasion(candidate), pool.rules());
    Chosen {
        agent: candidate.agent.clone(),
        slug: candidate.slug.clone(),
        tier: candidate.tier,
        lane: seat.lane,
        key: seat.key,
        weighed,
        valued: values::of(candidate, weighed.weight, question, pool.rules()),
        boosted: weighed.boost > 1 && seat.lane != Lane::Control,
    }
}
