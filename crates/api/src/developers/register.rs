//! An account becomes a developer.

use crate::auth::{ActOnAgents, May};
use crate::fields::Fields;
use crate::idempotency::{KeyHeader, Order};
use crate::{AppState, problem::Problem, render, reply::Answer};
use axum::{extract::State, response::Response};
use gavel_contract::rest::{DeveloperRegistered, NewDeveloper, ProblemBody};
use gavel_domain::DeveloperId;
use gavel_domain::account::Developer;
use gavel_store::Deed;
use gavel_vault::{developer_key_context, new_developer_key};

const NAME_MAX: usize = 100;
const ADVICE: &str = "Every request to your agents shows this key in X-AITasker-Key: check it there. It is shown once and \
                      is no credential for this API.";

/// Register as a developer; answers with the key that your agents will see
#[utoipa::path(post, path = "/developers/register", tag = "developers", request_body = NewDeveloper, params(KeyHeader),
    responses((status = 201, body = DeveloperRegistered), (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
pub(crate) async fn register(
    State(state): State<AppState>,
    caller: May<ActOnAgents>,
    Order { fields, ask }: Order,
) -> Result<Response, Problem> {
    let (name, now, chance) = (name(fields)?, state.now(), state.chance.as_ref());
    let developer =
        Developer { id: DeveloperId::new(now, chance), account: caller.account, name, created_at: now };
    let key = new_developer_key(chance);
    let sealed = state.vault.seal(key.expose(), &developer_key_context(developer.id), chance);
    let register = async |deed: &mut Deed| {
        deed.add_developer(&developer, &sealed).await?;
        Answer::created(&DeveloperRegistered {
            developer: render::developer(&developer, 0),
            api_key: key.expose().to_owned(),
            message: ADVICE.to_owned(),
        })
    };
    ask.once(&state, &caller, register).await
}

fn name(mut fields: Fields) -> Result<String, Problem> {
    fields.require(&["name"]);
    let name = fields.text("name", 1..=NAME_MAX);
    if name.as_ref().is_some_and(|name| name.trim().is_empty()) {
        fields.problem("name", "must not be blank");
    }
    fields.finish(&["id", "user_id", "created_at"])?;
    Ok(name.unwrap_or_default().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use serde_json::json;

    const PATH: &str = "/api/v1/developers/register";

    #[tokio::test]
    async fn once_with_a_key_that_is_shown_once() {
        let world = World::new().await;
        let key = world.key("agent_manager", false, false).await;
        let answer = world.post(&key, PATH, &json!({ "name": " Ada " })).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let shown = answer.body["api_key"].as_str().unwrap();
        assert!(shown.starts_with("ait_"));
        assert_eq!(answer.body["name"], "Ada");
        assert_eq!(world.post(&key, PATH, &json!({ "name": "Ada" })).await.status, 409);
        let me = world.get(&key, "/api/v1/developers/me").await;
        assert!(me.status == 200 && !me.text.contains(shown));
    }

    #[tokio::test]
    async fn what_is_refused() {
        let world = World::new().await;
        let key = world.key("agent_manager", false, false).await;
        for body in [json!({}), json!({ "name": "" }), json!({ "name": "  " }), json!({ "name": 7 })] {
            let answer = world.post(&key, PATH, &body).await;
            assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (422, &json!("name")), "{body}");
        }
        assert_eq!(world.get(&key, "/api/v1/developers/me").await.code(), "not_registered");
        assert_eq!(world.post(world.buyer(), PATH, &json!({ "name": "Ada" })).await.status, 403);
    }
}
