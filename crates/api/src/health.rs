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
    responses((status = 200, body = Health), (status = 503, body = gavel_contract::rest::ProblemBody)))]
pub(crate) async fn readyz(State(state): State<AppState>) -> Result<Json<Health>, Problem> {
    if state.stop.is_cancelled() {
        return Err(busy());
    }
    state.store.takes_writes(state.now()).await?;
    Ok(Json(OK))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

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
}
