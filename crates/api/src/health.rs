//! Is the server there, is it alive, may it be sent requests?

use crate::{AppState, problem::Problem, problem::busy, reply::Json};
use axum::extract::State;
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

/// Requests may be sent: the database takes writes and no shutdown is under way
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, body = Readiness), (status = 503, body = gavel_contract::rest::ProblemBody)))]
pub(crate) async fn readyz(State(state): State<AppState>) -> Result<Json<Readiness>, Problem> {
    if state.stop.is_cancelled() {
        return Err(busy());
    }
    state.store.is_writable().await?;
    let tasks_set_aside = state.store.count_set_aside().await?;
    Ok(Json(Readiness { status: OK.status, version: OK.version, tasks_set_aside }))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use chrono::TimeDelta;
    use gavel_store::recovery::After;

    #[tokio::test]
    async fn open_to_all_and_ready_until_the_stop() {
        let world = World::new().await;
        for path in ["/health", "/livez", "/readyz"] {
            let answer = world.get("", path).await;
            assert_eq!((answer.status, answer.body["status"].as_str()), (200, Some("ok")), "{path}");
        }
        world.state.stop.cancel();
        assert_eq!(world.get("", "/livez").await.status, 200);
        let answer = world.get("", "/readyz").await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
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
