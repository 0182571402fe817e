use super::*;
use gavel_domain::catalog::{Kind, Quantity};
use gavel_domain::score::{Dimension, Origin};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

fn fields_of(catalog: &Catalog) -> impl Iterator<Item = (&TaskType, &gavel_domain::catalog::Field)> {
    let types = catalog.categories.iter().flat_map(|c| &c.task_types);
    types.flat_map(|t| t.input.iter().chain(&t.output).map(move |field| (t, field)))
}

#[test]
fn the_shipped_catalogue_is_whole() {
    let catalog = shipped().unwrap();
    let counts: Vec<_> = catalog.categories.iter().map(|c| (c.slug.as_str(), c.task_types.len())).collect();
    let expected = [
        ("content-writing", 10),
        ("data-spreadsheets", 7),
        ("research-analysis", 8),
        ("business-documents", 9),
        ("visual-design", 11),
        ("marketing", 8),
        ("scripts-planning", 4),
        ("translation", 4),
        ("education-training", 5),
        ("legal-compliance", 4),
        ("personal-admin", 5),
    ];
    assert_eq!(counts, expected);
    assert_eq!(counts.iter().map(|(_, types)| types).sum::<usize>(), 75);
    let types = || catalog.categories.iter().flat_map(|c| &c.task_types);
    assert_eq!(types().filter(|t| t.origin == Origin::Published).count(), 33);
    for task_type in types() {
        assert!((3..=7).contains(&task_type.input.len()), "{}", task_type.slug);
        assert!(!task_type.output.is_empty(), "{}", task_type.slug);
        assert!(task_type.description.ends_with('.'), "{}", task_type.slug);
    }
}

#[test]
fn published_names_keep_their_meaning() {
    let catalog = shipped().unwrap();
    let check = |category: &str, task_type: &str, expected: (&str, &str)| {
        let (found, kind) = catalog.resolve(category, task_type).unwrap();
        assert_eq!((found.slug.as_str(), kind.slug.as_str()), expected, "{category}/{task_type}");
    };
    for (category, types) in [
        ("content-writing", "blog-post email-sequence ad-copy press-release newsletter-content"),
        ("data-spreadsheets", "spreadsheet-creation data-analysis-summary comparison-table"),
        ("research-analysis", "market-research competitor-analysis trend-analysis"),
        ("business-documents", "business-proposal presentation-deck policy-document"),
        ("visual-design", "logo-design infographic-design brand-kit"),
        ("marketing", "seo-audit ad-campaign-strategy landing-page-copy"),
        ("scripts-planning", "video-script content-calendar"),
        ("translation", "document-translation website-localisation"),
        ("education-training", "course-outline quiz-assessment tutorial-writing"),
        ("legal-compliance", "privacy-policy terms-of-service nda-template"),
        ("personal-admin", "cover-letter travel-itinerary proofreading-editing"),
    ] {
        for task_type in types.split(' ') {
            check(category, task_type, (category, task_type));
            assert_eq!(catalog.task_type(task_type).unwrap().origin, Origin::Published, "{task_type}");
        }
    }
    check("writing-translation", "blog-post", ("content-writing", "blog-post"));
    check("writing-translation", "document-translation", ("translation", "document-translation"));
    check("data", "comparison-table", ("data-spreadsheets", "comparison-table"));
    check("business", "slide-deck", ("business-documents", "presentation-deck"));
    check("graphics-design", "logo-design", ("visual-design", "logo-design"));
    check("digital-marketing", "seo-audit", ("marketing", "seo-audit"));
    check("translation", "website-localization", ("translation", "website-localisation"));
}

#[test]
fn every_pair_of_names_means_the_one_type() {
    let catalog = shipped().unwrap();
    for category in &catalog.categories {
        for task_type in &category.task_types {
            for word in category.aliases.iter().chain([&category.slug]) {
                for kind in task_type.aliases.iter().chain([&task_type.slug]) {
                    assert_eq!(catalog.resolve(word, kind), Ok((category, task_type)), "{word}/{kind}");
                }
            }
            assert_eq!(catalog.capability(&task_type.slug), [category], "{}", task_type.slug);
        }
    }
}

#[test]
fn weights_and_times_are_those_that_were_published() {
    let catalog = shipped().unwrap();
    let published = BTreeMap::from([
        ("content-writing", [2500, 2000, 2500, 1500, 1500]),
        ("data-spreadsheets", [3000, 3000, 2000, 1500, 500]),
        ("research-analysis", [2500, 3000, 2000, 1000, 1500]),
        ("business-documents", [3000, 1500, 2500, 2000, 1000]),
    ]);
    for category in &catalog.categories {
        let rubric = category.rubric.unwrap();
        let weights = Dimension::ALL.map(|d| rubric.weights.of(d));
        let expected = published.get(category.slug.as_str());
        let origin = if expected.is_some() { Origin::Published } else { Origin::Ours };
        assert_eq!(weights, *expected.unwrap_or(&[3000, 2000, 2500, 1500, 1000]), "{}", category.slug);
        assert_eq!(rubric.origin, origin, "{}", category.slug);
        let longer = ["data-spreadsheets", "research-analysis"].contains(&category.slug.as_str());
        let seconds = category.timeouts.prototype_call.map(|t| t.num_seconds());
        assert_eq!(seconds, longer.then_some(180), "{}", category.slug);
    }
}

/// What is written as default or choice is what the type itself takes, and what is required is what only the buyer knows.
#[test]
fn shipped_fields_take_their_own_values() {
    let catalog = shipped().unwrap();
    for (task_type, field) in fields_of(&catalog) {
        let whose = format!("{}.{}", task_type.slug, field.name);
        for value in field.default.iter().chain(&field.shape.one_of) {
            assert_eq!(field.shape.fault(value), None, "{whose}");
        }
        assert!(!(field.required && field.default.is_some()), "{whose}");
        assert_eq!(field.shape.items.is_some(), field.shape.kinds.contains(&Kind::Array), "{whose}");
    }
    let required: Vec<_> = fields_of(&catalog).filter(|(_, field)| field.required).collect();
    assert!(required.iter().all(|(_, field)| field.name == "target_language"), "{required:?}");
}

#[test]
fn every_file_of_the_folder_is_shipped() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/catalog");
    let (embedded, on_disk) = (Files::shipped(), Files::of_folder(Path::new(folder)).unwrap());
    assert_eq!(embedded.names().collect::<Vec<_>>(), on_disk.names().collect::<Vec<_>>());
    assert_eq!(read(&embedded).unwrap(), load(folder).unwrap());
}

/// Two categories of one type each, with one text put in the place of another's.
fn with(file: &str, text: &str) -> Files {
    let category = |slug: &str, task_type: &str| {
        format!(
            "{{\n\"slug\": \"{slug}\",\n\"name\": \"A\",\n\"description\": \"A.\",\n\"aliases\": [\"both\"],\n\
             \"task_types\": [\"{task_type}\"]\n}}"
        )
    };
    let one =
        |slug: &str| format!("{{\n\"slug\": \"{slug}\",\n\"name\": \"B\",\n\"description\": \"B.\"\n}}");
    let mut texts = BTreeMap::from([
        ("catalog.json", "{\n\"categories\": [\"a\", \"c\"]\n}".to_owned()),
        ("a/category.json", category("a", "b")),
        ("a/b.json", one("b")),
        ("c/category.json", category("c", "d")),
        ("c/d.json", one("d")),
    ]);
    texts.insert(file, text.to_owned());
    Files::of("mine", texts.into_iter().map(|(path, text)| (path, Cow::Owned(text))))
}

fn refused(files: &Files) -> String {
    read(files).unwrap_err().to_string()
}

#[test]
fn a_category_may_say_little() {
    let catalog =
        read(&with("c/d.json", "{ \"slug\": \"d\", \"name\": \"D\", \"description\": \"D.\" }")).unwrap();
    let a = &catalog.categories[0];
    assert_eq!(
        (a.rubric, a.timeouts, a.aliases.as_slice()),
        (None, Default::default(), &["both".to_owned()][..])
    );
    assert_eq!(catalog.resolve("both", "d").unwrap().0.slug, "c");
}

#[test]
fn mistakes_between_files_are_told_with_file_and_line() {
    let check = |file: &str, text: &str, expected: &str| assert_eq!(refused(&with(file, text)), expected);
    let category =
        |rest: &str| format!("{{\n\"slug\": \"a\",\n\"name\": \"A\",\n\"description\": \"A.\",\n{rest}\n}}");
    let d = |rest: &str| format!("{{\n\"name\": \"D\",\n\"description\": \"D.\",\n{rest}\n}}");
    check(
        "catalog.json",
        "{\n\"categories\": []\n}",
        "mine/catalog.json:2: categories must list at least one",
    );
    check(
        "catalog.json",
        "{\n\"categories\": [\n\"a\",\n\"x\"]}",
        "mine/catalog.json:4: \"x\" has no file x/category.json",
    );
    check(
        "catalog.json",
        "{\n\"categories\": [\n\"a\",\n\"a\"]}",
        "mine/catalog.json:4: \"a\" is listed twice",
    );
    check(
        "catalog.json",
        "{\n\"categories\": [\"a\"]\n}",
        "mine/c/category.json:1: it is not listed in catalog.json",
    );
    check("a/x.json", "{}", "mine/a/x.json:1: it is not listed in a/category.json");
    check(
        "a/category.json",
        &category("\"task_types\": []"),
        "mine/a/category.json:5: task_types must list at least one",
    );
    check(
        "a/category.json",
        &category("\"task_types\": [\"b\",\n\"x\"]"),
        "mine/a/category.json:6: \"x\" has no file a/x.json",
    );
    check("c/d.json", &d("\"slug\": \"e\""), "mine/c/d.json:4: the slug \"e\" differs from the file's name");
    check(
        "c/category.json",
        &category("\"task_types\": []"),
        "mine/c/category.json:2: the slug \"a\" differs from the folder's name",
    );
    check(
        "c/d.json",
        &d("\"slug\": \"d\",\n\"aliases\": [\n\"b\"]"),
        "mine/c/d.json:6: the alias \"b\" is a slug, in a/b.json",
    );
    check(
        "c/d.json",
        &d("\"slug\": \"d\",\n\"aliases\": [\n\"x\",\n\"x\"]"),
        "mine/c/d.json:7: the alias \"x\" is used twice, first in c/d.json",
    );
    check(
        "c/d.json",
        &d("\"slug\": \"d\", \"aliases\": [\"both\"]"),
        "mine/c/d.json:4: the alias \"both\" is used twice, first in a/category.json",
    );
    check(
        "a/category.json",
        &category("\"aliases\": [\"x\",\n\"x\"], \"task_types\": [\"b\"]"),
        "mine/a/category.json:6: the alias \"x\" is used twice, first in a/category.json",
    );
    let long = "x".repeat(101);
    for wrong in ["Two", "two_words", "two--words", "-two", "", &long] {
        let told = refused(&with("c/d.json", &d(&format!("\"slug\": \"d\", \"aliases\": [\"{wrong}\"]"))));
        assert!(told.starts_with("mine/c/d.json:4: ") && told.contains("lowercase words"), "{wrong}: {told}");
    }
}

#[test]
fn one_slug_names_one_thing() {
    let files = with(
        "c/category.json",
        "{\n\"slug\": \"c\", \"name\": \"C\", \"description\": \"C.\", \"task_types\": [\"b\"] }",
    );
    let texts: Vec<_> = files
        .names()
        .filter(|name| *name != "c/d.json")
        .map(|name| (name, files.text(name).unwrap()))
        .collect();
    let more = ("c/b.json", "{\n\"slug\": \"b\", \"name\": \"B\", \"description\": \"B.\" }");
    let all = texts.into_iter().chain([more]).map(|(name, text)| (name, Cow::Owned(text.to_owned())));
    let told = refused(&Files::of("mine", all));
    assert_eq!(told, "mine/c/b.json:2: the slug \"b\" is used twice, first in a/b.json");
}

#[test]
fn mistakes_within_a_category_are_told_with_file_and_line() {
    let check = |line: &str, words: &[&str]| {
        let head =
            "{\n\"slug\": \"a\",\n\"name\": \"A\",\n\"description\": \"A.\",\n\"task_types\": [\"b\"],\n";
        let told = refused(&with("a/category.json", &format!("{head}{line}\n}}")));
        assert!(told.starts_with("mine/a/category.json:6: "), "{line}: {told}");
        assert!(words.iter().all(|word| told.contains(word)), "{line}: {told}");
    };
    let rubric = |first: i32, rest: &str| {
        format!(
            "\"rubric\": {{ \"origin\": \"ours\", \"task_completion\": {first}, \"factual_accuracy\": 2000, \
             \"output_quality\": 2500, \"format_compliance\": 1500, \"originality\": 1000{rest} }}"
        )
    };
    check(&rubric(3001, ""), &["sum to 10001 basis points"]);
    check(&rubric(-1, ""), &["-1"]);
    check(&rubric(3000, ", \"style\": 0"), &["unknown field", "style"]);
    check("\"rubric\": { \"origin\": \"ours\" }", &["missing field", "task_completion"]);
    check("\"rubric\": { \"origin\": \"theirs\" }", &["theirs", "published", "ours"]);
    for wrong in ["0", "-5", "86401"] {
        check(&format!("\"timeouts\": {{ \"final_call_seconds\": {wrong} }}"), &["1 to 86400", wrong]);
    }
    check("\"timeouts\": { \"final_call_seconds\": 2.5 }", &["2.5"]);
    check("\"timeouts\": { \"review_seconds\": 2 }", &["unknown field", "review_seconds"]);
    check("\"colour\": 1", &["unknown field", "colour"]);
    check("\"aliases\": \"x\"", &["invalid type", "x"]);
}

#[test]
fn mistakes_within_a_type_are_told_with_file_and_line() {
    let check = |line: &str, words: &[&str]| {
        let head = "{\n\"slug\": \"d\",\n\"name\": \"D\",\n\"description\": \"D.\",\n\"output\": {},\n";
        let told = refused(&with("c/d.json", &format!("{head}{line}\n}}")));
        assert!(told.starts_with("mine/c/d.json:6: "), "{line}: {told}");
        assert!(words.iter().all(|word| told.contains(word)), "{line}: {told}");
    };
    let field = |rest: &str| format!("\"input\": {{ \"f\": {{ \"description\": \"F.\", {rest} }} }}");
    check("\"nmae\": 1", &["unknown field", "nmae"]);
    check("\"unit\": \" \"", &["unknown field"]);
    check(
        &field("\"type\": \"strng\""),
        &["\"strng\" is no type", "string, number, boolean, object, array, artifact"],
    );
    check(&field("\"type\": []"), &["type must list at least one"]);
    check(&field("\"type\": [\"string\", \"string\"]"), &["listed twice"]);
    check(&field("\"type\": 3"), &["a type or a list of types"]);
    check(&field("\"type\": \"string\", \"requierd\": true"), &["unknown field", "requierd"]);
    check(&field("\"type\": \"string\", \"required\": \"yes\""), &["yes"]);
    check(&field("\"type\": \"string\", \"default\": 3"), &["the default must be text"]);
    check(
        &field("\"type\": \"string\", \"default\": \"z\", \"enum\": [\"x\", \"y\"]"),
        &["the default must be one of: x, y"],
    );
    check(
        &field("\"type\": \"array\", \"items\": { \"type\": \"number\" }, \"default\": [1, \"x\"]"),
        &["the default[1] must be a number"],
    );
    check(&field("\"type\": \"number\", \"enum\": [1, \"x\"]"), &["\"x\" in enum must be a number"]);
    check(&field("\"type\": \"number\", \"enum\": [1, 1]"), &["1 stands in enum twice"]);
    check(&field("\"type\": \"number\", \"enum\": []"), &["enum must list at least one"]);
    check(
        &field("\"type\": \"number\", \"items\": { \"type\": \"number\" }"),
        &["only a field of type array"],
    );
    check(&field("\"type\": \"array\", \"items\": { \"type\": \"thing\" }"), &["\"thing\" is no type"]);
    check("\"input\": { \"f\": { \"type\": \"string\" } }", &["missing field", "description"]);
    check(
        "\"input\": { \"two words\": { \"type\": \"string\", \"description\": \"F.\" } }",
        &["two words", "a field's name"],
    );
    let twice = "\"f\": { \"type\": \"string\", \"description\": \"F.\" }";
    check(&format!("\"input\": {{ {twice}, {twice} }}"), &["the field \"f\" is given twice"]);
    let price = |rest: &str| {
        format!(
            "\"input\": {{ \"n\": {{ \"type\": \"number\", \"description\": \"N.\", \"enum\": [1, 2] }} }}, \
             \"pricing_model\": {{ \"unit\": \"page\", \"unit_label\": \"pages\", {rest} }}"
        )
    };
    check(&price("\"input_field\": \"m\""), &["\"m\" is no field of the input"]);
    check(&price("\"output_field\": \"n\""), &["\"n\" is no field of the output"]);
    check(&price("\"input_field\": \"n\", \"output_field\": \"n\""), &["not both"]);
    check(&price("\"modifiers\": { \"m\": [1] }"), &["\"m\" is no field of the input"]);
    check(&price("\"modifiers\": { \"n\": [1, 3] }"), &["3 is no value that \"n\" lists"]);
    check(&price("\"modifiers\": { \"n\": [] }"), &["\"n\" has no options"]);
}

#[test]
fn types_keep_the_order_and_the_forms_of_their_fields() {
    let text = json!({
        "slug": "d", "name": "D", "description": "D.", "origin": "published",
        "input": {}, "output": {}, "pricing_model": null,
    });
    let text = text.to_string().replace(
        "\"input\":{}",
        "\"input\": { \"z\": { \"type\": [\"number\", \"string\"], \"description\": \"Z.\", \"default\": 3 },
          \"a\": { \"type\": \"array\", \"description\": \"A.\", \"items\": { \"type\": \"string\", \"enum\": [\"x\"] } } }",
    );
    let catalog = read(&with("c/d.json", &text)).unwrap();
    let found = catalog.task_type("d").unwrap();
    let names: Vec<_> = found.input.iter().map(|field| field.name.as_str()).collect();
    assert_eq!((names.as_slice(), found.origin), (&["z", "a"][..], Origin::Published));
    assert_eq!((&found.input[0].default, found.input[0].required), (&Some(json!(3)), false));
    assert_eq!(found.input[1].shape.fault(&json!(["x", "y"])).unwrap().at, "[1]");
    assert_eq!(found.pricing, None);
}

#[test]
fn prices_count_fields() {
    let catalog = shipped().unwrap();
    let of = |slug: &str| catalog.task_type(slug).unwrap().pricing.clone().unwrap();
    assert_eq!(of("blog-post").quantity, Some(Quantity::Input("word_count".to_owned())));
    assert_eq!(of("icon-set").quantity, Some(Quantity::Output("icons".to_owned())));
    assert_eq!(of("nda-template").modifiers, [("kind".to_owned(), vec![json!("one-way"), json!("mutual")])]);
}

#[test]
fn a_folder_is_read_like_the_binary() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    let no_index = load(path).unwrap_err().to_string();
    assert!(no_index.contains(path) && no_index.contains("there is no catalog.json"), "{no_index}");
    let files = with("notes.json", "{}");
    files
        .names()
        .filter(|name| *name != "notes.json")
        .for_each(|name| write(name, files.text(name).unwrap()));
    write("README.md", "what is no JSON is left alone");
    write(".hidden/x.json", "so is what is hidden");
    assert_eq!(load(path).unwrap().slugs(), ["a", "c"]);
    write("a/b.json", "{\n\"slug\": \"b\",\n}");
    let broken = load(path).unwrap_err().to_string();
    assert!(broken.starts_with(&format!("{path}/a/b.json:3: ")), "{broken}");
    let missing = load("/no/such/folder").unwrap_err().to_string();
    assert!(missing.contains("/no/such/folder (catalog.folder) cannot be read"), "{missing}");
    write("a/b.json", &Value::String("x".repeat(300_000)).to_string());
    assert!(load(path).unwrap_err().to_string().contains("more than 262144 bytes"));
}
