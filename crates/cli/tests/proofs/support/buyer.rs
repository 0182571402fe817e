//! A buyer who posts task after task and sees each to its end: watches, picks (often several at once), approves, or
//! cancels. Every acknowledgement is written down the moment it is heard.

use super::dice::Dice;
use super::http::{Answer, Ask, Caller};
use super::market::CATEGORY;
use super::told::{Fact, History};
use super::watcher::{is_final, watch};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// A task that has not ended by then is stuck: far above its calls, its kills and its pauses.
const A_LIFE: Duration = Duration::from_secs(90);
/// Bids after which a buyer in a hurry picks.
const ENOUGH: usize = 2;
/// Selections at once.
const RIVALS: usize = 3;

pub(crate) struct Buyer {
    pub(crate) number: usize,
    pub(crate) caller: Caller,
    pub(crate) dice: Dice,
    pub(crate) history: Arc<History>,
}

/// What a buyer means to do with a task.
#[derive(Clone, Copy, PartialEq)]
enum Plan {
    Choose,
    Cancel,
    /// Two people of one buyer who do not agree.
    Both,
}

impl Buyer {
    pub(crate) async fn run(self, stop: Arc<AtomicBool>) {
        for number in 1.. {
            if stop.load(Relaxed) {
                return;
            }
            self.live(&format!("{}-{number}", self.number)).await;
        }
    }

    async fn live(&self, key: &str) {
        let Some(task) = self.post(key).await else { return };
        let (caller, history, watched) = (self.caller.clone(), Arc::clone(&self.history), task.clone());
        let watcher = tokio::spawn(async move { watch(caller, &history, &watched).await });
        let plan = match self.dice.below(6) {
            0 => Plan::Cancel,
            1 => Plan::Both,
            _ => Plan::Choose,
        };
        if plan == Plan::Cancel {
            tokio::time::sleep(self.dice.ms(0..400)).await;
            self.cancel(&task).await;
        }
        self.see_through(&task, plan).await;
        if tokio::time::timeout(A_LIFE, watcher).await.is_err() {
            self.history.fault(format!("task {task}: its events were not told to the end"));
        }
    }

    /// Posts a task; sometimes again, as someone who is not sure.
    async fn post(&self, key: &str) -> Option<String> {
        let body = brief(key);
        let mut task = None;
        for _ in 0..if self.dice.one_in(6) { 2 } else { 1 } {
            let answer = self.caller.insist(&Ask::post("/api/v1/tasks", &body, key)).await;
            let id = answer.body["id"].as_str().filter(|_| answer.status == 201).map(str::to_owned);
            match id {
                Some(id) => {
                    self.history.tell(&id, Fact::Posted { key: key.to_owned() });
                    task = Some(id);
                }
                None => {
                    self.history.fault(format!("a task was not taken: {} {}", answer.status, answer.body))
                }
            }
        }
        task
    }

    /// Posts a task, if it is taken at the first try; `None`: it was put off.
    pub(crate) async fn try_post(&self, key: &str) -> Option<String> {
        let answer = self.caller.once(&Ask::post("/api/v1/tasks", &brief(key), key)).await.unwrap();
        if answer.status != 201 {
            let in_order = answer.status == 503 && answer.retry_after.is_some();
            assert!(in_order, "{} {} without Retry-After", answer.status, answer.body);
            return None;
        }
        let id = text(&answer.body["id"]);
        self.history.tell(&id, Fact::Posted { key: key.to_owned() });
        Some(id)
    }

    async fn see_through(&self, task: &str, plan: Plan) {
        let (since, mut chosen) = (Instant::now(), false);
        let hurry = self.dice.one_in(2);
        loop {
            let Some(gallery) = self.look(task).await else {
                return self.history.fault(format!("task {task} is not shown any more"));
            };
            let status = &gallery["task"]["status"];
            if is_final(status) {
                return;
            }
            let enough = *status == "review" || (hurry && scored(&gallery).len() >= ENOUGH);
            if !chosen && plan != Plan::Cancel && enough {
                chosen = self.choose(task, &gallery, plan).await;
            }
            if *status == "delivering" {
                self.take(task).await;
            }
            if since.elapsed() > A_LIFE {
                return self.history.fault(format!("task {task} does not end: {status}"));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The gallery; what it shows is written down.
    async fn look(&self, task: &str) -> Option<Value> {
        let answer = self.caller.insist(&Ask::get(&format!("/api/v1/tasks/{task}/bids"))).await;
        let gallery = (answer.status == 200).then_some(answer.body)?;
        for bid in gallery["bids"].as_array().into_iter().flatten() {
            self.history.tell(task, Fact::Bid { id: text(&bid["id"]), agent: text(&bid["agent_slug"]) });
        }
        for asked in gallery["invitations"].as_array().into_iter().flatten() {
            let (agent, at) = (text(&asked["agent"]), text(&asked["deadline_at"]));
            self.history.tell(task, Fact::Deadline { agent, at });
        }
        Some(gallery)
    }

    /// Several selections at once, of different bids; whether the matter is settled.
    async fn choose(&self, task: &str, gallery: &Value, plan: Plan) -> bool {
        let bids = scored(gallery);
        if bids.is_empty() {
            return false;
        }
        let first = self.dice.index(bids.len());
        let rivals = (0..RIVALS).map(|n| self.select(task, &bids[(first + n % 2) % bids.len()], n));
        let rivals: Vec<_> = rivals.collect();
        let [a, b, c]: [_; RIVALS] = rivals.try_into().unwrap_or_else(|_| unreachable!("so many were made"));
        let cancel = async {
            match plan {
                Plan::Both => self.cancel(task).await,
                Plan::Choose | Plan::Cancel => false,
            }
        };
        let (a, b, c, cancelled) = tokio::join!(a, b, c, cancel);
        a || b || c || cancelled
    }

    async fn select(&self, task: &str, bid: &str, rival: usize) -> bool {
        let path = format!("/api/v1/tasks/{task}/bids/{bid}/select");
        let answer = self.caller.insist(&Ask::post(&path, &json!({}), &format!("{bid}-{rival}"))).await;
        self.heard(task, "select", &answer, Fact::Selected { bid: bid.to_owned() })
    }

    pub(crate) async fn cancel(&self, task: &str) -> bool {
        let path = format!("/api/v1/tasks/{task}/cancel");
        let answer = self.caller.insist(&Ask::post(&path, &json!({}), &format!("{task}-cancel"))).await;
        self.heard(task, "cancel", &answer, Fact::Cancelled)
    }

    /// Approves what is ready, twice at once.
    async fn take(&self, task: &str) {
        let delivery = self.caller.insist(&Ask::get(&format!("/api/v1/tasks/{task}/delivery"))).await.body;
        if delivery["delivery"]["status"] != "ready" {
            return;
        }
        self.history.tell(task, Fact::Delivered);
        tokio::join!(self.approve(task, 1), self.approve(task, 2));
    }

    async fn approve(&self, task: &str, rival: usize) -> bool {
        let path = format!("/api/v1/tasks/{task}/delivery/approve");
        let answer =
            self.caller.insist(&Ask::post(&path, &json!({}), &format!("{task}-approve-{rival}"))).await;
        self.heard(task, "approve", &answer, Fact::Approved)
    }

    /// 200 is a promise; 409 says that somebody else was faster.
    fn heard(&self, task: &str, what: &str, answer: &Answer, fact: Fact) -> bool {
        match answer.status {
            200 => self.history.tell(task, fact),
            409 => {}
            status => self.history.fault(format!("task {task}, {what}: {status} {}", answer.body)),
        }
        answer.status == 200
    }
}

/// A task to post; `name` tells it from others.
pub(crate) fn brief(name: &str) -> Value {
    json!({
        "category": CATEGORY, "task_type": "blog-post", "budget_usd": 25, "agents": 8,
        "title": format!("A guide to green tea, {name}"),
        "description": "Write for beginners about green tea and how to brew it well at home.",
    })
}

/// The ids of the bids that were judged.
fn scored(gallery: &Value) -> Vec<String> {
    let bids = gallery["bids"].as_array().map(Vec::as_slice).unwrap_or_default();
    bids.iter().filter(|bid| bid["eval_score"].is_number()).map(|bid| text(&bid["id"])).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
