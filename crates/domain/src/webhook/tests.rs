use super::*;
use crate::event::Actor;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

fn at(seconds: i64) -> Timestamp {
    DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
}

/// Chance that always says the same: 0x80 is the middle.
struct Always(u8);

impl Chance for Always {
    fn fill(&self, out: &mut [u8]) {
        out.fill(0);
        out[0] = self.0;
    }
}

/// A sequence of its own for each seed.
struct Seeded(AtomicU64);

impl Seeded {
    fn new(seed: u64) -> Self {
        Seeded(AtomicU64::new(seed))
    }
}

impl Chance for Seeded {
    fn fill(&self, out: &mut [u8]) {
        for byte in out {
            let next = |n: u64| {
                Some(n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
            };
            let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or_default();
            *byte = (before >> 56) as u8;
        }
    }
}

fn answer(status: u16) -> Came {
    Came::Answer { status, retry_after: None }
}

fn retry_after(status: u16, text: &str) -> Came {
    Came::Answer { status, retry_after: Some(text.to_owned()) }
}

fn judged(before: &Endpoint, tries: u32, came: &Came) -> Verdict {
    Rules::default().judge(before, tries, came, at(0), &Always(0x80))
}

/// Seconds until the next try, to the second.
fn wait(verdict: &Verdict) -> Option<i64> {
    match verdict.next {
        Next::Again { at: next } => Some((next - at(0)).num_seconds()),
        Next::Delivered | Next::Exhausted => None,
    }
}

#[test]
fn the_events_a_buyer_is_told_of() {
    let event = |kind, to, data: Value| Event {
        task: TaskId::from_uuid(Uuid::from_u128(1)),
        seq: 7,
        kind,
        from: None,
        to,
        actor: Actor::Gavel,
        reason: None,
        data,
        at: at(0),
    };
    let check = |kind, to, status: &str, expected: Option<&str>| {
        let topic = Topic::of(&event(kind, to, json!({ "status": status })));
        assert_eq!(topic.map(Topic::name), expected, "{kind:?} {to:?} {status}");
    };
    check(EventKind::Scored, None, "", Some("task.bid_ready"));
    check(EventKind::Delivery, None, "ready", Some("task.delivery_ready"));
    check(EventKind::Delivery, None, "approved", Some("task.delivery_approved"));
    check(EventKind::Delivery, None, "disputed", Some("task.delivery_disputed"));
    check(EventKind::Delivery, None, "revision_requested", None);
    check(EventKind::Delivery, None, "failed", None); // the task's expiry follows
    check(EventKind::Invited, None, "", None);
    check(EventKind::Outcome, None, "", None);
    for state in TaskState::ALL {
        let expected = match state {
            TaskState::Cancelled => Some("task.cancelled"),
            TaskState::Expired => Some("task.expired"),
            _ => None,
        };
        check(EventKind::State, Some(state), "", expected);
    }
    assert_eq!(Topic::of(&event(EventKind::Delivery, None, Value::Null)), None);
    for topic in Topic::ALL {
        assert_eq!(topic.name().parse(), Ok(topic));
    }
    let id = event_id(TaskId::from_uuid(Uuid::from_u128(1)), 7);
    assert_eq!(id, "evt_00000000000000000000000000000001_7");
}

#[test]
fn the_schedule_and_its_end() {
    let dead = Endpoint::default();
    let waits: Vec<_> = (1..=11).map(|tries| wait(&judged(&dead, tries, &Came::Nothing))).collect();
    let expected = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400].map(Some);
    assert_eq!(waits[..9], expected);
    assert_eq!(waits[9..], [None, None]);
    assert_eq!(judged(&dead, 10, &Came::Nothing).next, Next::Exhausted);
    assert_eq!(SCHEDULE.iter().sum::<i64>(), (75 * 60 + 35) * 60 + 5);
}

#[test]
fn only_2xx_is_taken() {
    let check = |status: u16, taken: bool| {
        let verdict = judged(&Endpoint::default(), 1, &answer(status));
        assert_eq!(verdict.next == Next::Delivered, taken, "{status}");
        assert_eq!(verdict.endpoint.fails, u32::from(!taken), "{status}");
    };
    for status in [200, 201, 202, 204, 299] {
        check(status, true);
    }
    for status in [100, 199, 300, 301, 302, 304, 307, 308, 400, 401, 404, 429, 500, 503, 599] {
        check(status, false);
    }
}

#[test]
fn a_success_forgets_what_was() {
    let before = Endpoint {
        fails: 4,
        failing_since: Some(at(-900)),
        failed_at: Some(at(-9)),
        quiet_until: Some(at(9)),
        delivered_at: None,
    };
    let verdict = judged(&before, 3, &answer(204));
    assert_eq!(verdict.endpoint, Endpoint { delivered_at: Some(at(0)), ..Endpoint::default() });
    let standings = [Endpoint::default(), before, verdict.endpoint].map(|endpoint| endpoint.standing());
    assert_eq!(standings, [Standing::New, Standing::Failing, Standing::Proven]);
}

#[test]
fn gone_is_the_end() {
    let verdict = judged(&Endpoint::default(), 1, &answer(410));
    assert_eq!(verdict.next, Next::Exhausted);
    assert_eq!(verdict.disabled.as_deref(), Some("the endpoint answered 410 Gone"));
}

#[test]
fn an_overwhelmed_endpoint_is_left_alone_as_long_as_it_asks_for_within_bounds() {
    let check = |came: Came, tries: u32, quiet: Option<i64>, next: i64| {
        let verdict = judged(&Endpoint::default(), tries, &came);
        assert_eq!(verdict.endpoint.quiet_until, quiet.map(at), "{came:?}");
        assert_eq!(wait(&verdict), Some(next), "{came:?}");
    };
    check(answer(500), 1, None, 5);
    check(retry_after(500, "900"), 1, None, 5); // not one of those that throttle
    check(answer(429), 2, Some(60), 300);
    check(answer(504), 3, Some(60), 1_800);
    check(retry_after(429, "120"), 1, Some(120), 120);
    check(retry_after(502, "120"), 3, Some(120), 1_800);
    check(retry_after(503, " 30 "), 1, Some(30), 30);
    check(retry_after(429, "0"), 1, Some(1), 5);
    check(retry_after(429, "99999"), 1, Some(3_600), 3_600);
    check(retry_after(429, "99999999999999999999"), 2, Some(60), 300);
    check(retry_after(429, "soon"), 2, Some(60), 300);
    let date = (at(90)).to_rfc2822().replace("+0000", "GMT");
    check(retry_after(429, &date), 1, Some(90), 90);
    check(retry_after(429, &at(-90).to_rfc2822()), 1, Some(1), 5);
    let first = judged(&Endpoint::default(), 1, &answer(502));
    assert_eq!((first.endpoint.quiet_until.map(|quiet| quiet <= at(6)), wait(&first)), (Some(true), Some(5)));
}

#[test]
fn five_days_of_nothing_but_failures_disable() {
    let rules = Rules::default();
    let mut endpoint = Endpoint::default();
    let mut disabled_after = None;
    for hour in 0..200 {
        let verdict = rules.judge(&endpoint, 1, &answer(500), at(hour * 3600), &Always(0));
        endpoint = verdict.endpoint;
        if let Some(why) = verdict.disabled {
            assert_eq!(
                why,
                format!("the endpoint has taken nothing since {}", at(0).format("%Y-%m-%dT%H:%M:%SZ"))
            );
            disabled_after = Some(hour);
            break;
        }
    }
    assert_eq!(disabled_after, Some(120));
}

#[test]
fn a_failure_long_ago_and_one_now_are_not_days_of_failing() {
    let once = judged(&Endpoint::default(), 10, &Came::Nothing).endpoint;
    let later = at(0) + TimeDelta::days(30);
    let verdict = Rules::default().judge(&once, 1, &Came::Nothing, later, &Always(0));
    assert_eq!((verdict.disabled, verdict.endpoint.failing_since), (None, Some(later)));
    assert_eq!(verdict.endpoint.fails, 2);
}

#[test]
fn a_fault_of_ours_is_not_the_endpoints() {
    let before = Endpoint { delivered_at: Some(at(-5)), ..Endpoint::default() };
    let verdict = judged(&before, 1, &Came::NotSent);
    assert_eq!((verdict.endpoint, verdict.disabled), (before.clone(), None));
    assert!(matches!(verdict.next, Next::Again { .. }));
    assert_eq!(judged(&before, 10, &Came::NotSent).next, Next::Exhausted);
}

#[test]
fn secrets_overlap_and_the_clock_alone_decides() {
    let first = SecretVersion::FIRST;
    assert_eq!((first.live(at(0)), first.overlaps_until(at(0))), (vec![1], None));
    let second = first.rotated(at(100), at(0)).unwrap();
    assert_eq!((second.live(at(99)), second.live(at(100))), (vec![1, 2], vec![2]));
    assert_eq!(second.rotated(at(199), at(99)), Err(at(100)));
    assert_eq!(second.rotated(at(200), at(100)).unwrap().live(at(150)), [2, 3]);
}

proptest! {
    #[test]
    fn waits_stay_within_a_fifth(tries in 1u32..10, seed: u64) {
        let chance = Seeded::new(seed);
        let wait = wait_after(tries, &chance).unwrap().num_milliseconds();
        let seconds = SCHEDULE[tries as usize];
        prop_assert!((seconds * 800..=seconds * 1200).contains(&wait), "{wait}");
    }

    #[test]
    fn whatever_an_endpoint_says_a_try_leads_somewhere(
        tries in 0u32..20, status in 0u16..1000, text in "(?s).{0,40}", fails in 0u32..9
    ) {
        let before = Endpoint { fails, ..Endpoint::default() };
        let verdict = judged(&before, tries, &retry_after(status, &text));
        if let Next::Again { at: next } = verdict.next {
            prop_assert!(next >= at(0) && next <= at(0) + TimeDelta::hours(29));
        }
        let quiet = verdict.endpoint.quiet_until.unwrap_or(at(0));
        prop_assert!((at(0)..=at(3_600)).contains(&quiet));
    }
}

#[test]
fn jitter_spreads_what_failed_together() {
    let chance = Seeded::new(1);
    let waits: std::collections::BTreeSet<_> = (0..1000).map(|_| wait_after(2, &chance).unwrap()).collect();
    let (first, last) = (waits.first().unwrap().num_seconds(), waits.last().unwrap().num_seconds());
    assert!(waits.len() > 900 && first < 250 && last > 350, "{} from {first} to {last}", waits.len());
}
