//! Every task of the suite, held against the judge: its good answer does well, and spoilt ones do not.
//!
//! The figures are printed: `cargo test -p gavel-judge --test benchmark -- --nocapture`. `GAVEL_BENCHMARK_SEEDS` is how
//! many seeds are tried of each task, `GAVEL_BENCHMARK_TASK` names those that are (`content-writing`,
//! `content-writing/easy`).

use gavel_domain::Ppm;
use gavel_judge::benchmark::{Flaw, Instance, Suite, Template};
use gavel_judge::{GateKind, HiddenKind, Rubrics, Verdict, Work, judge};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What good work has at least, and spoilt work at most.
const GOOD_MIN: Ppm = Ppm::new(750_000);
const BAD_MAX: Ppm = Ppm::new(500_000);
/// Seeds of each task that are tried with every run of the tests.
const SEEDS: u64 = 5;
/// Checks of one task.
const CHECKS: std::ops::RangeInclusive<usize> = 12..=40;
/// The weight of the checks that are a plain yes or no, in percent of all.
const EXACT_PERCENT: u32 = 60;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/benchmark")
}

fn files() -> Vec<(String, String)> {
    let entries = |folder: &Path| {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
            .expect("the folder of the suite")
            .flatten()
            .map(|entry| entry.path())
            .collect();
        paths.sort();
        paths
    };
    let wanted = std::env::var("GAVEL_BENCHMARK_TASK").unwrap_or_default();
    let all = entries(&folder()).into_iter().flat_map(|category| entries(&category));
    let named = all.map(|path| {
        let parts: Vec<_> =
            path.components().rev().take(2).map(|c| c.as_os_str().to_string_lossy()).collect();
        (format!("{}/{}", parts[1], parts[0]), std::fs::read_to_string(&path).expect("a file of the suite"))
    });
    named.filter(|(name, _)| name.starts_with(&wanted)).collect()
}

fn suite() -> Suite {
    let files = files();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    Suite::read(&files).unwrap_or_else(|error| panic!("{error}"))
}

fn seeds() -> u64 {
    std::env::var("GAVEL_BENCHMARK_SEEDS").map_or(SEEDS, |seeds| seeds.parse().expect("a number of seeds"))
}

fn judged(instance: &Instance, work: &Work) -> Verdict {
    judge(&instance.yardstick(), work, &Rubrics::default().for_category(&instance.brief.category))
}

/// What went wrong with a task.
struct Findings<'a> {
    template: &'a Template,
    wrong: Vec<String>,
}

impl Findings<'_> {
    fn expect(&mut self, holds: bool, seed: u64, problem: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(format!("{} seed {seed}: {}", self.template.key(), problem()));
        }
    }
}

#[test]
fn good_answers_do_well_and_spoilt_ones_do_not() {
    let suite = suite();
    let mut wrong = Vec::new();
    println!("{:32} {:>5} {:>7}  most of the spoilt ones", "least of good, of any seed", "good", "checks");
    for template in suite.templates() {
        let mut findings = Findings { template, wrong: Vec::new() };
        let mut least = Ppm::ONE;
        let mut most = Flaw::ALL.map(|_| Ppm::ZERO);
        let mut stale = Ppm::ZERO;
        for seed in 0..seeds() {
            let instance = template.instance(seed);
            least = least.min(good_is_good(&instance, &mut findings));
            for (flaw, most) in Flaw::ALL.into_iter().zip(&mut most) {
                *most = (*most).max(bad_is_bad(&instance, flaw, &mut findings));
            }
            stale = stale.max(stale_is_bad(template, &instance, &mut findings));
        }
        let spoilt = Flaw::ALL.iter().zip(&most).map(|(flaw, most)| format!("{} {most}", flaw.name()));
        let spoilt = spoilt.collect::<Vec<_>>().join(", ");
        let checks = template.instance(0).checks.len();
        println!("{:32} {least} {checks:>7}  {spoilt}, another seed's {stale}", template.key());
        wrong.extend(findings.wrong);
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

fn good_is_good(instance: &Instance, findings: &mut Findings<'_>) -> Ppm {
    let verdict = judged(instance, &instance.good);
    let seed = instance.seed;
    let values = verdict.dimensions.iter().map(|(name, d)| format!("{name} {}", d.value));
    let values = values.collect::<Vec<_>>().join(", ");
    findings.expect(verdict.composite >= GOOD_MIN, seed, || {
        format!("the good answer has {} ({values}); gates {:?}", verdict.composite, verdict.gates)
    });
    findings.expect(verdict.gates.iter().all(|gate| !gate.kind.is_high()), seed, || {
        format!("the good answer has a grave fault: {:?}", verdict.gates)
    });
    let listed = verdict.checklist.len() - instance.checks.len();
    for (check, result) in instance.checks.iter().zip(&verdict.checklist[listed..]) {
        let half = Ppm::new(if check.kind.is_exact() { 1_000_000 } else { 500_000 });
        findings.expect(result.value >= half, seed, || {
            format!(
                "the good answer fails {}: {} ({}, {:?})",
                check.id, check.text, result.value, result.measured
            )
        });
    }
    verdict.composite
}

fn bad_is_bad(instance: &Instance, flaw: Flaw, findings: &mut Findings<'_>) -> Ppm {
    let verdict = judged(instance, &instance.bad(flaw));
    findings.expect(verdict.composite <= BAD_MAX, instance.seed, || {
        let gates: Vec<GateKind> = verdict.gates.iter().map(|gate| gate.kind).collect();
        format!("the answer with the flaw {} has {}, gates {gates:?}", flaw.name(), verdict.composite)
    });
    verdict.composite
}

/// The good answer of another seed, as from an agent that learnt it by heart.
fn stale_is_bad(template: &Template, instance: &Instance, findings: &mut Findings<'_>) -> Ppm {
    let other = template.instance(instance.seed + 1000);
    findings.expect(other.brief.description != instance.brief.description, instance.seed, || {
        "the seed 1000 further has the same brief".to_owned()
    });
    findings.expect(other.facts() != instance.facts(), instance.seed, || {
        "the seed 1000 further has the same facts".to_owned()
    });
    let verdict = judged(instance, &other.good);
    findings.expect(verdict.composite <= BAD_MAX, instance.seed, || {
        format!("the good answer of the seed {} has {}", other.seed, verdict.composite)
    });
    verdict.composite
}

#[test]
fn checks_are_many_and_mostly_exact() {
    for template in suite().templates() {
        for seed in 0..seeds() {
            let checks = template.instance(seed).checks;
            let key = template.key();
            assert!(CHECKS.contains(&checks.len()), "{key} seed {seed} has {} checks", checks.len());
            let weight = |exact: bool| -> u32 {
                checks.iter().filter(|c| c.kind.is_exact() || !exact).map(|c| c.weight_milli).sum()
            };
            assert!(weight(true) * 100 >= weight(false) * EXACT_PERCENT, "{key}: too many checks are vague");
            let facts =
                checks.iter().filter(|c| matches!(c.kind, HiddenKind::Fact(_) | HiddenKind::Cell { .. }));
            assert!(facts.count() >= 3, "{key} states hardly any facts");
            let must = checks.iter().filter(|check| check.must).count();
            assert!((2..=8).contains(&must), "{key} has {must} checks that must be met");
        }
    }
}

#[test]
fn instances_read_like_any_task_and_differ() {
    const TELLING: [&str; 6] =
        ["benchmark", "synthetic", "test task", "evaluation", "this is a test", "agent"];
    for template in suite().templates() {
        let mut briefs = BTreeSet::new();
        for seed in 0..20 {
            let instance = template.instance(seed);
            assert_eq!(instance, template.instance(seed), "{} is not the same twice", template.key());
            let brief = &instance.brief;
            let all =
                format!("{} {} {:?}", brief.title, brief.description, brief.requirements).to_lowercase();
            for word in TELLING {
                assert!(!all.contains(word), "{} says {word:?}", template.key());
            }
            briefs.insert(all);
        }
        assert!(briefs.len() >= 19, "{} has only {} briefs in 20 seeds", template.key(), briefs.len());
    }
}

#[test]
fn mistakes_are_told_with_file_and_line() {
    let path = folder().join("content-writing/easy.toml");
    let good = std::fs::read_to_string(path).unwrap();
    let told = |name: &str, text: &str| {
        let error = Suite::read(&[(name, text)]).unwrap_err();
        assert_eq!(error.file, name);
        (error.line, error.problem)
    };
    let name = "a/content-writing/easy.toml";
    let check = |from: &str, to: &str, word: &str| {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from}");
        let (line, problem) = told(name, &text);
        assert!(problem.contains(word), "{problem}");
        assert!(line > 1 || from.starts_with("task_type"), "{problem} is told at line {line}");
    };
    assert!(told("a/content-writing/other.toml", &good).1.contains("typical.toml"));
    check("task_type", "taks_type", "taks_type");
    check("{day}, {open}", "{dya}, {open}", "dya");
    check("kind = \"order\"", "kind = \"ordre\"", "ordre");
    check("near = [\"workshop\"]", "naer = [\"workshop\"]", "naer");
    check("is = \"adult * adults", "is = \"adult * * adults", "missing");
    check("total > 20", "total > 2000", "conditions");
    check("title = \"Blog post for our {event} on {day}\"", "title = \"B\"", "characters");
    check("25.00", "free", "amount");
}
