//! A small catalogue in which every form of a field, an alias and a price occurs.

use gavel_domain::catalog::{Catalog, Category, Field, Kind, Pricing, Quantity, Shape, TaskType};
use gavel_domain::score::{Origin, Rubric, Weights};
use serde_json::json;

/// Three categories, of which two share an alias.
pub(super) fn catalog() -> Catalog {
    let category = |slug: &str, name: &str, alias: &str, task_type: TaskType| Category {
        slug: slug.to_owned(),
        name: name.to_owned(),
        description: format!("About {slug}."),
        aliases: vec![alias.to_owned()],
        task_types: vec![task_type],
        ..Category::default()
    };
    let published =
        Rubric { weights: Weights::new([2500, 2000, 2500, 1500, 1500]).unwrap(), origin: Origin::Published };
    let content = category("content-writing", "Content writing", "writing-translation", blog_post());
    let target = Field { required: true, ..field("target_language", Shape::of(&[Kind::String])) };
    let translation =
        TaskType { input: vec![target], ..task_type("document-translation", "Document translation") };
    Catalog {
        categories: vec![
            Category { rubric: Some(published), ..content },
            category("marketing", "Marketing", "digital-marketing", task_type("ad-copy", "Ad copy")),
            category("translation", "Translation", "writing-translation", translation),
        ],
    }
}

fn blog_post() -> TaskType {
    let styles = vec![json!("plain"), json!("ornate")];
    let style = Shape { one_of: styles.clone(), ..Shape::of(&[Kind::String]) };
    let keywords = Shape { items: Some(Box::new(Shape::of(&[Kind::String]))), ..Shape::of(&[Kind::Array]) };
    TaskType {
        aliases: vec!["article".to_owned()],
        origin: Origin::Published,
        input: vec![
            field("word_count", Shape::of(&[Kind::Number, Kind::String])),
            Field { default: Some(json!("plain")), ..field("style", style) },
            field("keywords", keywords),
        ],
        output: vec![field("article", Shape::of(&[Kind::String]))],
        pricing: Some(Pricing {
            unit: "word".to_owned(),
            unit_label: "words".to_owned(),
            quantity: Some(Quantity::Input("word_count".to_owned())),
            modifiers: vec![("style".to_owned(), styles)],
        }),
        ..task_type("blog-post", "Blog post")
    }
}

fn task_type(slug: &str, name: &str) -> TaskType {
    let description = format!("About {slug}.");
    TaskType { slug: slug.to_owned(), name: name.to_owned(), description, ..TaskType::default() }
}

fn field(name: &str, shape: Shape) -> Field {
    Field {
        name: name.to_owned(),
        shape,
        description: format!("About {name}."),
        required: false,
        default: None,
    }
}
