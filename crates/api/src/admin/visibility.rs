//! An operator says who may see and ask an agent.

use crate::auth::{ActOnEverything, May};
use crate::extract::SlugPath;
use crate::idempotency::{KeyHeader, Order};
use crate::reply::{Answer, REPLAYED};
use crate::{AppState, problem::Problem};
use axum::{extract::State, response::Response};
use gavel_contract::rest::{ProblemBody, VisibilitySet, VisibilityWish};
use gavel_domain::agent::Visibility;
use gavel_store::Deed;

const REASON: std::ops::RangeInclusive<usize> = 3..=500;

/// Say who may see and ask an agent
///
/// An agent that is hidden stays so until an operator moves it back. One that is moved to where it may be asked is probed
/// at once.
#[utoipa::path(post, path = "/admin/agents/{slug}/visibility", tag = "operators", request_body = VisibilityWish,
    params(("slug" = String, Path), KeyHeader),
    responses((status = 200, body = VisibilitySet), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub(crate) async fn set(
    State(state): State<AppState>,
    caller: May<ActOnEverything>,
    SlugPath(slug): SlugPath,
    Order { mut fields, ask }: Order,
) -> Result<Response, Problem> {
    fields.require(&["visibility", "reason"]);
    let word = fields.text("visibility", 1..=20);
    let visibility = word.as_deref().and_then(|word| word.parse::<Visibility>().ok());
    if word.is_some() && visibility.is_none() {
        let known = Visibility::ALL.map(Visibility::name).join(", ");
        fields.problem("visibility", format!("must be one of: {known}"));
    }
    let reason = fields.text("reason", REASON).unwrap_or_default();
    fields.finish(&[])?;
    let visibility = visibility.ok_or_else(|| Problem::field("visibility", "is required"))?;
    let change = async |deed: &mut Deed| {
        let before =
            deed.set_visibility((&slug, Some(caller.test)), visibility, &reason, state.now()).await?;
        let before = before.ok_or_else(|| Problem::not_found("agent"))?.name().to_owned();
        Answer::ok(&VisibilitySet { slug: slug.clone(), before, visibility: visibility.name().to_owned() })
    };
    let answer = ask.once(&state, &caller, change).await?;
    if answer.status().is_success() && !answer.headers().contains_key(REPLAYED) {
        let visibility = visibility.name();
        tracing::info!(agent.slug = %slug, visibility, %reason, key.id = %caller.id, "an operator set an agent's visibility");
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use crate::testing::{World, new_task};
    use serde_json::{Value, json};

    #[tokio::test]
    async fn all_five_and_who_is_asked_follows() {
        let world = World::new().await;
        let path = "/api/v1/admin/agents/one/visibility";
        let mut before = json!("live");
        for (visibility, asked) in
            [("beta", true), ("coming_soon", false), ("draft", false), ("hidden", false), ("live", true)]
        {
            let wish = json!({ "visibility": visibility, "reason": "a look at it" });
            let set = world.post(world.admin(), path, &wish).await;
            assert_eq!(set.body, json!({ "slug": "one", "before": before, "visibility": visibility }));
            before = json!(visibility);
            let preview = world.post(world.buyer(), "/api/v1/tasks/preview", &new_task()).await;
            let would_ask = preview.body["would_ask"].as_array().unwrap();
            assert_eq!(would_ask.iter().any(|agent| agent["agent"] == "one"), asked, "{visibility}");
        }
    }

    #[tokio::test]
    async fn who_hid_it_says_why() {
        let world = World::new().await;
        let path = "/api/v1/admin/agents/one/visibility";
        let mine = format!("/api/v1/developers/agents/{}", world.agent_id("one").await);
        let problem =
            async || world.get(world.developer(), &mine).await.body["health_report"]["problem"].clone();
        let hide = json!({ "visibility": "hidden", "reason": "it copies other agents' work" });
        assert_eq!(world.post(world.admin(), path, &hide).await.status, 200);
        assert_eq!(problem().await, "an operator has hidden it: it copies other agents' work");
        let shown = world.patch(world.developer(), &mine, &json!({ "visibility": "live" })).await;
        assert_eq!(shown.status, 422, "that is not its developer's to change");
        let back = json!({ "visibility": "beta", "reason": "mended" });
        assert_eq!(world.post(world.admin(), path, &back).await.status, 200);
        assert_eq!(problem().await, Value::Null);
    }

    #[tokio::test]
    async fn what_is_refused() {
        let world = World::new().await;
        let wish = json!({ "visibility": "live", "reason": "because" });
        let status = async |key: &str, slug: &str, wish: &Value| {
            world.post(key, &format!("/api/v1/admin/agents/{slug}/visibility"), wish).await.status
        };
        assert_eq!(status(world.admin(), "nobody", &wish).await, 404);
        assert_eq!(
            status(&world.key("admin", false, true).await, "one", &wish).await,
            404,
            "a test key's world"
        );
        assert_eq!(status(&world.key("admin", true, false).await, "one", &wish).await, 403);
        assert_eq!(status(world.developer(), "one", &wish).await, 403);
        for wrong in
            [json!({}), json!({ "visibility": "gone", "reason": "because" }), json!({ "visibility": "live" })]
        {
            assert_eq!(status(world.admin(), "one", &wrong).await, 422, "{wrong}");
        }
    }
}
