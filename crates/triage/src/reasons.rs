//! A candidate's reason in words that its developer can act on.

use crate::thompson::Valued;
use crate::{CandidateRecord, Chosen, Gate, Lane, Reason, Record, Tier, Weighed};

/// Why a candidate was asked or not, sentence by sentence.
pub fn reason_in_words(candidate: &CandidateRecord, record: &Record) -> Vec<String> {
    let mut sentences = vec![match candidate.reason {
        Reason::Chosen => format!("It was asked: it was drawn in the {}.", lane_name(candidate.lane)),
        Reason::Reserve => {
            "It was named for the case that too few of those asked answer; it was asked only then.".to_owned()
        }
        Reason::NotDrawn => "It was in the draw, and others were drawn.".to_owned(),
        Reason::Gated(gate) => gate_in_words(gate, record),
    }];
    if let Some(weighed) = &candidate.weighed {
        if candidate.valued.is_none() || candidate.lane == Some(Lane::Floor) {
            sentences.push(weight_in_words(weighed, candidate.tier));
        }
        sentences.extend(candidate.valued.as_ref().map(value_in_words));
        sentences.extend(draw_in_words(candidate, record));
    }
    sentences
}

fn gate_in_words(gate: Gate, record: &Record) -> String {
    let task = &record.question.task;
    match gate {
        Gate::NoCapability => {
            format!("It was not in the draw: it has not passed what the category {} asks for.", task.category)
        }
        Gate::PayoutNotReady => "It was not in the draw: its developer cannot be paid yet.".to_owned(),
        Gate::Inactive => {
            "It was not in the draw: it is not active; a benchmark that passes activates it.".to_owned()
        }
        Gate::Paused => "It was not in the draw: its developer had paused it.".to_owned(),
        Gate::NotVisible => "It was not in the draw: its visibility is neither live nor beta.".to_owned(),
        Gate::DeclinesType => format!(
            "It was not in the draw: it has declined the type {} several times in a row (422), and is not asked for it for a while.",
            task.task_type
        ),
        Gate::NotWanted => "It was not in the draw: the buyer's routing wishes leave it out.".to_owned(),
        Gate::Unhealthy => "It was not in the draw: its health probes failed.".to_owned(),
        Gate::AtCapacity => {
            "It was not in the draw: it had as many calls under way as it takes (max_concurrency).".to_owned()
        }
        Gate::PriceFloor => {
            "It was not in the draw: its lowest price (min_price) is above the task's budget.".to_owned()
        }
        Gate::OwnTask => "It was not in the draw: the task was posted by its own developer.".to_owned(),
        Gate::Excluded => "It was not in the draw: it lost in an earlier round of this task.".to_owned(),
    }
}

fn weight_in_words(weighed: &Weighed, tier: Tier) -> String {
    let Weighed { terms, .. } = weighed;
    let mut text = format!(
        "As {} it weighed {}: composite {} (rolling score {}, benchmark {}, recency {}, newcomer's floor {}), reliability {}",
        tier_name(tier),
        weighed.weight,
        share(weighed.composite),
        share(terms.rolling),
        share(terms.benchmark),
        share(terms.recency),
        share(terms.floor),
        milli(weighed.reliability_milli),
    );
    if weighed.boost > 1 {
        text.push_str(&format!(", newcomer's boost {}", weighed.boost));
    }
    for (name, factor) in [
        ("specialist", weighed.specialist_milli),
        ("beta", weighed.beta_milli),
        ("failed probes", weighed.health_milli),
    ] {
        if factor != 1000 {
            text.push_str(&format!(", {name} x {}", milli(factor)));
        }
    }
    text.push('.');
    text
}

fn value_in_words(valued: &Valued) -> String {
    format!(
        "Asking it was worth {:.3}: a quality of {:.3} was drawn from {:.3} give or take {:.3}, with a price of {:.2} of the \
         budget, {:.0} s of waiting, {:+.3} for what buyers chose, and reliability {:.3}.",
        valued.value,
        valued.drawn,
        valued.mean,
        valued.variance.sqrt(),
        valued.price,
        valued.seconds,
        valued.choice,
        valued.reliability,
    )
}

fn draw_in_words(candidate: &CandidateRecord, record: &Record) -> Option<String> {
    let (lane, key) = (candidate.lane?, candidate.key?);
    if lane == Lane::Value {
        return Some("The highest values are asked.".to_owned());
    }
    if candidate.reason != Reason::NotDrawn {
        return Some(format!("Its key was {key:.3e}; the lowest are drawn."));
    }
    let seats = record.chosen.iter().filter(|chosen| chosen.lane == lane);
    let last = seats.max_by(|a, b| a.key.total_cmp(&b.key));
    Some(match last {
        None => format!("The {} had no seat.", lane_name(Some(lane))),
        Some(Chosen { key: last, .. }) if *last < key => format!(
            "Its key in the {} was {key:.3e}; the last seat there went at {last:.3e}, and the lowest are drawn.",
            lane_name(Some(lane)),
        ),
        Some(_) => format!(
            "Its key in the {} was {key:.3e}, low enough for a seat that went to another tier, or to keep agents of one \
             payout account apart.",
            lane_name(Some(lane)),
        ),
    })
}

const fn lane_name(lane: Option<Lane>) -> &'static str {
    match lane {
        Some(Lane::Fast) => "fast lane",
        Some(Lane::Mixed) => "mixed lane",
        Some(Lane::Challenger) => "challengers' lane",
        Some(Lane::Control) => "control group, where all weigh the same",
        Some(Lane::Reserve) => "reserve",
        Some(Lane::Value) => "order of values",
        Some(Lane::Floor) => "draw by weight for the last seat",
        None => "draw",
    }
}

const fn tier_name(tier: Tier) -> &'static str {
    match tier {
        Tier::NewChallenger => "a New Challenger",
        Tier::Challenger => "a Challenger",
        Tier::RisingStar => "a Rising Star",
        Tier::TopPerformer => "a Top Performer",
    }
}

fn share(ppm: u32) -> String {
    format!("{:.3}", f64::from(ppm) / 1e6)
}

fn milli(milli: u32) -> String {
    format!("{:.3}", f64::from(milli) / 1e3)
}
