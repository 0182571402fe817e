//! Every task of the suite, held against the judge: its good answer does well, and spoilt ones do not.
//!
//! The figures are printed: `cargo test -p gavel-judge --test benchmark -- --nocapture`. `GAVEL_BENCHMARK_SEEDS` is how
//! many seeds are tried of each task, `GAVEL_BENCHMARK_TASK` names those that are (`content-writing`,
//! `content-writing/easy`), `GAVEL_BENCHMARK_SHOW=1` prints the first instance of each.

use gavel_domain::Ppm;
use gavel_judge::benchmark::{Flaw, Instance, Suite, Template};
use gavel_judge::{CompiledBrief, GateKind, HiddenKind, Rubrics, Verdict, Work, judge};
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

fn judged(yardstick: &CompiledBrief, instance: &Instance, work: &Work) -> Verdict {
    judge(yardstick, work, &Rubrics::default().for_category(&instance.brief.category))
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
            let yardstick = instance.yardstick();
            least = least.min(good_is_good(&yardstick, &instance, &mut findings));
            for (flaw, most) in Flaw::ALL.into_iter().zip(&mut most) {
                *most = (*most).max(bad_is_bad(&yardstick, &instance, flaw, &mut findings));
            }
            others_are_as_said(&yardstick, &instance, &mut findings);
            stale = stale.max(stale_is_bad(&yardstick, template, &instance, &mut findings));
        }
        let spoilt = Flaw::ALL.iter().zip(&most).map(|(flaw, most)| format!("{} {most}", flaw.name()));
        let spoilt = spoilt.collect::<Vec<_>>().join(", ");
        if std::env::var("GAVEL_BENCHMARK_SHOW").is_ok() {
            println!("{}", shown(&template.instance(0)));
        }
        let checks = template.instance(0).checks.len();
        println!("{:32} {least} {checks:>7}  {spoilt}, another seed's {stale}", template.key());
        wrong.extend(findings.wrong);
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// The task as an agent gets it, then the good answer and what is checked.
fn shown(instance: &Instance) -> String {
    let Instance { brief, good, checks, .. } = instance;
    let files = good.artifacts.iter().map(|file| format!("\n--- {}\n{}", file.filename, file.content));
    let checks = checks.iter().map(|check| format!("{} {}\n", check.id, check.text));
    format!(
        "# {}\n{}\n{:#?} {:?}\n\n---\n{}\n{}\n{}",
        brief.title,
        brief.description,
        brief.requirements,
        brief.output_spec,
        good.full_text,
        files.collect::<String>(),
        checks.collect::<String>()
    )
}

/// Work of other hands is worth what its author says.
fn others_are_as_said(yardstick: &CompiledBrief, instance: &Instance, findings: &mut Findings<'_>) {
    for other in &instance.others {
        let verdict = judged(yardstick, instance, &other.work);
        let range = other.at_least..=other.at_most;
        findings.expect(range.contains(&verdict.composite), instance.seed, || {
            let failed = verdict.checklist.iter().filter(|item| item.value < Ppm::new(999_000));
            let failed: Vec<&str> = failed.map(|item| item.id.as_str()).collect();
            let (name, score) = (&other.name, verdict.composite);
            format!("{name:?} has {score}, not {range:?}; fails {failed:?}, gates {:?}", verdict.gates)
        });
    }
}

fn good_is_good(yardstick: &CompiledBrief, instance: &Instance, findings: &mut Findings<'_>) -> Ppm {
    let verdict = judged(yardstick, instance, &instance.good);
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

fn bad_is_bad(
    yardstick: &CompiledBrief,
    instance: &Instance,
    flaw: Flaw,
    findings: &mut Findings<'_>,
) -> Ppm {
    let verdict = judged(yardstick, instance, &instance.bad(flaw));
    findings.expect(verdict.composite <= BAD_MAX, instance.seed, || {
        let gates: Vec<GateKind> = verdict.gates.iter().map(|gate| gate.kind).collect();
        format!("the answer with the flaw {} has {}, gates {gates:?}", flaw.name(), verdict.composite)
    });
    verdict.composite
}

/// The good answer of another seed, as from an agent that learnt it by heart.
fn stale_is_bad(
    yardstick: &CompiledBrief,
    template: &Template,
    instance: &Instance,
    findings: &mut Findings<'_>,
) -> Ppm {
    let other = template.instance(instance.seed + 1000);
    findings.expect(other.brief.description != instance.brief.description, instance.seed, || {
        "the seed 1000 further has the same brief".to_owned()
    });
    findings.expect(other.facts() != instance.facts(), instance.seed, || {
        "the seed 1000 further has the same facts".to_owned()
    });
    let verdict = judged(yardstick, instance, &other.good);
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
        for seed in [u64::MAX, u64::MAX / 2, 1 << 40] {
            assert_eq!(template.instance(seed).seed, seed, "any number is a seed");
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
    check("total > 2000", "total > 900000", "conditions");
    check("title = \"Blog post for our {event} on {day}\"", "title = \"B\"", "characters");
    check("25.00", "free", "amount");
}
