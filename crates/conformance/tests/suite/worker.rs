//! A worker that keeps the contract, and how to spoil it.

use crate::{WORKERS_KEY, agent, wire};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How it works.
#[derive(Clone, Copy)]
pub(crate) struct Habits {
    pub(crate) key: &'static str,
    pub(crate) wait: &'static str,
    pub(crate) takes: Duration,
    pub(crate) beats: bool,
    pub(crate) declines: bool,
    /// Posts a result again after this status, so often.
    pub(crate) posts_again: (u16, usize),
    /// Ends after this status, of a fetch or a result.
    pub(crate) ends_at: u16,
    /// Fetches what it has done before again.
    pub(crate) takes_again: bool,
}

pub(crate) const GOOD: Habits = Habits {
    key: WORKERS_KEY,
    wait: "?wait=30",
    takes: Duration::ZERO,
    beats: true,
    declines: true,
    posts_again: (0, 0),
    ends_at: 0,
    takes_again: true,
};

/// A running worker.
pub(crate) struct Worker(JoinHandle<()>);

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Clone)]
struct Me {
    base: String,
    habits: Habits,
}

impl Worker {
    pub(crate) fn start(base_url: &str, habits: Habits) -> Worker {
        let base = format!("{base_url}/api/v1/pull/invitations");
        Worker(tokio::spawn(Me { base, habits }.fetch()))
    }
}

impl Me {
    async fn fetch(self) {
        let mut done: Vec<Value> = Vec::new();
        let mut at_work = tokio::task::JoinSet::new();
        loop {
            let (status, body) = self.call("GET", self.habits.wait, "").await;
            if status == self.habits.ends_at {
                return;
            }
            let body: Value = serde_json::from_str(&body).unwrap_or_default();
            for invitation in body["invitations"].as_array().into_iter().flatten() {
                if !self.habits.takes_again && done.contains(&invitation["id"]) {
                    continue;
                }
                done.push(invitation["id"].clone());
                if self.habits.ends_at == 0 {
                    at_work.spawn(self.clone().attend(invitation.clone()));
                } else if self.clone().attend(invitation.clone()).await == self.habits.ends_at {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn attend(self, invitation: Value) -> u16 {
        let (path, lease) = (format!("/{}", invitation["id"].as_str().unwrap()), &invitation["lease"]);
        let task = &invitation["envelope"];
        if self.habits.declines && (task["category"] != "content-writing" || task["task_type"] != "blog-post")
        {
            let body = json!({ "lease": lease, "reason": "not mine" }).to_string();
            return self.call("POST", &format!("{path}/decline"), &body).await.0;
        }
        let started = tokio::time::Instant::now();
        while started.elapsed() < self.habits.takes {
            tokio::time::sleep(Duration::from_millis(500)).await;
            if self.habits.beats {
                self.call("POST", &format!("{path}/heartbeat"), &json!({ "lease": lease }).to_string()).await;
            }
        }
        let (path, body) = (format!("{path}/result?lease={lease}"), agent::work(task).to_string());
        let mut status = self.call("POST", &path, &body).await.0;
        for _ in 0..self.habits.posts_again.1 {
            if status == self.habits.posts_again.0 {
                status = self.call("POST", &path, &body).await.0;
            }
        }
        status
    }

    async fn call(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let bearer = [("authorization".to_owned(), format!("Bearer {}", self.habits.key))];
        wire::call(method, &format!("{}{path}", self.base), &bearer, body).await.unwrap_or((0, String::new()))
    }
}
