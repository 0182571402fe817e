//! Why an agent brought no bid, in few words: from the log that its developer sees.

use crate::client::Client;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A developer's agents: slug and id.
pub(crate) struct Roster {
    client: Client,
    ids: BTreeMap<String, String>,
}

impl Roster {
    /// Nobody yet, of the developer whose key `client` has.
    pub(crate) fn new(client: Client) -> Self {
        Roster { client, ids: BTreeMap::new() }
    }

    /// Its agent's developer.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Knows one more.
    pub(crate) fn add(&mut self, slug: &str, agent: &Value) {
        let id = agent["id"].as_str().unwrap_or_default();
        self.ids.insert(slug.to_owned(), id.to_owned());
    }

    /// Adds to every invitation that ended without a bid the status that was answered and a hint.
    pub(crate) async fn explain(&self, document: &mut Value) {
        let task = document["task"]["id"].as_str().unwrap_or_default().to_owned();
        for invitation in document["invitations"].as_array_mut().into_iter().flatten() {
            if !matches!(invitation["outcome"].as_str(), None | Some("valid"))
                && let Some(send) = self.last_send(&task, &invitation["agent"]).await
            {
                invitation["status"] = send["status"].clone();
                invitation["hint"] = json!(hint(&send));
            }
        }
    }

    /// Its last one of the prototype. A log that cannot be read costs a hint, not the result.
    async fn last_send(&self, task: &str, slug: &Value) -> Option<Value> {
        let id = self.ids.get(slug.as_str()?)?;
        let path = format!("/developers/agents/{id}/deliveries?task_id={task}&mode=prototype&limit=1");
        let log = self.client.get(&path).await.ok()?;
        log["deliveries"].get(0).cloned()
    }
}

/// What a send that brought nothing means for whoever named the agent on the command line.
fn hint(send: &Value) -> Option<String> {
    let first = |name: &str| send[name].get(0).and_then(Value::as_str).map(str::to_owned);
    let of_status = match send["status"].as_u64() {
        None => first("warnings"),
        Some(202) => Some("it only acknowledged: here the POST is answered with the work itself".to_owned()),
        Some(401 | 403) => Some(
            "it does not know the key (give it as --key), or it checks signatures (start it without its secret: each \
             run signs with a new one)"
                .to_owned(),
        ),
        Some(404 | 405) => {
            Some("no POST is taken there: name the whole URL, such as http://HOST:PORT/execute".to_owned())
        }
        Some(_) => None,
    };
    of_status.or_else(|| first("advice"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_for_every_way_to_bring_nothing() {
        let check = |send: Value, words: &str| {
            let hint = hint(&send).unwrap_or_default();
            assert!(hint.contains(words), "{send}: {hint}");
        };
        let advice = json!(["summary is missing or blank."]);
        check(json!({ "status": 401, "advice": advice, "warnings": [] }), "--key");
        check(json!({ "status": 404, "advice": advice, "warnings": [] }), "/execute");
        check(json!({ "status": 202, "advice": advice, "warnings": [] }), "acknowledged");
        check(json!({ "status": 200, "advice": advice, "warnings": ["x"] }), "summary is missing");
        check(json!({ "status": null, "advice": advice, "warnings": ["refused"] }), "refused");
        assert_eq!(hint(&json!({ "status": 500, "advice": [], "warnings": [] })), None);
    }
}
