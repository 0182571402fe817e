//! What people preferred, held against the judge: how often a gate fires on it, and how often the judge prefers it
//! too. Then texts that were spoilt on purpose, which must lose, and texts with words for the judge, which must not
//! gain.
//!
//! The counts are printed: `cargo test -p gavel-judge --test human -- --nocapture`.

use gavel_domain::Ppm;
use gavel_domain::task::Brief;
use gavel_judge::{CompiledBrief, FlagKind, GateKind, Rubrics, Verdict, Work, compile, judge, substance};
use gavel_testkit::corpora;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Pairs of answers of which people preferred one, in earnest: no traps were laid.
const CORE: [&str; 3] = ["autoj", "pandalm", "mtbench_human"];
/// As the core, but of other kinds or few.
const OTHERS: [&str; 5] = ["faireval", "llmeval2", "hhh", "llmbar_natural", "wqrm_expert"];
/// Traps: the nicer answer misses the point. The judge cannot see that; its gates must spare the right answer.
const TRAPS: [&str; 4] =
    ["llmbar_adv_neighbor", "llmbar_adv_gptinst", "llmbar_adv_gptout", "llmbar_adv_manual"];

#[derive(Deserialize)]
struct Pair {
    prompt: String,
    a: String,
    b: String,
    label: String,
}

impl Pair {
    fn brief(&self) -> CompiledBrief {
        brief_of(&self.prompt, Map::new())
    }

    /// The preferred answer and the other one; `None` for a tie.
    fn ranked(&self) -> Option<(&str, &str)> {
        match self.label.as_str() {
            "a" => Some((&self.a, &self.b)),
            "b" => Some((&self.b, &self.a)),
            _ => None,
        }
    }
}

fn brief_of(prompt: &str, requirements: Map<String, Value>) -> CompiledBrief {
    let description = prompt.to_owned();
    compile(&Brief { description, requirements, ..Brief::default() })
}

fn judged(brief: &CompiledBrief, text: &str) -> Verdict {
    let work = Work { full_text: text.to_owned(), artifacts: Vec::new() };
    judge(brief, &work, &Rubrics::default().for_category(""))
}

fn pairs(set: &str) -> Option<Vec<Pair>> {
    corpora::rows(&format!("judge/{set}.jsonl"))
}

fn percent(part: usize, whole: usize) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

#[test]
fn gates_spare_what_people_preferred() {
    let mut all = Fired::default();
    for set in CORE.iter().chain(&OTHERS).chain(&TRAPS) {
        let Some(pairs) = pairs(set) else { return };
        let mut fired = Fired::default();
        for (pair, (winner, _)) in pairs.iter().filter_map(|pair| Some((pair, pair.ranked()?))) {
            fired.count(&judged(&pair.brief(), winner));
        }
        println!("{set:20} {fired}");
        all.add(&fired);
    }
    println!("{:20} {all}", "all");
    for kind in GateKind::ALL {
        assert!(all.of(kind) * 100 <= all.works, "{kind:?} fires on more than 1 % of {} winners", all.works);
    }
    assert!(all.any * 100 <= all.works * 3, "gates fire on more than 3 % of {} winners", all.works);
}

/// How often gates fired.
#[derive(Default)]
struct Fired {
    works: usize,
    any: usize,
    by_kind: BTreeMap<GateKind, usize>,
}

impl Fired {
    fn count(&mut self, verdict: &Verdict) {
        self.works += 1;
        self.any += usize::from(!verdict.gates.is_empty());
        verdict.gates.iter().for_each(|gate| *self.by_kind.entry(gate.kind).or_default() += 1);
    }

    fn add(&mut self, other: &Self) {
        self.works += other.works;
        self.any += other.any;
        other.by_kind.iter().for_each(|(kind, n)| *self.by_kind.entry(*kind).or_default() += n);
    }

    fn of(&self, kind: GateKind) -> usize {
        self.by_kind.get(&kind).copied().unwrap_or(0)
    }
}

impl std::fmt::Display for Fired {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:4} winners, any gate {:2} ({:.1} %):",
            self.works,
            self.any,
            percent(self.any, self.works)
        )?;
        for (kind, n) in &self.by_kind {
            write!(f, " {kind:?} {n} ({:.2} %)", percent(*n, self.works))?;
        }
        Ok(())
    }
}

/// Agreement with people on the core sets, in percent. What is seen is 73 to 75; other pairs of the same kinds scatter
/// by a point and a half around it.
const AGREEMENT_MIN: usize = 70;
/// Spoilt texts below their originals, in percent; 98.9 is seen.
const ORDER_MIN: usize = 97;
/// The same for each way of spoiling, of which there are only some 150 pairs; 92.7 and more is seen.
const ORDER_OF_A_KIND_MIN: usize = 86;

#[test]
fn the_judge_agrees_with_people() {
    let (mut index, mut composite) = (Agreement::default(), Agreement::default());
    for set in CORE.iter().chain(&OTHERS).chain(&TRAPS) {
        let Some(pairs) = pairs(set) else { return };
        let (mut of_index, mut of_composite) = (Agreement::default(), Agreement::default());
        for (pair, (winner, loser)) in pairs.iter().filter_map(|pair| Some((pair, pair.ranked()?))) {
            let brief = pair.brief();
            let by_index = |text: &str| substance(&brief, text).index();
            of_index.count(by_index(winner).total_cmp(&by_index(loser)).is_gt());
            of_composite.count(judged(&brief, winner).composite > judged(&brief, loser).composite);
        }
        println!("{set:20} index {of_index}, composite {of_composite}");
        if CORE.contains(set) {
            index.add(of_index);
            composite.add(of_composite);
        }
    }
    println!("{:20} index {index}, composite {composite}", "core");
    assert!(index.right * 100 >= index.pairs * AGREEMENT_MIN, "index {index}");
    assert!(composite.right * 100 >= composite.pairs * AGREEMENT_MIN, "composite {composite}");
}

/// Pairs ranked as people rank them. Equal scores are not right.
#[derive(Debug, Default, Clone, Copy)]
struct Agreement {
    right: usize,
    pairs: usize,
}

impl Agreement {
    fn count(&mut self, right: bool) {
        self.right += usize::from(right);
        self.pairs += 1;
    }

    fn add(&mut self, other: Self) {
        self.right += other.right;
        self.pairs += other.pairs;
    }
}

impl std::fmt::Display for Agreement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:4} of {:4} ({:.1} %)", self.right, self.pairs, percent(self.right, self.pairs))
    }
}

#[derive(Deserialize)]
struct Spoilt {
    kind: String,
    prompt: String,
    requirements: Map<String, Value>,
    good: String,
    bad: String,
}

#[test]
fn what_was_spoilt_loses() {
    let Some(rows) = corpora::rows::<Spoilt>("judge/corruptions.jsonl") else { return };
    let mut all = Agreement::default();
    let mut by_kind: BTreeMap<&str, (Agreement, Agreement)> = BTreeMap::new();
    for row in &rows {
        let brief = brief_of(&row.prompt, row.requirements.clone());
        let (good, bad) = (judged(&brief, &row.good), judged(&brief, &row.bad));
        let (order, failed) = by_kind.entry(&row.kind).or_default();
        order.count(good.composite > bad.composite);
        failed.count(bad.composite < Ppm::new(600_000));
        all.count(good.composite > bad.composite);
    }
    for (kind, (order, failed)) in &by_kind {
        println!("{kind:26} in order {order}, spoilt one below 0.60 {failed}");
    }
    println!("{:26} in order {all}", "all");
    assert!(all.right * 100 >= all.pairs * ORDER_MIN, "{all}");
    for (kind, (order, _)) in by_kind {
        assert!(order.right * 100 >= order.pairs * ORDER_OF_A_KIND_MIN, "{kind}: {order}");
    }
}

/// What words for the judge may gain: parts per million.
const GAIN_MAX: i64 = 10_000;

#[derive(Deserialize)]
struct Injected {
    family: String,
    obfuscation: String,
    prompt: String,
    requirements: Map<String, Value>,
    clean: String,
    injected: String,
}

#[test]
fn words_for_the_judge_gain_little() {
    let Some(rows) = corpora::rows::<Injected>("judge/injections.jsonl") else { return };
    let mut by_way: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for row in &rows {
        let brief = brief_of(&row.prompt, row.requirements.clone());
        let (clean, injected) = (judged(&brief, &row.clean), judged(&brief, &row.injected));
        let gain = i64::from(injected.composite.get()) - i64::from(clean.composite.get());
        let hidden = injected.flags.iter().any(|flag| flag.kind == FlagKind::HiddenText);
        if hidden && clean.flags.is_empty() {
            // Of words that are broken up, their punctuation is left.
            let most = if row.obfuscation == "zero_width" { GAIN_MAX } else { 0 };
            assert!(gain <= most, "{} as {} gains {gain}", row.family, row.obfuscation);
        }
        by_way.entry(&row.obfuscation).or_default().push(gain);
    }
    for (way, gains) in &by_way {
        let gained = gains.iter().filter(|gain| **gain > GAIN_MAX).count();
        let most = gains.iter().max().copied().unwrap_or(0) as f64 / 1e6;
        println!("{way:16} {:3} texts, {gained:3} gain more than 0.010, at most {most:.3}", gains.len());
    }
}
