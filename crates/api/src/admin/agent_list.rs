//! Agents of all developers.

use crate::auth::{May, SeeEverything};
use crate::{AppState, extract::Query, problem::Problem, reply::Json};
use axum::extract::State;
use gavel_contract::rest::{AdminAgent, AdminAgents, FieldError, ProblemBody};
use gavel_store::overview::{AgentState, AgentsWanted, ListedAgent};

const PAGE: u32 = 50;
const PAGE_MAX: u32 = 500;

/// Agents of all developers, by their short names
#[utoipa::path(get, path = "/admin/agents", tag = "operators",
    params(("category" = Option<String>, Query, description = "Only agents that declare it"),
        ("state" = Option<String>, Query,
            description = "Only agents that are `live`, `beta`, `coming_soon`, `draft`, `hidden`, `paused`, `inactive` or `failing`"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<i64>, Query, description = "1-500; 50 when absent")),
    responses((status = 200, body = AdminAgents), (status = 422, body = ProblemBody)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: May<SeeEverything>,
    Query(query): Query,
) -> Result<Json<AdminAgents>, Problem> {
    let (wanted, limit) = wanted(&query, caller.test)?;
    let mut agents = state.store.agents_wanted(&wanted, limit + 1).await?;
    let more = agents.len() > limit as usize;
    agents.truncate(limit as usize);
    let next = agents.last().filter(|_| more).map(|agent| agent.slug.clone());
    Ok(Json(AdminAgents { agents: agents.into_iter().map(view).collect(), next }))
}

fn wanted(query: &[(String, String)], test: bool) -> Result<(AgentsWanted, u32), Problem> {
    let (mut wanted, mut limit) = (AgentsWanted { test, ..AgentsWanted::default() }, PAGE);
    let mut errors = Vec::new();
    for (name, value) in query {
        match name.as_str() {
            "category" => wanted.category = Some(value.clone()),
            "after" => wanted.after = Some(value.clone()),
            "state" => match value.parse() {
                Ok(state) => wanted.state = Some(state),
                Err(_) => errors.push(FieldError::new(name, states())),
            },
            "limit" => match value.parse() {
                Ok(most @ 1..=PAGE_MAX) => limit = most,
                _ => {
                    errors.push(FieldError::new(name, format!("must be a whole number from 1 to {PAGE_MAX}")))
                }
            },
            _ => errors.push(FieldError::new(name, "is not a known parameter")),
        }
    }
    if errors.is_empty() { Ok((wanted, limit)) } else { Err(Problem::invalid(errors)) }
}

fn states() -> String {
    format!("must be one of: {}", AgentState::ALL.map(AgentState::name).join(", "))
}

fn view(agent: ListedAgent) -> AdminAgent {
    AdminAgent {
        id: agent.id.to_string(),
        slug: agent.slug,
        account: agent.account,
        developer: agent.developer,
        visibility: agent.visibility.name().to_owned(),
        paused: agent.paused,
        is_active: agent.active,
        health: agent.health,
        tiers: agent.tiers.into_iter().map(|(category, tier)| (category, tier.name().to_owned())).collect(),
        capabilities: agent.categories,
        endpoint_url: agent.endpoint,
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn by_category_and_state_page_by_page() {
        let world = World::new().await;
        let _ = world.in_review().await;
        let get = async |query: &str| world.get(world.admin(), &format!("/api/v1/admin/agents{query}")).await;
        let slugs = |body: &Value| {
            let agents = body["agents"].as_array().unwrap();
            agents.iter().map(|agent| agent["slug"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let all = get("").await;
        assert_eq!(
            (slugs(&all.body), &all.body["next"]),
            (vec!["one".into(), "resting".into(), "two".into()], &Value::Null)
        );
        let one = &all.body["agents"][0];
        assert_eq!(one["tiers"], json!({ "content-writing": "new_challenger" }));
        assert_eq!((&one["account"], &one["developer"]), (&json!("developer"), &json!("Ada")));
        assert_eq!(slugs(&get("?state=paused").await.body), ["resting"]);
        assert_eq!(slugs(&get("?state=live&category=content-writing").await.body).len(), 3);
        assert_eq!(slugs(&get("?category=marketing").await.body).len(), 0);
        let first = get("?limit=2").await;
        assert_eq!((slugs(&first.body).len(), &first.body["next"]), (2, &json!("resting")));
        assert_eq!(slugs(&get("?limit=2&after=resting").await.body), ["two"]);
        for wrong in ["?state=asleep", "?limit=0", "?limit=501", "?colour=red"] {
            assert_eq!(get(wrong).await.status, 422, "{wrong}");
        }
    }

    #[tokio::test]
    async fn for_operators_alone() {
        let world = World::new().await;
        for key in [world.buyer(), world.developer()] {
            assert_eq!(world.get(key, "/api/v1/admin/agents").await.status, 403);
        }
    }
}
