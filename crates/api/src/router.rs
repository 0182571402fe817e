//! Every route on one screen, with the layers each passes.

use crate::{AppState, categories, developers, health, problem::Problem, reply, tasks};
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use gavel_contract::rest::follow_currency;
use gavel_domain::{Currency, limits::REQUEST_BYTES};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use std::any::Any;
use std::time::Duration;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::SwaggerUi;

/// How long a request may take until its answer begins; no handler waits for agents.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// Where everything but health and documentation lives.
const PREFIX: &str = "/api/v1";
/// Where developers' tools of protocol v1 look for theirs: the same handlers.
const OLDER_PREFIX: &str = "/api";
const OPENAPI: &str = "/openapi.json";
const DOCS: &str = "/docs";

fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(health::health))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .nest(PREFIX, task_routes().merge(developer_routes()))
}

fn task_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(tasks::create::create, tasks::list::list))
        .routes(routes!(tasks::get::get))
        .routes(routes!(tasks::gallery::gallery))
        .routes(routes!(tasks::bid::bid))
        .routes(routes!(tasks::events::events))
        .routes(routes!(tasks::explain::explain))
        .routes(routes!(tasks::select::select))
        .routes(routes!(tasks::cancel::cancel))
        .routes(routes!(tasks::delivery::delivery))
        .routes(routes!(tasks::approve::approve))
        .routes(routes!(tasks::revision::revision))
        .routes(routes!(categories::list))
}

fn developer_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(developers::register::register))
        .routes(routes!(developers::me::me))
        .routes(routes!(developers::agent_create::create, developers::agent_list::list))
        .routes(routes!(developers::agent_get::get, developers::agent_patch::patch))
        .routes(routes!(developers::agent_stats::stats))
}

/// The whole REST server as a service.
pub fn router(state: AppState) -> Router {
    let description = openapi(&state.settings.currency).to_string();
    let documentation = get(move || async move { reply::text(StatusCode::OK, description) });
    let (router, _) = routes().split_for_parts();
    let (older, _) = developer_routes().split_for_parts();
    let router = router
        .nest(OLDER_PREFIX, older)
        .route(OPENAPI, documentation)
        .merge(SwaggerUi::new(DOCS).config(utoipa_swagger_ui::Config::from(OPENAPI)))
        .fallback(async || Problem::not_found("address"))
        .method_not_allowed_fallback(async || method_not_allowed())
        .with_state(state);
    let fixed = |name: HeaderName, value| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    router.layer(
        ServiceBuilder::new()
            .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
            .layer(TraceLayer::new_for_http()) // method, path, status, time; never headers, where keys are
            .layer(PropagateRequestIdLayer::x_request_id())
            .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .layer(fixed(header::CACHE_CONTROL, "no-store"))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(from_fn(in_time))
            .layer(DefaultBodyLimit::max(REQUEST_BYTES)),
    )
}

/// The description of the REST API, with amounts named after the platform's currency.
pub fn openapi(currency: &Currency) -> Value {
    let (_, description) = routes().split_for_parts();
    let mut description = serde_json::to_value(description).unwrap_or_else(|cause| {
        tracing::error!(%cause, "the description of the API could not be written");
        json!({})
    });
    follow_currency(&mut description, currency);
    description
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Gavel", description = "One task, several competing agents; judged, picked, delivered, paid."),
    tags(
        (name = "tasks", description = "Post a task and follow it"),
        (name = "bids", description = "Look at the bids and pick one"),
        (name = "deliveries", description = "Take the finished work, or ask for changes"),
        (name = "developers", description = "Register agents and read their numbers"),
        (name = "catalogue", description = "What may be asked for"),
        (name = "health", description = "Is the server well?"),
    ),
    modifiers(&Keys),
    security(("key" = [])),
)]
struct Description;

/// How callers show who they are.
struct Keys;

impl utoipa::Modify for Keys {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        description.components.get_or_insert_default().add_security_scheme("key", scheme);
    }
}

async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_LIMIT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::timeout().into_response(),
    }
}

fn method_not_allowed() -> Problem {
    let detail = "This address exists, but not for this method; see /docs.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed", detail)
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words");
    Problem::internal(&text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[test]
    fn the_description_is_whole() {
        let description = openapi(&Currency::new("AUD").unwrap());
        assert_eq!(description["openapi"], "3.1.0");
        let operations: Vec<String> = description["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, methods)| {
                methods.as_object().unwrap().keys().map(move |m| format!("{m} {path}"))
            })
            .collect();
        assert_eq!(operations.len(), 23, "{operations:#?}");
        let text = description.to_string();
        assert!(text.contains("budget_aud") && !text.contains("_usd\""), "amounts follow the currency");
        for reference in
            text.split("\"#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next())
        {
            assert!(
                description["components"]["schemas"].get(reference).is_some(),
                "{reference} is described"
            );
        }
    }

    #[tokio::test]
    async fn documentation_is_served() {
        let world = World::new().await;
        let json = world.get("", "/openapi.json").await;
        assert_eq!((json.status, &json.body["info"]["title"]), (200, &json!("Gavel")));
        let page = world.get("", "/docs/").await;
        assert!(page.status == 200 && page.text.contains("swagger"), "{}", page.text);
    }

    #[tokio::test]
    async fn developers_are_served_at_the_older_addresses_too() {
        let world = World::new().await;
        let me = world.get(world.developer(), "/api/developers/me").await;
        assert_eq!((me.status, &me.body["name"]), (200, &json!("Ada")));
        assert_eq!(world.get("", "/api/developers/agents").await.status, 401);
        assert_eq!(world.get(world.buyer(), "/api/tasks").await.status, 404);
    }

    #[tokio::test]
    async fn every_error_is_a_problem() {
        let world = World::new().await;
        let check = async |method: &str, path: &str, status: u16| {
            let answer = world.send(world.request(method, path, world.buyer()), String::new()).await;
            assert_eq!(answer.status, status, "{method} {path}");
            assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{method} {path}");
            assert!(answer.header("x-request-id").is_some());
        };
        check("GET", "/nothing", 404).await;
        check("GET", "/api/v1/nothing", 404).await;
        check("DELETE", "/api/v1/tasks", 405).await;
        check("GET", "/api/v1/tasks/x", 422).await;
    }

    #[test]
    fn panics_are_not_told() {
        let response = panicked(Box::new("secret".to_owned()));
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
