use super::*;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn task_type(slug: &str, aliases: &[&str]) -> TaskType {
    TaskType { slug: slug.to_owned(), aliases: words(aliases), ..TaskType::default() }
}

fn category(slug: &str, aliases: &[&str], task_types: Vec<TaskType>) -> Category {
    Category { slug: slug.to_owned(), aliases: words(aliases), task_types, ..Category::default() }
}

fn catalog() -> Catalog {
    Catalog {
        categories: vec![
            category(
                "content-writing",
                &["writing-translation"],
                vec![task_type("blog-post", &["article"]), task_type("ad-copy", &[])],
            ),
            category("marketing", &["digital-marketing"], vec![task_type("seo-audit", &[])]),
            category("translation", &["writing-translation"], vec![task_type("document-translation", &[])]),
        ],
    }
}

#[test]
fn slugs_and_aliases_name_one_kind_of_work() {
    let catalog = catalog();
    let check = |category: &str, task_type: &str, expected: Result<(&str, &str), &str>| {
        let resolved = catalog.resolve(category, task_type);
        let told = resolved.map(|(c, t)| (c.slug.as_str(), t.slug.as_str())).map_err(|e| e.to_string());
        assert_eq!(told, expected.map_err(str::to_owned), "{category}/{task_type}");
    };
    check("content-writing", "blog-post", Ok(("content-writing", "blog-post")));
    check("content-writing", "article", Ok(("content-writing", "blog-post")));
    check("digital-marketing", "seo-audit", Ok(("marketing", "seo-audit")));
    // One alias of two categories: the type tells which.
    check("writing-translation", "blog-post", Ok(("content-writing", "blog-post")));
    check("writing-translation", "document-translation", Ok(("translation", "document-translation")));
    check("cooking", "blog-post", Err("is not known; valid are: content-writing, marketing, translation"));
    check(
        "Content-Writing",
        "blog-post",
        Err("is not known; valid are: content-writing, marketing, translation"),
    );
    check("content-writing", "haiku", Err("is no type of content-writing; valid are: blog-post, ad-copy"));
    check(
        "marketing",
        "article",
        Err("is no type of marketing but of content-writing; valid are: seo-audit"),
    );
    let of_two = "is no type of writing-translation; valid are: blog-post, ad-copy, document-translation";
    check("writing-translation", "haiku", Err(of_two));
}

#[test]
fn an_agent_may_name_categories_and_types() {
    let catalog = catalog();
    let check = |word: &str, expected: &[&str]| {
        let named: Vec<_> = catalog.capability(word).iter().map(|c| c.slug.as_str()).collect();
        assert_eq!(named, expected, "{word}");
    };
    check("marketing", &["marketing"]);
    check("digital-marketing", &["marketing"]);
    check("writing-translation", &["content-writing", "translation"]);
    check("seo-audit", &["marketing"]);
    check("article", &["content-writing"]);
    check("poetry", &[]);
    assert_eq!(catalog.task_type("article").map(|t| t.slug.as_str()), Some("blog-post"));
    assert_eq!(catalog.category_of("article"), None, "an alias is no slug");
}

fn field(name: &str, shape: Shape) -> Field {
    Field {
        name: name.to_owned(),
        shape,
        description: format!("The {name}."),
        required: false,
        default: None,
    }
}

fn input() -> Vec<Field> {
    let one_of = |values: &[&str]| values.iter().map(|v| json!(v)).collect();
    let texts = Some(Box::new(Shape::of(&[Kind::String])));
    vec![
        Field { required: true, ..field("topic", Shape::of(&[Kind::String])) },
        field("word_count", Shape::of(&[Kind::Number, Kind::String])),
        field("style", Shape { one_of: one_of(&["plain", "ornate"]), ..Shape::of(&[Kind::String]) }),
        field("keywords", Shape { items: texts, ..Shape::of(&[Kind::Array]) }),
        field("level", Shape { one_of: vec![json!(1), json!(2)], ..Shape::of(&[Kind::Number]) }),
        field("urgent", Shape::of(&[Kind::Boolean])),
        field("palette", Shape::of(&[Kind::Object])),
        field("logo", Shape::of(&[Kind::Artifact])),
    ]
}

fn told(remarks: &[Remark]) -> Vec<String> {
    remarks.iter().map(|remark| format!("{} {}", remark.field, remark.message)).collect()
}

#[test]
fn known_fields_must_be_what_they_are() {
    let check = |requirements: Value, expected: &[&str]| {
        let mut requirements = requirements;
        requirements["topic"] = requirements.get("topic").cloned().unwrap_or(json!("tea"));
        let reading = super::check(&input(), requirements.as_object().unwrap());
        assert_eq!(told(&reading.problems), expected, "{requirements}");
        assert_eq!(told(&reading.warnings), Vec::<String>::new(), "{requirements}");
    };
    check(json!({ "word_count": 800, "style": "plain", "keywords": ["a", "b"], "urgent": false }), &[]);
    check(
        json!({ "word_count": "800 to 900", "keywords": [], "palette": { "sky": "blue" }, "level": 2.0 }),
        &[],
    );
    check(json!({ "logo": "0f".repeat(32) }), &[]);
    check(json!({ "style": null, "keywords": null }), &[]);
    check(json!({ "topic": 7 }), &["requirements.topic must be text"]);
    check(json!({ "word_count": true }), &["requirements.word_count must be a number or text"]);
    check(json!({ "style": "florid" }), &["requirements.style must be one of: plain, ornate"]);
    check(json!({ "level": 3 }), &["requirements.level must be one of: 1, 2"]);
    check(json!({ "keywords": "a" }), &["requirements.keywords must be a list"]);
    check(json!({ "keywords": ["a", 7] }), &["requirements.keywords[1] must be text"]);
    check(json!({ "palette": [] }), &["requirements.palette must be an object"]);
    check(json!({ "logo": "0F".repeat(32) }), &["requirements.logo must be the SHA-256 of a stored file"]);
    let two = ["requirements.style must be text", "requirements.urgent must be true or false"];
    check(json!({ "style": 1, "urgent": "no" }), &two);
}

#[test]
fn what_is_missing_or_unknown_is_only_told() {
    let read = |requirements: Value| super::check(&input(), requirements.as_object().unwrap());
    let missing =
        "requirements.topic is missing; agents have to find it elsewhere in the brief, or guess: The topic.";
    assert_eq!(told(&read(json!({})).warnings), [missing]);
    assert_eq!(told(&read(json!({ "topic": null })).warnings), [missing]);
    let unknown = read(json!({ "topic": "tea", "colour": "red", "mood": null }));
    let all = "topic, word_count, style, keywords, level, urgent, palette, logo";
    let told_of_it = format!(
        "requirements.colour is no field of this task type; agents get it as it is. The type knows: {all}"
    );
    assert_eq!((told(&unknown.warnings), unknown.problems), (vec![told_of_it], vec![]));
    let everywhere = EVERYWHERE.iter().filter(|key| !["word_count", "keywords"].contains(*key));
    let common: Map<_, _> = everywhere.map(|key| ((*key).to_owned(), json!(7))).collect();
    assert_eq!(super::check(&input(), &common).warnings.len(), 1, "only the missing topic");
    let nothing_known = super::check(&[], json!({ "anything": 1 }).as_object().unwrap());
    assert_eq!(nothing_known, Reading::default());
}

#[test]
fn every_kind_admits_its_own_values() {
    let values = [json!("x"), json!(1.5), json!(true), json!({}), json!([]), json!("ab".repeat(32))];
    for (kind, own) in Kind::ALL.into_iter().zip(&values) {
        assert_eq!(Shape::of(&[kind]).fault(own), None, "{}", kind.name());
        let admitted = values.iter().filter(|value| Shape::of(&[kind]).fault(value).is_none()).count();
        // A digest is a text as well.
        assert_eq!(admitted, if kind == Kind::String { 2 } else { 1 }, "{}", kind.name());
    }
}

proptest! {
    /// Nothing a buyer says is lost on the way: each key is a problem, a warning, or fits.
    #[test]
    fn each_key_is_told_of_at_most_once(
        keys in prop::collection::btree_set("topic|word_count|style|keywords|other|more", 0..6),
        number in any::<i32>(),
    ) {
        let requirements: Map<_, _> = keys.iter().map(|key| (key.clone(), json!(number))).collect();
        let reading = super::check(&input(), &requirements);
        let all: Vec<_> = reading.problems.iter().chain(&reading.warnings).map(|r| &r.field).collect();
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        prop_assert_eq!(distinct.len(), all.len());
        for key in keys.iter().filter(|key| *key != "word_count") {
            prop_assert!(all.iter().any(|field| **field == format!("requirements.{key}")), "{}", key);
        }
    }
}
