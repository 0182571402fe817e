#![allow(clippy::unwrap_used, reason = "a test may stop here")]

use super::*;
use crate::BenchmarkRunId;
use crate::clock::{Clock, SystemClock};
use proptest::prelude::*;

const LEVELS: [&str; 3] = ["easy", "typical", "hard"];

fn plan(categories: &[&str]) -> Vec<Planned> {
    let of = |category: &&str| {
        let category = (*category).to_owned();
        LEVELS.map(|level| Planned { category: category.clone(), template: format!("{category}/{level}") })
    };
    categories.iter().flat_map(of).collect()
}

fn scored(score: u32) -> Came {
    Came::Judged { score: Ppm::new(score), grave: false }
}

fn grave(score: u32) -> Came {
    Came::Judged { score: Ppm::new(score), grave: true }
}

/// Plays a run in which the tasks come to this, in the order in which they are sent; gives why each was sent.
fn play(plan: &[Planned], came: &[Came], rules: &Rules) -> (Vec<(String, Purpose)>, Option<End>) {
    let (mut sent, mut why) = (Vec::new(), Vec::new());
    loop {
        match next(plan, &sent, rules) {
            Next::Over(end) => return (why, Some(end)),
            Next::Send { template, purpose, .. } => {
                why.push((template.clone(), purpose));
                let Some(came) = came.get(sent.len()) else { return (why, None) };
                sent.push(Sent { template, came: *came });
            }
        }
    }
}

fn missing_of(came: &[Came]) -> Vec<Missing> {
    match play(&plan(&["a"]), came, &Rules::default()) {
        (_, Some(End::Judged(verdicts))) => verdicts[0].missing.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_category_is_passed_by_its_mean_each_task_and_no_grave_fault() {
    let check = |came: &[Came], missing: &[Missing]| assert_eq!(missing_of(came), missing, "{came:?}");
    let low = |level: &str| Missing::Score(format!("a/{level}"));
    check(&[scored(900_000), scored(800_000), scored(700_000)], &[]);
    check(&[scored(900_000), scored(900_000), scored(400_000)], &[low("hard")]);
    check(&[scored(560_000), scored(560_000), scored(560_000)], &[Missing::Mean]);
    check(&[scored(900_000), grave(900_000), scored(900_000)], &[Missing::Grave("a/typical".to_owned())]);
    check(&[scored(900_000), Came::Nothing, scored(900_000)], &[low("typical")]);
    check(
        &[Came::Nothing, Came::Nothing, Came::Nothing],
        &[Missing::Mean, low("easy"), low("typical"), low("hard")],
    );
}

#[test]
fn what_hangs_on_a_hair_is_looked_at_a_second_time_and_averaged() {
    let looks = |came: &[Came]| {
        let (why, end) = play(&plan(&["a"]), came, &Rules::default());
        let Some(End::Judged(verdicts)) = end else { panic!("{why:?} is not all") };
        let second = why.into_iter().find(|(_, purpose)| *purpose == Purpose::SecondLook);
        (second.map(|(template, _)| template), verdicts[0].passed())
    };
    let hair = |level: &str| Some(format!("a/{level}"));
    // The mean is 0.59 and needs 0.60: the task nearest to that line decides.
    let below = [scored(800_000), scored(500_000), scored(470_000)];
    assert_eq!(looks(&[&below[..], &[scored(700_000)]].concat()), (hair("hard"), true));
    assert_eq!(looks(&[&below[..], &[scored(400_000)]].concat()), (hair("hard"), false));
    let near_the_mean = [scored(780_000), scored(520_000), scored(490_000)];
    assert_eq!(looks(&[&near_the_mean[..], &[scored(560_000)]].concat()), (hair("typical"), true));
    // One task is 0.44 and needs 0.45, or is 0.48 and might have been less.
    let one_low = [scored(900_000), scored(900_000), scored(440_000)];
    assert_eq!(looks(&[&one_low[..], &[scored(460_000)]].concat()), (hair("hard"), true));
    let one_just = [scored(900_000), scored(900_000), scored(480_000)];
    assert_eq!(looks(&[&one_just[..], &[Came::Nothing]].concat()), (hair("hard"), false));
    assert_eq!(looks(&[&one_just[..], &[grave(900_000)]].concat()), (hair("hard"), false));
    // Clear, or lost whatever a second look brings.
    assert_eq!(looks(&[scored(900_000), scored(900_000), scored(480_001)]), (None, true));
    assert_eq!(looks(&[scored(900_000), scored(480_000), scored(100_000)]), (None, false));
    assert_eq!(looks(&[grave(600_000), scored(600_000), scored(600_000)]), (None, false));
    let never = Rules { second_look: Ppm::ZERO, ..Rules::default() };
    assert_eq!(play(&plan(&["a"]), &below, &never).0.len(), 3);
}

#[test]
fn categories_come_one_after_the_other_and_all_must_be_passed() {
    let good = [scored(900_000), scored(900_000), scored(900_000)];
    let bad = [scored(300_000), scored(900_000), scored(900_000)];
    let (why, end) = play(&plan(&["b", "a"]), &[bad, good].concat(), &Rules::default());
    let order: Vec<&str> = why.iter().map(|(template, _)| template.as_str()).collect();
    assert_eq!(order, ["b/easy", "b/typical", "b/hard", "a/easy", "a/typical", "a/hard"]);
    let Some(End::Judged(verdicts)) = end else { panic!("it is over") };
    assert_eq!(verdicts.iter().map(CategoryVerdict::passed).collect::<Vec<_>>(), [false, true]);
    assert_eq!(verdicts[0].mean, Ppm::new(700_000));
}

#[test]
fn who_answers_nothing_in_a_category_is_sent_no_more() {
    let (why, end) = play(&plan(&["a", "b"]), &[Came::Nothing; 9], &Rules::default());
    assert_eq!(why.len(), 3);
    let Some(End::Judged(verdicts)) = end else { panic!("it is over") };
    assert_eq!(verdicts[1].missing, [Missing::NotSent]);
}

#[test]
fn a_fault_of_ours_is_sent_again_a_few_times() {
    let good = scored(900_000);
    let (why, end) = play(&plan(&["a"]), &[good, Came::Ours, good, Came::Ours, good], &Rules::default());
    let again: Vec<bool> = why.iter().map(|(_, purpose)| *purpose == Purpose::Again).collect();
    assert_eq!(again, [false, false, true, false, true]);
    assert!(matches!(end, Some(End::Judged(verdicts)) if verdicts[0].passed()));
    let (_, end) = play(&plan(&["a"]), &[Came::Ours, Came::Ours, Came::Ours], &Rules::default());
    assert_eq!(end, Some(End::Aborted));
}

fn any_came() -> impl Strategy<Value = Came> {
    prop_oneof![
        6 => (0..=1_000_000_u32, prop::bool::weighted(0.1)).prop_map(|(score, grave)| Came::Judged { score: Ppm::new(score), grave }),
        3 => (410_000..=650_000_u32).prop_map(scored),
        1 => Just(Came::Nothing),
        1 => Just(Came::Ours),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes, a run ends: each template is sent at most twice, and once more for every fault of ours.
    #[test]
    fn every_run_ends(came in prop::collection::vec(any_came(), 20), categories in 1..=3_usize) {
        let plan = plan(&["a", "b", "c"][..categories]);
        let (why, end) = play(&plan, &came, &Rules::default());
        prop_assert!(end.is_some());
        prop_assert!(why.len() < plan.len() + categories + FAULTS_MAX + 1);
        for category in ["a", "b", "c"] {
            let second = why.iter().filter(|(t, p)| t.starts_with(category) && *p == Purpose::SecondLook).count();
            prop_assert!(second <= FAULTS_MAX, "{why:?}");
        }
    }

    /// Better work never turns a pass into a failure, as long as it is looked at once.
    #[test]
    fn more_is_never_less(scores in prop::collection::vec(0..=1_000_000_u32, 3), which in 0..3_usize, more in 0..=500_000_u32) {
        let rules = Rules { second_look: Ppm::ZERO, ..Rules::default() };
        let passed = |scores: &[u32]| {
            let came: Vec<Came> = scores.iter().map(|score| scored(*score)).collect();
            matches!(play(&plan(&["a"]), &came, &rules).1, Some(End::Judged(v)) if v[0].passed())
        };
        let mut better = scores.clone();
        better[which] = (better[which] + more).min(1_000_000);
        prop_assert!(!passed(&scores) || passed(&better));
    }

    /// A second look comes to the verdict that the averaged score would have had at once, unless that lies near again.
    #[test]
    fn a_second_look_is_an_average(scores in prop::collection::vec(410_000..=650_000_u32, 3), again in 0..=1_000_000_u32) {
        let came: Vec<Came> = scores.iter().chain([&again]).map(|score| scored(*score)).collect();
        let (why, end) = play(&plan(&["a"]), &came, &Rules::default());
        let Some(End::Judged(verdicts)) = end else { panic!("it is over") };
        if let Some((template, _)) = why.get(3) {
            let at = verdicts[0].tasks.iter().position(|task| task.template == *template).unwrap();
            prop_assert_eq!(verdicts[0].tasks[at].score.get(), (scores[at] + again).div_ceil(2));
        }
    }
}

fn standing(declared: &[(&str, bool)]) -> Standing {
    let declared = declared.iter().map(|(slug, ready)| ((*slug).to_owned(), *ready)).collect();
    Standing { declared, ..Standing::default() }
}

fn slugs(all: &[&str]) -> Vec<String> {
    all.iter().map(|slug| (*slug).to_owned()).collect()
}

#[test]
fn a_run_has_what_is_left_to_be_shown_in_the_order_of_the_suites() {
    let (now, rules, suites) = (SystemClock.now(), Rules::default(), slugs(&["a", "b", "c"]));
    let check = |active: bool,
                 declared: &[(&str, bool)],
                 asked: Option<&[&str]>,
                 expected: Result<&[&str], Refusal>| {
        let standing = Standing { active, ..standing(declared) };
        let asked = asked.map(slugs);
        let got = may_start(&standing, asked.as_deref(), &suites, &rules, now);
        assert_eq!(got, expected.map(slugs), "{active} {declared:?} {asked:?}");
    };
    let all = [("c", false), ("a", false)];
    check(false, &all, None, Ok(&["a", "c"]));
    check(false, &all, Some(&["c"]), Ok(&["c"]));
    check(false, &all, Some(&[]), Ok(&["a", "c"]));
    check(false, &[("a", true)], None, Ok(&["a"]));
    check(true, &[("a", true), ("b", false)], None, Ok(&["b"]));
    check(true, &[("a", true)], None, Err(Refusal::AlreadyActive));
    check(true, &[("a", true), ("b", false)], Some(&["a"]), Err(Refusal::AlreadyActive));
    check(true, &[("a", true)], Some(&["z"]), Err(Refusal::NotDeclared("z".to_owned())));
    check(
        false,
        &[("a", false), ("y", false), ("x", false)],
        None,
        Err(Refusal::NoSuite(slugs(&["y", "x"]))),
    );
    check(false, &[("a", false), ("y", false)], Some(&["a"]), Ok(&["a"]));
}

#[test]
fn a_run_waits_for_the_one_before_and_for_its_turn() {
    let (now, rules, suites) = (SystemClock.now(), Rules::default(), slugs(&["a"]));
    let start = |standing: &Standing, now| may_start(standing, None, &suites, &rules, now);
    let fresh = standing(&[("a", false)]);
    let run = BenchmarkRunId::from_uuid(Uuid::from_u128(1));
    assert_eq!(start(&Standing { hidden: true, ..fresh.clone() }, now), Err(Refusal::Hidden));
    assert_eq!(start(&Standing { running: Some(run), ..fresh.clone() }, now), Err(Refusal::UnderWay(run)));

    let failed = Standing { failed_at: Some(now), ..fresh.clone() };
    let over = now + rules.cooldown;
    assert_eq!(start(&failed, now), Err(Refusal::CoolingDown(over)));
    assert!(start(&failed, over).is_ok());

    let minute = |n: i64| now + TimeDelta::minutes(n);
    let busy = Standing { lately: (0..6).map(minute).collect(), ..fresh };
    assert_eq!(
        start(&busy, minute(6)),
        Err(Refusal::TooMany(minute(61))),
        "two of the six must be an hour old"
    );
    assert_eq!(start(&busy, minute(60)), Err(Refusal::TooMany(minute(61))));
    assert!(start(&busy, minute(61)).is_ok());
}

#[test]
fn what_a_task_is_about_is_read_back_and_no_buyer_can_say_it() {
    let now = SystemClock.now();
    let agent = AgentId::from_uuid(Uuid::from_u128(7));
    let about = Assignment { agent, template: "a/easy".to_owned(), seed: u64::MAX };
    let task = about.task(
        TaskId::from_uuid(Uuid::from_u128(9)),
        (Brief::default(), Money::from_minor(500)),
        true,
        now,
    );
    assert_eq!(Assignment::of(&task), Some(about));
    assert!(task.is_benchmark() && task.test);
    let buyers = Task { account: AccountId::from_uuid(Uuid::from_u128(8)), ..task };
    assert_eq!(Assignment::of(&buyers), None);
}

#[test]
fn the_term_of_a_category_is_its_own_mean_or_that_of_the_others() {
    let scores = |of: &[(&str, &[u32])]| {
        let ppms = |all: &[u32]| all.iter().map(|score| Ppm::new(*score)).collect();
        of.iter().map(|(category, all)| ((*category).to_owned(), ppms(all))).collect()
    };
    let check = |of: &[(&str, &[u32])], expected| assert_eq!(term("a", &scores(of)), expected, "{of:?}");
    check(&[], None);
    check(&[("a", &[600_000, 700_001])], Some(650_001));
    check(&[("a", &[600_000]), ("b", &[900_000])], Some(600_000));
    check(&[("b", &[800_000, 900_000]), ("c", &[700_000])], Some(775_000));
}
