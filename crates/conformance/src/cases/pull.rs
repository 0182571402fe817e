//! Workers that fetch.

use crate::case::{Case, Needs, PULL, Play, Scene, Severity, Verdict};
use crate::desk::{Offer, What};
use crate::judge::counted;
use crate::stage::{Asked, Stage};
use std::time::Duration;
use tokio::time::Instant;

/// A lease so short that long work needs a heartbeat.
const SHORT_LEASE: Duration = Duration::from_secs(2);

const fn case(name: &'static str, about: &'static str, fix: &'static str, scene: Scene) -> Case {
    Case {
        name,
        group: "pull",
        about,
        fix,
        severity: Severity::Must,
        via: PULL,
        needs: Needs::Nothing,
        play: Play::Scene(scene),
    }
}

/// The name of the case without which no other of its transport can be played.
pub const FETCHES: &str = "pull-fetches";

pub(super) const CASES: &[Case] = &[
    Case {
        play: Play::First(|stage| Box::pin(fetches(stage))),
        ..case(
            FETCHES,
            "the worker comes for work, showing its key",
            "GET /api/v1/pull/invitations?wait=30 with Authorization: Bearer and the key, in a loop",
            |stage| Box::pin(fetches(stage)),
        )
    },
    Case {
        severity: Severity::Should,
        play: Play::First(|stage| Box::pin(waits(stage))),
        ..case(
            "pull-waits",
            "it lets the platform hold the question until there is work",
            "ask with ?wait=30 instead of asking again and again",
            |stage| Box::pin(waits(stage)),
        )
    },
    case(
        "pull-keeps-lease",
        "work that takes longer than its lease is kept by heartbeats",
        "while you work, POST .../heartbeat with {\"lease\": n} well before lease_expires_at, and take the new time from \
         the answer",
        |stage| Box::pin(keeps_lease(stage)),
    ),
    case(
        "pull-lost-lease",
        "after a result that was answered 409 (lease lost) it fetches again and answers under the new lease",
        "drop what was answered 409, fetch, and name the lease of the newest fetch with your result",
        |stage| Box::pin(lost_lease(stage)),
    ),
    case(
        "pull-over",
        "a result that was answered 410 (over) is not posted again, and the next work is done",
        "stop at 410 and fetch",
        |stage| Box::pin(after(stage, 410)),
    ),
    case(
        "pull-invalid",
        "a result that was answered 422 does not end the worker",
        "read the message, log it and fetch; do not post the same result for ever",
        |stage| Box::pin(after(stage, 422)),
    ),
    case(
        "pull-unavailable",
        "a fetch that was answered 503 is made again",
        "wait a second, twice as long each time up to a minute, and fetch again; never end for a 5xx",
        |stage| Box::pin(unavailable(stage)),
    ),
];

async fn fetches(stage: &Stage) -> Verdict {
    let until = Instant::now() + stage.wait;
    let come =
        stage.desk.wait(until, |book| book.fetches.iter().find(|(_, status)| *status == 200).copied()).await;
    if come.is_some() {
        return Verdict::Passed;
    }
    let (fetches, strays) = stage.desk.look(|book| (book.fetches.len(), book.strays.first().cloned()));
    Verdict::Failed(match (fetches, strays) {
        (0, None) => format!("nobody came within {} s", stage.wait.as_secs()),
        (0, Some(path)) => format!("it asked for {path}, which the platform does not have"),
        (n, _) => format!("it came {}, but never with the right key", counted(n, "time")),
    })
}

async fn waits(stage: &Stage) -> Verdict {
    let longest = stage.desk.look(|book| book.fetches.iter().filter_map(|(wait, _)| *wait).max());
    match longest {
        Some(1..) => Verdict::Passed,
        _ => Verdict::Failed("it asks without wait".to_owned()),
    }
}

async fn keeps_lease(stage: &Stage) -> Verdict {
    let asked = stage.offer_and_wait(&stage.order(), |offer| offer.held_for(SHORT_LEASE)).await;
    let fetched = offered(stage, &asked, |offer| offer.all(What::Fetch).count());
    let beats = offered(stage, &asked, |offer| offer.all(What::Heartbeat).count());
    match (fetched, stage.judged(&asked).await) {
        (Some(2..), _) => Verdict::Failed(format!(
            "the lease of {} s ended while it worked ({})",
            SHORT_LEASE.as_secs(),
            counted(beats.unwrap_or(0), "heartbeat")
        )),
        (_, judged) => judged,
    }
}

async fn lost_lease(stage: &Stage) -> Verdict {
    let asked = stage.offer_and_wait(&stage.order(), |offer| offer.refusing(&[409])).await;
    match offered(stage, &asked, |offer| offer.all(What::Fetch).count()) {
        Some(0 | 1) => Verdict::Failed("it did not fetch it again".to_owned()),
        _ => stage.judged(&asked).await,
    }
}

/// One result is answered with this status, whatever it is; then there is other work.
async fn after(stage: &Stage, status: u16) -> Verdict {
    let order = stage.order();
    let id = order.webhook_id();
    let refuse = if status == 410 {
        |offer: Offer| offer.refusing(&[410])
    } else {
        |offer: Offer| offer.refusing(&[422])
    };
    stage.put_offer(&order, refuse);
    let until = Instant::now() + order.time;
    let posted = stage.desk.wait(until, |book| book.offered(&id)?.all(What::Result).next().cloned()).await;
    stage.desk.change(|book| book.withdraw(&id));
    if posted.is_none() {
        return Verdict::Failed("no result came".to_owned());
    }
    let next = stage.ask(&stage.order()).await;
    let posts = stage.desk.look(|book| book.offered(&id).map_or(0, |offer| offer.all(What::Result).count()));
    match (stage.judged(&next).await, posts) {
        (Verdict::Failed(why), _) => Verdict::Failed(format!("the next work was not done: {why}")),
        (_, 2..) if status == 410 => Verdict::Failed(format!("it was posted {posts} times")),
        (judged, _) => judged,
    }
}

async fn unavailable(stage: &Stage) -> Verdict {
    stage.desk.change(|book| book.refuse_fetches.push_back(503));
    let until = Instant::now() + stage.wait;
    let met = stage.desk.wait(until, |book| book.refuse_fetches.is_empty().then_some(())).await;
    if met.is_none() {
        return Verdict::Failed(format!("it did not fetch within {} s", stage.wait.as_secs()));
    }
    stage.judged(&stage.ask(&stage.order()).await).await
}

fn offered<T>(stage: &Stage, asked: &Asked, look: impl FnOnce(&Offer) -> T) -> Option<T> {
    stage.desk.look(|book| book.offered(&asked.ticket).map(look))
}
