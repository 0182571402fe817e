//! Gates, weights, seats, draw: the decision from start to end.

use crate::{
    Candidate, CandidateRecord, Chosen, Drawn, Entrant, Input, Policy, Reason, Record, Weighed,
    agents_wanted, draw, gate, slots, weigh,
};

/// Whom to ask, and why not the others.
pub fn decide(input: &Input, policy: &Policy) -> Record {
    let wanted = agents_wanted(input.task.budget_minor, input.agents, policy);
    let slots = slots(wanted, input.experimentation_milli, policy);

    let mut candidates: Vec<&Candidate> = input.candidates.iter().collect();
    candidates.sort_by(|a, b| a.agent.cmp(&b.agent));
    let judged: Vec<Judged<'_>> = candidates.iter().map(|c| judge(c, input, policy)).collect();

    let eligible: Vec<(&Judged<'_>, Weighed)> = judged.iter().filter_map(|j| Some((j, j.weighed?))).collect();
    let entrants: Vec<Entrant<'_>> = eligible.iter().map(|(j, w)| entrant(j.candidate, *w, input)).collect();
    let seats = draw(&entrants, slots, input.seed);

    let chosen: Vec<Chosen> = seats.iter().map(|seat| chosen(seat, &eligible)).collect();
    Record {
        version: 1,
        policy: Policy::NAME.to_owned(),
        parameters: policy.hash(),
        seed: input.seed.to_string(),
        task: input.task.clone(),
        agents_asked_for: input.agents,
        agents_wanted: wanted,
        experimentation_milli: input.experimentation_milli,
        slots,
        under_supplied: chosen.len() < usize::from(wanted),
        candidates: judged.iter().map(|j| record(j, &chosen)).collect(),
        chosen,
        no_capability: input.no_capability,
    }
}

/// A candidate after the gates: either kept out, or weighed.
struct Judged<'a> {
    candidate: &'a Candidate,
    gate: Option<crate::Gate>,
    weighed: Option<Weighed>,
}

fn judge<'a>(candidate: &'a Candidate, input: &Input, policy: &Policy) -> Judged<'a> {
    let gate = gate(candidate, &input.task, policy);
    let weighed = gate
        .is_none()
        .then(|| weigh(&candidate.standing, policy).after_failed_probes(candidate.health_fails, policy));
    Judged { candidate, gate, weighed }
}

fn entrant<'a>(candidate: &'a Candidate, weighed: Weighed, input: &Input) -> Entrant<'a> {
    Entrant {
        number: candidate.draw_number,
        tier: candidate.tier,
        weight: weighed.weight,
        // With money off every agent is its own account.
        account: input.task.money_on.then_some(candidate.payout_account.as_str()),
    }
}

fn chosen(seat: &Drawn, eligible: &[(&Judged<'_>, Weighed)]) -> Chosen {
    let (judged, weighed) = &eligible[seat.entrant];
    Chosen {
        agent: judged.candidate.agent.clone(),
        lane: seat.lane,
        key: seat.key,
        boosted: weighed.boost > 1,
    }
}

fn record(judged: &Judged<'_>, chosen: &[Chosen]) -> CandidateRecord {
    let candidate = judged.candidate;
    let reason = match judged.gate {
        Some(gate) => Reason::Gated(gate),
        None if chosen.iter().any(|c| c.agent == candidate.agent) => Reason::Chosen,
        None => Reason::NotDrawn,
    };
    CandidateRecord {
        agent: candidate.agent.clone(),
        slug: candidate.slug.clone(),
        draw_number: candidate.draw_number.to_string(),
        payout_account: candidate.payout_account.clone(),
        tier: candidate.tier,
        reason,
        weighed: judged.weighed,
    }
}
