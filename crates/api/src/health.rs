//! Is the server there, is it alive, may it be sent requests?

use crate::{AppState, problem::Problem, reply::Json};
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// The server's word on itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`.
    status: &'static str,
    /// The version of Gavel.
    version: &'static str,
}

/// The server's word on its work.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ok`.
    status: &'static str,
    /// The version of Gavel.
    version: &'static str,
    /// Tasks that wait for an operator, because their steps failed again and again.
    tasks_set_aside: u64,
    /// How long the oldest event waits that nobody has taken up to tell it by webhook; minutes mean that no process runs
    /// with the role `hooks`.
    webhooks_wait_seconds: u64,
}

const OK: Health = Health { status: "ok", version: env!("CARGO_PKG_VERSION") };

/// The server is there
#[utoipa::path(get, path = "/health", tag = "health", security(()), responses((status = 200, body = Health)))]
pub(crate) async fn health() -> Json<Health> {
    Json(OK)
}

/// The process is alive
#[utoipa::path(get, path = "/livez", tag = "health", security(()), responses((status = 200, body = Health)))]
pub(crate) async fn livez() -> Json<Health> {
    Json(OK)
}

/// Requests may be sent: the database takes writes, this machine's clock is right, no shutdown is under way
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, body = Readiness), (status = 503, body = gavel_contract::rest::ProblemBody)))]
pub(crate) async fn readyz(State(state): State<AppState>) -> Result<Json<Readiness>, Problem> {
    if state.leaving.is_cancelled() || state.stop.is_cancelled() {
        return Err(not_ready("this process is about to end"));
    }
    if let Some(complaint) = state.store.pulse().complaint() {
        return Err(not_ready(&complaint));
    }
    state.store.takes_writes(state.now()).await?;
    let tasks_set_aside = state.store.count_set_aside().await?;
    let waits = state.store.webhook_backlog().await?.waits(state.now());
    let webhooks_wait_seconds = waits.num_seconds().unsigned_abs();
    Ok(Json(Readiness { status: OK.status, version: OK.version, tasks_set_aside, webhooks_wait_seconds }))
}

fn not_ready(why: &str) -> Problem {
    let detail = format!("Send requests elsewhere: {why}.");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "Not ready", detail)
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use axum::{body::Body, extract::Request};
    use chrono::TimeDelta;
    use gavel_store::recovery::After;
    use tower::ServiceExt;

    #[tokio::test]
    async fn open_to_all_and_ready_until_the_stop() {
        let world = World::new().await;
        for path in ["/health", "/livez", "/readyz"] {
            let answer = world.get("", path).await;
            assert_eq!((answer.status, answer.body["status"].as_str()), (200, Some("ok")), "{path}");
        }
        world.state.leaving.cancel();
        assert_eq!(world.get("", "/livez").await.status, 200);
        let answer = world.get("", "/readyz").await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
        assert_eq!(answer.code(), "not_ready");
        assert_eq!(world.get(world.buyer(), "/api/v1/tasks").await.status, 200, "it still answers");
    }

    #[tokio::test]
    async fn without_the_api_only_health_is_answered() {
        let world = World::new().await;
        let router = crate::health_router(world.state.clone());
        let status = async |path: &str| {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            router.clone().oneshot(request).await.unwrap().status().as_u16()
        };
        for path in ["/health", "/livez", "/readyz"] {
            assert_eq!(status(path).await, 200, "{path}");
        }
        assert_eq!((status("/api/v1/tasks").await, status("/docs/").await), (404, 404));
        world.state.leaving.cancel();
        assert_eq!((status("/livez").await, status("/readyz").await), (200, 503));
    }

    #[tokio::test]
    async fn tasks_that_wait_for_an_operator_are_counted() {
        let world = World::new().await;
        let count = async || world.get("", "/readyz").await.body["tasks_set_aside"].as_u64();
        assert_eq!(count().await, Some(0));
        world.posted().await;
        let (store, now) = (&world.state.store, world.state.now());
        let claimed = store.claim("test", now, now + TimeDelta::seconds(30)).await.unwrap().unwrap();
        store.failed(claimed.lease(), "it hurts", now, |_| After::SetAside).await.unwrap().unwrap();
        assert_eq!(count().await, Some(1));
    }
}
