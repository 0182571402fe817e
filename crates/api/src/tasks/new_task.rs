//! The body of `POST /tasks`, read and checked; every problem is collected.

use super::asked;
use crate::fields::Fields;
use crate::problem::Problem;
use crate::state::ApiSettings;
use gavel_contract::rest::FieldWarning;
use gavel_contract::rest::amount::{Amount, of};
use gavel_domain::limits::{AGENTS_MAX, AGENTS_MIN, ATTACHMENTS_MAX};
use gavel_domain::task::{Attachment, Brief, ClosePolicy, Routing, Wishes};
use gavel_domain::{Money, Ppm};
use serde_json::{Map, Value};
use url::Url;

const TITLE: std::ops::RangeInclusive<usize> = 5..=200;
const DESCRIPTION_MAX: usize = 5000;
/// Fewer characters than this in title, description and requirements together say nothing an agent could work from.
const BRIEF_MIN: usize = 20;
/// The challengers' share when the buyer names none, in thousandths.
pub(crate) const EXPERIMENTATION_MILLI: u16 = 300;
/// A made title is cut after the last word that fits.
const MADE_TITLE_MAX: usize = 80;
const FIRST_NAME_MAX: usize = 100;
const FILENAME_MAX: usize = 255;
const URL_MAX: usize = 2000;
const MEDIA_TYPE_MAX: usize = 100;
/// Slugs in `routing.only` and `routing.ignore`.
const ROUTING_MAX: usize = 100;
const QUALITY_RULES: [&str; 3] = ["no_placeholder_content", "complete_deliverable", "match_requested_format"];
/// What a task has and a body must not.
const READ_ONLY: &[&str] = &[
    "id",
    "user_id",
    "status",
    "status_reason",
    "compute_budget",
    "created_at",
    "expires_at",
    "prototype_tier",
    "round",
    "under_supplied",
    "test",
];

/// What a buyer posts.
pub(super) struct NewTask {
    pub(super) brief: Brief,
    pub(super) budget: Money,
    pub(super) wishes: Wishes,
    pub(super) metadata: Option<Value>,
    /// What the buyer should know of the requirements.
    pub(super) warnings: Vec<FieldWarning>,
}

/// Reads a body, or tells everything that is wrong with it.
pub(super) fn read(mut fields: Fields, settings: &ApiSettings) -> Result<NewTask, Problem> {
    let f = &mut fields;
    let currency = &settings.currency;
    f.require(&["category", "task_type", &Amount::<of::Budget>::key(currency)]);
    let asked = asked::kind(f, &settings.catalog);
    let range = settings.money.budget_min..=settings.money.budget_max;
    let budget = f.money::<of::Budget>(currency, range);
    let description = description(f);
    let title = title(f);
    let (requirements, warnings) = asked::requirements(f, asked);
    enough(f, title.as_deref(), &description, &requirements);
    let kind_name = asked.map_or("", |(_, task_type)| task_type.name.as_str());
    let (category, task_type) = asked.map(|(c, t)| (c.slug.clone(), t.slug.clone())).unwrap_or_default();
    let brief = Brief {
        title: title.unwrap_or_else(|| made_title(&description, kind_name)),
        description,
        category,
        task_type,
        requirements,
        output_spec: f.object("output_spec").map(Value::Object),
        quality_rules: quality_rules(f),
        attachments: attachments(f),
        user_first_name: f.text("user_first_name", 1..=FIRST_NAME_MAX),
        brand_kit_id: f.uuid("brand_kit_id"),
    };
    let wishes = wishes(f, settings);
    let metadata = f.any("metadata");
    fields.finish(READ_ONLY)?;
    let budget = budget.ok_or_else(|| Problem::field("budget", "is required"))?;
    Ok(NewTask { brief, budget, wishes, metadata, warnings })
}

fn description(f: &mut Fields) -> String {
    let description = f.text("description", 0..=DESCRIPTION_MAX);
    let brief = f.text("brief", 0..=DESCRIPTION_MAX);
    if let (Some(description), Some(brief)) = (&description, &brief)
        && description != brief
    {
        f.problem("brief", "is another name of description and differs from it; send one of them");
    }
    description.or(brief).unwrap_or_default()
}

fn title(f: &mut Fields) -> Option<String> {
    let title = f.text("title", TITLE)?;
    if title.trim().chars().count() < *TITLE.start() {
        f.problem("title", "must have at least 5 characters beside spaces");
    }
    Some(title)
}

fn enough(f: &mut Fields, title: Option<&str>, description: &str, requirements: &Map<String, Value>) {
    let given = [title.unwrap_or(""), description].iter().map(|t| t.trim().chars().count()).sum::<usize>()
        + requirements.iter().map(|(key, value)| key.chars().count() + said(value)).sum::<usize>();
    if given < BRIEF_MIN {
        let message =
            "says too little: give at least 20 characters in title, description and requirements together";
        f.problem("description", message);
    }
}

/// How many characters a requirement says.
fn said(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(number) => number.to_string().len(),
        Value::String(text) => text.trim().chars().count(),
        Value::Array(items) => items.iter().map(said).sum(),
        Value::Object(map) => map.iter().map(|(key, value)| key.chars().count() + said(value)).sum(),
    }
}

/// A title from the first line of the description; from the type where that says too little.
fn made_title(description: &str, kind: &str) -> String {
    let line = description.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("");
    let sentence = line.split_inclusive(['.', '!', '?']).next().unwrap_or("").trim_end_matches('.');
    let made = cut(sentence);
    if made.chars().count() >= *TITLE.start() {
        return made;
    }
    cut(&format!("New task: {kind}"))
}

/// At most [`MADE_TITLE_MAX`] characters, ending with a whole word where one fits.
fn cut(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= MADE_TITLE_MAX {
        return text;
    }
    let head: String = text.chars().take(MADE_TITLE_MAX).collect();
    match head.rsplit_once(' ') {
        Some((words, _)) if words.chars().count() >= *TITLE.start() => words.to_owned(),
        _ => head,
    }
}

fn quality_rules(f: &mut Fields) -> Map<String, Value> {
    let rules = f.object("quality_rules").unwrap_or_default();
    for (name, value) in &rules {
        let path = format!("quality_rules.{name}");
        if !QUALITY_RULES.contains(&name.as_str()) {
            f.problem(&path, format!("is not a known rule; valid are: {}", QUALITY_RULES.join(", ")));
        } else if !value.is_boolean() {
            f.problem(&path, "must be true or false");
        }
    }
    rules
}

fn attachments(f: &mut Fields) -> Vec<Attachment> {
    let mut attachments = Vec::new();
    for mut item in f.nested_list("attachments", ATTACHMENTS_MAX) {
        item.require(&["filename", "url", "content_type"]);
        let filename = item.text("filename", 1..=FILENAME_MAX);
        let url = item.text("url", 1..=URL_MAX);
        let content_type = item.text("content_type", 3..=MEDIA_TYPE_MAX);
        if url.as_deref().is_some_and(|url| !is_https(url)) {
            item.problem("url", "must be an absolute https URL");
        }
        if content_type.as_deref().is_some_and(|media| !is_media_type(media)) {
            item.problem("content_type", "must be a media type such as application/pdf");
        }
        if let (Some(filename), Some(url), Some(content_type)) = (filename, url, content_type) {
            attachments.push(Attachment { filename, url, content_type });
        }
        f.absorb(item);
    }
    attachments
}

fn is_https(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.scheme() == "https" && url.host().is_some())
}

fn is_media_type(text: &str) -> bool {
    let token = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_graphic() && c != '/');
    let essence = text.split(';').next().unwrap_or("").trim();
    essence.split_once('/').is_some_and(|(kind, sub)| token(kind) && token(sub))
        && !text.chars().any(char::is_control)
}

fn wishes(f: &mut Fields, settings: &ApiSettings) -> Wishes {
    let share = f.number("experimentation", 0.0..=1.0);
    Wishes {
        agents: f.whole("agents", u64::from(AGENTS_MIN)..=u64::from(AGENTS_MAX)),
        close: close(f),
        routing: routing(f, settings),
        experimentation_milli: share.map_or(EXPERIMENTATION_MILLI, |share| (share * 1000.0).round() as u16),
        min_bids: f.whole("min_bids", 1..=u64::from(AGENTS_MAX)).or(settings.min_bids),
    }
}

fn close(f: &mut Fields) -> ClosePolicy {
    const VALID: &str =
        "must be \"all\", \"deadline\", \"buyer_stop\", {\"first_k\": 1..8} or {\"score_at_least\": 0..1}";
    let Some(value) = f.any("close") else { return ClosePolicy::All };
    let policy = match &value {
        Value::String(word) => named_close(word),
        Value::Object(map) if map.len() == 1 => {
            map.iter().next().and_then(|(name, n)| counted_close(name, n))
        }
        _ => None,
    };
    if policy.is_none() {
        f.problem("close", VALID);
    }
    policy.unwrap_or_default()
}

fn named_close(word: &str) -> Option<ClosePolicy> {
    match word {
        "all" => Some(ClosePolicy::All),
        "deadline" => Some(ClosePolicy::Deadline),
        "buyer_stop" => Some(ClosePolicy::BuyerStop),
        _ => None,
    }
}

fn counted_close(name: &str, number: &Value) -> Option<ClosePolicy> {
    match name {
        "first_k" => {
            let k = number.as_u64().and_then(|k| u8::try_from(k).ok());
            k.filter(|k| (1..=AGENTS_MAX).contains(k)).map(ClosePolicy::FirstK)
        }
        "score_at_least" => {
            let least = number.as_f64().filter(|least| (0.0..=1.0).contains(least))?;
            Ppm::from_f64(least).map(ClosePolicy::ScoreAtLeast)
        }
        _ => None,
    }
}

fn routing(f: &mut Fields, settings: &ApiSettings) -> Routing {
    let Some(mut nested) = f.nested("routing") else { return Routing::default() };
    let any = Money::ZERO..=Money::from_minor(i64::MAX);
    let routing = Routing {
        only: nested.texts("only", ROUTING_MAX).unwrap_or_default(),
        ignore: nested.texts("ignore", ROUTING_MAX).unwrap_or_default(),
        max_price: nested.money_or_plain::<of::MaxPrice>(&settings.currency, any),
    };
    if routing.only.iter().any(|slug| routing.ignore.contains(slug)) {
        nested.problem("ignore", "names an agent that only names too");
    }
    f.absorb(nested);
    routing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::settings;
    use serde_json::json;

    fn read_with(change: Value) -> Result<NewTask, Vec<String>> {
        let mut body = json!({
            "category": "content-writing", "task_type": "blog-post", "budget_usd": 22,
            "description": "A post about spring in the garden.",
        });
        for (key, value) in change.as_object().unwrap() {
            body[key] = value.clone();
        }
        read(Fields::parse(body.to_string().as_bytes()).unwrap(), &settings())
            .map_err(|problem| problem.errors().iter().map(|e| e.field.clone()).collect())
    }

    #[test]
    fn what_fits_and_what_does_not() {
        let check = |change: Value, wrong: &[&str]| {
            let fields = read_with(change.clone()).err().unwrap_or_default();
            assert_eq!(fields, wrong, "{change}");
        };
        check(json!({}), &[]);
        check(json!({ "title": "x".repeat(200), "description": "é".repeat(5000) }), &[]);
        check(json!({ "title": "x".repeat(201) }), &["title"]);
        check(json!({ "title": "four" }), &["title"]);
        check(json!({ "title": null }), &[]);
        check(json!({ "description": "x".repeat(5001) }), &["description", "description"]);
        check(json!({ "brief": "A post about spring in the garden." }), &[]);
        check(json!({ "brief": "Another" }), &["brief"]);
        check(json!({ "description": null, "brief": "A brief with enough said" }), &[]);
        check(json!({ "budget_usd": 3 }), &[]);
        check(json!({ "budget_usd": 2.99 }), &["budget_usd"]);
        check(json!({ "budget_usd": 500.01 }), &["budget_usd"]);
        check(json!({ "budget_usd": "22" }), &["budget_usd"]);
        check(json!({ "budget_aud": 22 }), &["budget_aud"]);
        check(json!({ "experimentation": 0, "agents": 3, "min_bids": 3 }), &[]);
        check(json!({ "min_bids": 0 }), &["min_bids"]);
        check(json!({ "min_bids": 9 }), &["min_bids"]);
        check(json!({ "experimentation": 1.01, "agents": 9 }), &["experimentation", "agents"]);
        check(json!({ "experimentation": -0.01, "agents": 2.5 }), &["experimentation", "agents"]);
        check(json!({ "brand_kit_id": "no" }), &["brand_kit_id"]);
        check(json!({ "requirements": [] }), &["requirements"]);
        check(json!({ "id": "x", "colour": "red" }), &["colour", "id"]);
        check(json!({ "quality_rules": { "complete_deliverable": true } }), &[]);
        check(
            json!({ "quality_rules": { "complete_deliverable": 1, "x": true } }),
            &["quality_rules.complete_deliverable", "quality_rules.x"],
        );
        check(json!({ "description": "a\u{0}b is refused, really" }), &["description", "description"]);
        check(json!({ "metadata": { "deep": ["a\u{0}"] } }), &["metadata"]);
        check(json!({ "description": "", "title": "Blog post" }), &["description"]);
        check(json!({ "description": "", "requirements": { "topic": "spring gardens" } }), &["description"]);
        check(json!({ "description": "", "requirements": { "topic": "spring in gardens" } }), &[]);
        check(json!({ "category": "nonsense" }), &["category"]);
        check(json!({ "task_type": "nonsense" }), &["task_type"]);
    }

    #[test]
    fn requirements_that_a_type_knows_must_fit_it() {
        let check = |requirements: Value, wrong: &[&str]| {
            let fields = read_with(json!({ "requirements": requirements.clone() })).err().unwrap_or_default();
            assert_eq!(fields, wrong, "{requirements}");
        };
        check(json!({ "word_count": 800, "style": "ornate", "keywords": ["a"], "colour": [1] }), &[]);
        check(json!({ "word_count": null, "style": null }), &[]);
        check(
            json!({ "word_count": true, "style": "florid" }),
            &["requirements.style", "requirements.word_count"],
        );
        check(json!({ "keywords": ["a", 1] }), &["requirements.keywords[1]"]);
        let unknown = read_with(json!({ "task_type": "nonsense", "requirements": { "style": 1 } })).err();
        assert_eq!(unknown.unwrap_or_default(), ["task_type"], "nothing is known of an unknown type");
    }

    #[test]
    fn missing_fields_are_told_together() {
        let fields = Fields::parse(b"{}").unwrap();
        let Err(problem) = read(fields, &settings()) else { panic!("refused") };
        let named: Vec<_> = problem.errors().iter().map(|e| e.field.as_str()).collect();
        assert_eq!(named, ["category", "task_type", "budget_usd", "description"]);
    }

    #[test]
    fn attachments_and_routing() {
        let file = |url: &str| json!({ "filename": "a.pdf", "url": url, "content_type": "application/pdf" });
        let check = |change: Value, wrong: &[&str]| {
            assert_eq!(read_with(change.clone()).err().unwrap_or_default(), wrong, "{change}");
        };
        check(json!({ "attachments": [file("https://files.example/a.pdf")] }), &[]);
        check(json!({ "attachments": [file("http://files.example/a.pdf")] }), &["attachments[0].url"]);
        check(json!({ "attachments": ["a.pdf"] }), &["attachments"]);
        check(
            json!({ "attachments": [{}] }),
            &["attachments[0].filename", "attachments[0].url", "attachments[0].content_type"],
        );
        check(json!({ "routing": { "only": ["a"], "ignore": ["b"], "max_price_usd": 5.5 } }), &[]);
        check(json!({ "routing": { "max_price": 5.5 } }), &[]);
        check(json!({ "routing": { "only": ["a"], "ignore": ["a"] } }), &["routing.ignore"]);
        check(json!({ "routing": { "order": "price" } }), &["routing.order"]);
    }

    #[test]
    fn close_policies() {
        let check = |close: Value, expected: Option<ClosePolicy>| {
            let read = read_with(json!({ "close": close })).ok().map(|new| new.wishes.close);
            assert_eq!(read, expected, "{close}");
        };
        check(json!(null), Some(ClosePolicy::All));
        check(json!("deadline"), Some(ClosePolicy::Deadline));
        check(json!("buyer_stop"), Some(ClosePolicy::BuyerStop));
        check(json!({ "first_k": 2 }), Some(ClosePolicy::FirstK(2)));
        check(json!({ "score_at_least": 0.7 }), Some(ClosePolicy::ScoreAtLeast(Ppm::new(700_000))));
        check(json!({ "first_k": 0 }), None);
        check(json!({ "score_at_least": 1.1 }), None);
        check(json!({ "first_k": 2, "score_at_least": 0.7 }), None);
        check(json!("whenever"), None);
    }

    #[test]
    fn titles_are_made() {
        let check = |description: &str, title: &str| {
            let new = read_with(
                json!({ "description": description, "requirements": { "topic": "twenty letters or more" } }),
            );
            assert_eq!(new.ok().map(|n| n.brief.title).as_deref(), Some(title), "{description:?}");
        };
        check("Write a post. It is about spring.", "Write a post");
        check("\n  Two\n lines", "New task: Blog post");
        check("", "New task: Blog post");
        check(&"word ".repeat(40), "word ".repeat(16).trim_end());
        check(&"x".repeat(300), &"x".repeat(80));
    }
}
