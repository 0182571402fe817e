//! Every route on one screen, with the layers each passes.

use crate::shed::{Lane, Lanes, pass};
use crate::{
    AppState, RequestLimits, admin, away, categories, developers, door, health, metrics, problem::Problem,
    ranking, reply, spans, tasks, webhooks,
};
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router, routing::get};
use gavel_contract::rest::follow_currency;
use gavel_domain::Currency;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use std::any::Any;
use std::borrow::Cow;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::SwaggerUi;

/// Where everything but health and documentation lives.
const PREFIX: &str = "/api/v1";
/// Where developers' tools of protocol v1 look for theirs: the same handlers.
const OLDER_PREFIX: &str = "/api";
/// One route has one path, by whichever address it was asked for.
pub(crate) fn canonical(path: &str) -> Cow<'_, str> {
    let below = |prefix| path.strip_prefix(prefix).filter(|rest: &&str| rest.starts_with('/'));
    match (below(PREFIX), below(OLDER_PREFIX)) {
        (None, Some(rest)) => Cow::Owned(format!("{PREFIX}{rest}")),
        _ => Cow::Borrowed(path),
    }
}

const OPENAPI: &str = "/openapi.json";
const DOCS: &str = "/docs";

/// Every group in its lane: how many requests of it are carried at once, and how long each may take.
fn routes(lanes: &Lanes) -> OpenApiRouter<AppState> {
    let ours = within(&lanes.requests, task_routes())
        .merge(within(&lanes.requests, webhook_routes()))
        .merge(within(&lanes.requests, operator_routes()))
        .merge(for_developers(lanes))
        .merge(within(&lanes.streams, stream_routes()))
        .merge(within(&lanes.long_polls, patient_routes()))
        .merge(within(&lanes.callbacks, callback_routes()));
    OpenApiRouter::with_openapi(Description::openapi())
        .merge(within(&lanes.health, health_routes()))
        .merge(within(&lanes.health, open_routes()))
        .nest(PREFIX, ours)
}

/// What is served at the older addresses, too.
fn for_developers(lanes: &Lanes) -> OpenApiRouter<AppState> {
    within(&lanes.requests, developer_routes()).merge(within(&lanes.long_polls, patient_developer_routes()))
}

fn within(lane: &Lane, group: OpenApiRouter<AppState>) -> OpenApiRouter<AppState> {
    group.layer(from_fn_with_state(lane.clone(), pass))
}

fn health_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(health::health))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::metrics))
}

/// What everybody may read, and costs no more than a look at how the server is.
fn open_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(ranking::negotiated)).routes(routes!(ranking::markdown))
}

fn task_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(tasks::create::create, tasks::list::list))
        .routes(routes!(tasks::preview::preview))
        .routes(routes!(tasks::get::get))
        .routes(routes!(tasks::gallery::gallery))
        .routes(routes!(tasks::bid::bid))
        .routes(routes!(tasks::explain::explain))
        .routes(routes!(tasks::select::select))
        .routes(routes!(tasks::cancel::cancel))
        .routes(routes!(tasks::delivery::delivery))
        .routes(routes!(tasks::approve::approve))
        .routes(routes!(tasks::revision::revision))
        .routes(routes!(categories::list))
}

/// What only operators see and do.
fn operator_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(admin::agent_list::list))
        .routes(routes!(admin::visibility::set))
        .routes(routes!(admin::alarms::alarms))
}

/// Being told of events.
fn webhook_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(webhooks::create::create, webhooks::list::list))
        .routes(routes!(webhooks::delete::delete))
        .routes(routes!(webhooks::rotate::rotate))
        .routes(routes!(webhooks::deliveries::deliveries))
        .routes(routes!(webhooks::redeliver::redeliver))
}

/// Answers that go on and on.
fn stream_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(tasks::events::events))
}

/// Developers' requests that wait: for an agent that is called again.
fn patient_developer_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(developers::replay::replay))
}

/// Requests that wait for work to come.
fn patient_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(door::pull_fetch::fetch))
}

/// Agents' results: buyers cannot keep them out, and they are as large as answers.
fn callback_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(door::callback::callback))
        .routes(routes!(door::pull_result::result))
        .routes(routes!(door::pull_heartbeat::heartbeat))
        .routes(routes!(door::pull_decline::decline))
}

fn developer_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(developers::register::register))
        .routes(routes!(developers::me::me))
        .routes(routes!(developers::agent_create::create, developers::agent_list::list))
        .routes(routes!(developers::agent_get::get, developers::agent_patch::patch))
        .routes(routes!(developers::agent_stats::stats))
        .routes(routes!(developers::benchmark_start::start, developers::benchmark_get::get))
        .routes(routes!(developers::pause::pause))
        .routes(routes!(developers::pause::resume))
        .routes(routes!(developers::deliveries::list))
        .routes(routes!(developers::delivery_get::get))
        .routes(routes!(developers::secret_rotate::rotate))
        .routes(routes!(developers::secret_promote::promote))
        .routes(routes!(developers::key_rotate::rotate))
}

/// The whole REST server as a service.
pub fn router(state: AppState) -> Router {
    let description = openapi(&state.settings.currency).to_string();
    let documentation = get(move || async move { reply::text(StatusCode::OK, description) });
    let lanes = Lanes::new(&state.settings.limits);
    let (router, _) = routes(&lanes).split_for_parts();
    let (older, _) = for_developers(&lanes).split_for_parts();
    let router = router
        .nest(OLDER_PREFIX, older)
        .layer(from_fn_with_state(state.clone(), away::turn_away))
        .route(OPENAPI, documentation)
        .merge(SwaggerUi::new(DOCS).config(utoipa_swagger_ui::Config::from(OPENAPI)))
        .fallback(async || Problem::not_found("address"))
        .method_not_allowed_fallback(async || method_not_allowed())
        .layer(Extension(developers::replay_limits::Replays::default()))
        .layer(Extension(door::Failures::default()))
        .with_state(state);
    within_all_layers(router)
}

/// What a process answers that does not serve the API: how it is.
pub fn health_router(state: AppState) -> Router {
    let lanes = Lanes::new(&state.settings.limits);
    let (router, _) = within(&lanes.health, health_routes()).split_for_parts();
    within_all_layers(router.fallback(async || Problem::not_found("address")).with_state(state))
}

fn within_all_layers(router: Router) -> Router {
    let fixed = |name: HeaderName, value| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    router.layer(
        ServiceBuilder::new()
            .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
            .layer(TraceLayer::new_for_http().make_span_with(spans::of).on_failure(spans::failed))
            .layer(PropagateRequestIdLayer::x_request_id())
            .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .layer(fixed(header::CACHE_CONTROL, "no-store"))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(DefaultBodyLimit::disable()), // every lane has its own
    )
}

/// The description of the REST API, with amounts named after the platform's currency.
pub fn openapi(currency: &Currency) -> Value {
    let (_, description) = routes(&Lanes::new(&RequestLimits::default())).split_for_parts();
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
        (name = "webhooks", description = "Be told of events at an address of your own"),
        (name = "agents", description = "Bring results by callback, or fetch work"),
        (name = "developers", description = "Register agents and read their numbers"),
        (name = "operators", description = "See agents of all developers, and say who may be asked"),
        (name = "catalogue", description = "What may be asked for, and how agents are ranked"),
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
    use crate::{ApiSettings, testing::World};
    use axum::{body::Body, extract::Request};
    use std::sync::Arc;
    use tower::ServiceExt;

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
        assert_eq!(operations.len(), 51, "{operations:#?}");
        let text = description.to_string();
        // Agents tell their own costs in dollars, whatever is counted in here.
        let ours = text.replace("\"cost_usd\"", "").replace("\"cost_per_bid_usd\"", "");
        assert!(text.contains("budget_aud") && !ours.contains("_usd\""), "amounts follow the currency");
        for reference in
            text.split("\"#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next())
        {
            assert!(
                description["components"]["schemas"].get(reference).is_some(),
                "{reference} is described"
            );
        }
    }

    #[test]
    fn what_a_buyer_may_wish_for_is_described_as_it_is_taken() {
        let description = openapi(&Currency::new("USD").unwrap());
        let schema = |name: &str| description["components"]["schemas"][name].clone();
        let routing = schema("RoutingWish");
        assert!(!routing.to_string().contains("required"), "each may be left out: {routing:#}");
        let close = schema("CloseWish");
        let number = |field: &str| {
            let one =
                close["oneOf"].as_array().unwrap().iter().find(|one| one["properties"][field].is_object());
            one.unwrap()["properties"][field].clone()
        };
        assert_eq!(
            (number("first_k")["minimum"].as_f64(), number("first_k")["maximum"].as_f64()),
            (Some(1.0), Some(8.0))
        );
        assert_eq!(number("score_at_least")["maximum"].as_f64(), Some(1.0));
        assert_eq!(schema("NamedClose")["enum"], serde_json::json!(["all", "deadline", "buyer_stop"]));
    }

    #[test]
    fn the_catalogue_and_its_warnings_are_described() {
        let description = openapi(&Currency::new("USD").unwrap());
        let schema = |name: &str| description["components"]["schemas"][name].clone();
        let input = &schema("TaskTypeView")["properties"]["input"];
        assert_eq!(input["additionalProperties"]["$ref"], "#/components/schemas/FieldView", "{input:#}");
        let warnings = &schema("TaskCreated")["allOf"][1]["properties"]["warnings"];
        assert_eq!(warnings["items"]["$ref"], "#/components/schemas/FieldWarning", "{warnings:#}");
        assert!(!schema("TaskResponse").to_string().contains("warnings"), "they are told once");
    }

    #[tokio::test]
    async fn every_route_has_its_lane_and_health_is_never_turned_away() {
        let none =
            RequestLimits { requests: 0, callbacks: 0, long_polls: 0, streams: 0, ..Default::default() };
        let mut state = World::new().await.state;
        state.settings = Arc::new(ApiSettings { limits: none, ..(*state.settings).clone() });
        let router = router(state.clone());
        let description = openapi(&state.settings.currency);
        for (path, methods) in description["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                let request = Request::builder().method(method.to_uppercase().as_str()).uri(path);
                let answer = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
                let expected = if path.starts_with(PREFIX) { 503 } else { 200 };
                assert_eq!(answer.status().as_u16(), expected, "{method} {path}");
                assert_eq!(answer.headers().contains_key("retry-after"), expected == 503, "{method} {path}");
            }
        }
        let older = Request::builder().uri("/api/developers/me").body(Body::empty()).unwrap();
        assert_eq!(router.oneshot(older).await.unwrap().status(), 503);
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
