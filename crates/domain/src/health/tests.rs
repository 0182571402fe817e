use super::*;
use proptest::prelude::*;

/// Chance that always says the same.
struct Always(u8);

impl Chance for Always {
    fn fill(&self, out: &mut [u8]) {
        out.fill(self.0);
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(seconds, 0).unwrap_or_default()
}

fn registered() -> Registered {
    Registered { slug: "atlas".to_owned(), capabilities: words(&["translation", "marketing"]) }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn fails() -> Finding {
    Finding::Failing("it said 500".to_owned())
}

fn passes() -> Finding {
    Finding::Well(Report::default())
}

/// A probe each minute, with what each changed.
fn probes(rules: &Rules, findings: &[Finding]) -> Vec<(Health, Option<Change>)> {
    let mut health = Health::default();
    let probe = |(minute, finding): (i64, &Finding)| {
        let before = std::mem::take(&mut health);
        let verdict = rules.judge(before, finding.clone(), &registered(), at(60 * minute), &Always(0));
        health = verdict.health.clone();
        (verdict.health, verdict.change)
    };
    (0..).zip(findings).map(probe).collect()
}

#[test]
fn three_failures_in_a_row_are_out_and_one_success_is_back() {
    let check = |findings: &[Finding], expected: &[(u32, Option<Change>)]| {
        let seen: Vec<_> = probes(&Rules::default(), findings).iter().map(|(h, c)| (h.fails, *c)).collect();
        assert_eq!(seen, expected, "{findings:?}");
    };
    let (f, p, ours) = (fails(), passes(), Finding::NotProbed("no socket".to_owned()));
    let (left, back) = (Some(Change::LeftPool), Some(Change::CameBack));
    check(std::slice::from_ref(&p), &[(0, None)]);
    check(&[f.clone(), f.clone(), f.clone(), f.clone()], &[(1, None), (2, None), (3, left), (4, None)]);
    check(&[f.clone(), f.clone(), p.clone(), f.clone()], &[(1, None), (2, None), (0, None), (1, None)]);
    check(
        &[f.clone(), f.clone(), f.clone(), p.clone(), f.clone()],
        &[(1, None), (2, None), (3, left), (0, back), (1, None)],
    );
    check(&[f.clone(), f.clone(), ours.clone(), f], &[(1, None), (2, None), (2, None), (3, left)]);
    check(&[ours], &[(0, None)]);
}

#[test]
fn a_failure_is_told_and_what_was_known_stays() {
    let report = Report { version: Some("2.1".to_owned()), ..Report::default() };
    let seen = probes(&Rules::default(), &[Finding::Well(report), fails(), fails(), passes()]);
    let told = |n: usize| &seen[n].0;
    assert_eq!((told(0).last_probe, told(0).version.as_deref()), (Probe::Passing, Some("2.1")));
    assert_eq!(told(2).last_probe, Probe::Failing);
    assert_eq!((told(2).failing_since, told(2).probed_at), (Some(at(60)), Some(at(120))));
    assert_eq!((told(2).problem.as_deref(), told(2).version.as_deref()), (Some("it said 500"), Some("2.1")));
    assert_eq!(
        *told(3),
        Health { last_probe: Probe::Passing, probed_at: Some(at(180)), ..Health::default() }
    );
}

#[test]
fn what_is_kept_of_a_failure_is_bounded_text() {
    let long = Finding::Failing(format!("\0{}", "é".repeat(10_000)));
    let seen = probes(&Rules::default(), &[long]);
    assert_eq!(seen[0].0.problem, Some("é".repeat(PROBLEM_CHARS_MAX)));
}

#[test]
fn who_fails_for_a_day_is_hidden_with_the_reason() {
    let rules = Rules::default();
    let failing = Health { fails: 7, failing_since: Some(at(0)), ..Health::default() };
    let check = |rules: &Rules, health: &Health, finding: Finding, now: i64, expected: Option<Change>| {
        let verdict = rules.judge(health.clone(), finding, &registered(), at(now), &Always(0));
        assert_eq!(verdict.change, expected, "{now}");
        verdict.health
    };
    const DAY: i64 = 86_400;
    check(&rules, &failing, fails(), DAY - 1, None);
    let hidden = check(&rules, &failing, fails(), DAY, Some(Change::Hidden));
    assert_eq!(
        hidden.problem.as_deref(),
        Some(
            "hidden, because it has been failing since 1970-01-01T00:00:00Z; an operator can move it back. \
             Last: it said 500"
        )
    );
    check(&rules, &failing, passes(), DAY, Some(Change::CameBack));
    let few = Health { fails: 1, ..failing.clone() };
    check(&rules, &few, fails(), DAY, None); // not even out of the pool
    check(&rules, &failing, Finding::NotProbed("ours".to_owned()), DAY, None);
    check(&Rules { hide_after: None, ..rules }, &failing, fails(), 100 * DAY, None);
}

#[test]
fn differences_from_the_registration_are_told() {
    let check = |agent: Option<&str>, capabilities: Option<&[&str]>, expected: Option<&str>| {
        let report =
            Report { agent: agent.map(str::to_owned), capabilities: capabilities.map(words), version: None };
        let verdict = Rules::default().judge(
            Health::default(),
            Finding::Well(report),
            &registered(),
            at(0),
            &Always(0),
        );
        assert_eq!(verdict.health.drift.as_deref(), expected, "{agent:?} {capabilities:?}");
        assert_eq!((verdict.health.fails, verdict.health.last_probe), (0, Probe::Passing), "never a failure");
    };
    check(None, None, None);
    check(Some("atlas"), Some(&["marketing", "translation"]), None);
    check(Some("bob"), None, Some("it calls itself \"bob\", is registered as \"atlas\""));
    check(None, Some(&["marketing"]), Some("it does not name translation, for which it is registered"));
    check(
        None,
        Some(&["marketing", "translation", "poetry", "prose"]),
        Some("it also names poetry, prose, for which it is not registered"),
    );
    check(
        None,
        Some(&["poetry"]),
        Some(
            "it does not name translation, marketing, for which it is registered; \
             it also names poetry, for which it is not registered",
        ),
    );
}

#[test]
fn who_is_out_is_probed_twice_as_often() {
    let check = |fails: u32, luck: u8, seconds: i64| {
        let health = Health { fails, ..Health::default() };
        assert_eq!(Rules::default().next_at(&health, at(0), &Always(luck)), at(seconds), "{fails} {luck}");
    };
    check(0, 0x00, 48);
    check(0, 0xFF, 72);
    check(2, 0x00, 48);
    check(3, 0x00, 24);
    check(3, 0xFF, 36);
}

#[test]
fn a_few_turns_left_out_are_no_watch() {
    let check = |every: i64, expected: i64| {
        let rules = Rules { every: TimeDelta::seconds(every), ..Rules::default() };
        assert_eq!(rules.unwatched_after(), TimeDelta::seconds(expected), "{every}");
    };
    check(60, 300);
    check(600, 1800);
}

#[test]
fn a_worker_is_well_while_it_asks_for_work() {
    let check =
        |seen_at: Option<i64>, now: i64, well: bool, word: &str| match of_worker(seen_at.map(at), at(now)) {
            Finding::Well(report) => assert!(well && report == Report::default()),
            Finding::Failing(problem) => assert!(!well && problem.contains(word), "{problem}"),
            Finding::NotProbed(problem) => panic!("{problem}"),
        };
    check(Some(0), 90, true, "");
    check(Some(0), 91, false, "since 1970-01-01T00:00:00Z");
    check(Some(10), 0, true, ""); // another replica's clock is ahead
    check(None, 0, false, "yet");
}

fn findings() -> impl Strategy<Value = Finding> {
    prop_oneof![Just(fails()), Just(passes()), Just(Finding::NotProbed("ours".to_owned()))]
}

proptest! {
    /// Whatever is found, and in which order.
    #[test]
    fn the_last_probes_alone_decide(findings in prop::collection::vec(findings(), 1..40), luck: u8) {
        let rules = Rules::default();
        let (mut health, mut in_a_row) = (Health::default(), 0);
        for (n, finding) in (0..).zip(findings) {
            match finding {
                Finding::Well(_) => in_a_row = 0,
                Finding::Failing(_) => in_a_row += 1,
                Finding::NotProbed(_) => {}
            }
            let (out_before, now) = (rules.is_out(&health), at(60 * n));
            let verdict = rules.judge(health, finding, &registered(), now, &Always(luck));
            health = verdict.health;
            prop_assert_eq!(health.fails, in_a_row);
            prop_assert_eq!(verdict.change.is_some(), out_before != rules.is_out(&health));
            prop_assert_eq!(health.failing_since.is_some(), in_a_row > 0);
            prop_assert_eq!(health.problem.is_some(), in_a_row > 0);
            let wait = (verdict.next_at - now).num_milliseconds();
            let every = if rules.is_out(&health) { 30_000 } else { 60_000 };
            prop_assert!((every * 8 / 10..=every * 12 / 10).contains(&wait), "{} ms", wait);
        }
    }
}
