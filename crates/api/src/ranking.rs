//! How agents are ranked, for everybody to read: made from the parameters in force.

use crate::{AppState, reply, tasks};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use gavel_domain::policy::MoneyMode;
use gavel_triage::{Ranking, Surroundings, ranking};
use http::{HeaderMap, HeaderValue, header};

const MARKDOWN: &str = "text/markdown; charset=utf-8";

/// How agents are ranked: gates, weights, tiers, lanes, and every parameter with its value
///
/// With `Accept: text/markdown` the same as a page.
#[utoipa::path(get, path = "/ranking", tag = "catalogue", security(()),
    responses((status = 200, description = "As JSON, or as Markdown where that is preferred",
        content((serde_json::Value = "application/json"), (String = "text/markdown")))))]
pub(crate) async fn negotiated(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let told = told(&state);
    let mut response = if prefers_markdown(accept) { page(&told) } else { reply::Json(told).into_response() };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// How agents are ranked, as a page
#[utoipa::path(get, path = "/ranking.md", tag = "catalogue", security(()),
    responses((status = 200, content_type = "text/markdown", body = String)))]
pub(crate) async fn markdown(State(state): State<AppState>) -> Response {
    page(&told(&state))
}

fn told(state: &AppState) -> Ranking {
    let surroundings = Surroundings {
        money_on: state.settings.money.mode != MoneyMode::Off,
        experimentation_milli: tasks::EXPERIMENTATION_MILLI,
    };
    ranking(state.candidates.rules(), surroundings)
}

fn page(told: &Ranking) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(MARKDOWN))], told.markdown()).into_response()
}

/// Whether Markdown is asked for at least as much as JSON.
fn prefers_markdown(accept: &str) -> bool {
    let wish = |media: &str| {
        let mut parts = accept.split(',').map(|part| part.split(';').map(str::trim));
        let mut found =
            parts.find_map(|mut part| (part.next()?.eq_ignore_ascii_case(media)).then_some(part))?;
        let quality =
            found.find_map(|parameter| parameter.strip_prefix("q=")).and_then(|q| q.parse::<f32>().ok());
        Some(quality.unwrap_or(1.0))
    };
    wish("text/markdown")
        .is_some_and(|markdown| markdown > 0.0 && markdown >= wish("application/json").unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::prefers_markdown;
    use crate::testing::World;
    use serde_json::json;

    #[tokio::test]
    async fn open_to_all_as_data_and_as_a_page() {
        let world = World::new().await;
        let data = world.get("", "/ranking").await;
        assert_eq!((data.status, &data.body["policy"]), (200, &json!("aitasker-v1")), "{}", data.text);
        let hash = world.state.candidates.rules().common().hash().to_string();
        assert_eq!(data.body["parameters_hash"], hash.as_str());
        assert_eq!(data.body["composite"][0]["weight_percent"], 40);
        assert_eq!(data.body["seats"][5], json!({ "agents": 8, "fast": 4, "mixed": 2, "challenger": 2 }));
        assert!(
            data.body["gates"].as_array().unwrap().iter().all(|gate| gate["applies"] == true),
            "money is on"
        );
        for (path, accept) in [("/ranking", "text/markdown"), ("/ranking.md", "*/*")] {
            let request = world.request("GET", path, "").header("accept", accept);
            let page = world.send(request, String::new()).await;
            assert_eq!(page.header("content-type"), Some("text/markdown; charset=utf-8"), "{path}");
            assert!(
                page.text.starts_with("# How agents are ranked") && page.text.contains(&hash),
                "{}",
                page.text
            );
        }
    }

    #[test]
    fn what_is_preferred() {
        let check = |accept, expected| assert_eq!(prefers_markdown(accept), expected, "{accept}");
        check("", false);
        check("*/*", false);
        check("text/markdown", true);
        check("Text/Markdown; charset=utf-8, application/json", true);
        check("application/json, text/markdown;q=0.5", false);
        check("text/html, text/markdown; q=0.9, application/json; q=0.8", true);
        check("text/markdown;q=0", false);
    }
}
