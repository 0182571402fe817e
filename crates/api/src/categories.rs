//! What may be asked for.

use crate::auth::{May, SeeCatalog};
use crate::{AppState, reply::Json};
use axum::extract::State;
use gavel_contract::rest::{
    CategoriesResponse, CategoryView, FieldView, InOrder, PricingView, RubricView, ShapeView, TaskTypeView,
    TimeoutsView, TypeView,
};
use gavel_domain::agent::ExecutionMode;
use gavel_domain::catalog::{Category, Field, Pricing, Quantity, Shape, TaskType};
use gavel_domain::invitation::Mode;
use gavel_domain::policy::Timers;
use gavel_domain::score::{Dimension, Rubric};

/// Every category with its task types, and what each type knows of
#[utoipa::path(get, path = "/categories", tag = "catalogue", responses((status = 200, body = CategoriesResponse)))]
pub(crate) async fn list(State(state): State<AppState>, _: May<SeeCatalog>) -> Json<CategoriesResponse> {
    let settings = &state.settings;
    let categories = settings.catalog.categories.iter();
    Json(CategoriesResponse {
        categories: categories.map(|category| view(category, &settings.timers)).collect(),
    })
}

fn view(category: &Category, timers: &Timers) -> CategoryView {
    CategoryView {
        slug: category.slug.clone(),
        name: category.name.clone(),
        description: category.description.clone(),
        aliases: category.aliases.clone(),
        rubric: rubric(category.rubric.unwrap_or_default()),
        timeouts: timeouts(&category.slug, timers),
        task_types: category.task_types.iter().map(task_type).collect(),
    }
}

fn rubric(rubric: Rubric) -> RubricView {
    let share = |dimension: Dimension| f64::from(rubric.weights.of(dimension)) / 10_000.0;
    RubricView {
        origin: rubric.origin.name().to_owned(),
        weights: Dimension::ALL.into_iter().map(|d| (d.name().to_owned(), share(d))).collect(),
    }
}

fn timeouts(category: &str, timers: &Timers) -> TimeoutsView {
    let seconds = |mode| timers.call_limit(ExecutionMode::Sync, mode, category).num_seconds();
    TimeoutsView {
        prototype_call_seconds: seconds(Mode::Prototype),
        final_call_seconds: seconds(Mode::Final),
    }
}

fn task_type(task_type: &TaskType) -> TaskTypeView {
    TaskTypeView {
        slug: task_type.slug.clone(),
        name: task_type.name.clone(),
        description: task_type.description.clone(),
        aliases: task_type.aliases.clone(),
        origin: task_type.origin.name().to_owned(),
        input: fields(&task_type.input),
        output: fields(&task_type.output),
        pricing_model: task_type.pricing.as_ref().map(pricing),
    }
}

fn fields(fields: &[Field]) -> InOrder<FieldView> {
    let view = |field: &Field| FieldView {
        shape: shape(&field.shape),
        description: field.description.clone(),
        required: field.required,
        default: field.default.clone(),
    };
    InOrder(fields.iter().map(|field| (field.name.clone(), view(field))).collect())
}

fn shape(shape: &Shape) -> ShapeView {
    let names: Vec<_> = shape.kinds.iter().map(|kind| kind.name().to_owned()).collect();
    ShapeView {
        r#type: match <[String; 1]>::try_from(names) {
            Ok([one]) => TypeView::One(one),
            Err(several) => TypeView::Any(several),
        },
        one_of: shape.one_of.clone(),
        items: shape.items.as_deref().map(|items| Box::new(self::shape(items))),
    }
}

fn pricing(pricing: &Pricing) -> PricingView {
    let (input_field, output_field) = match &pricing.quantity {
        Some(Quantity::Input(field)) => (Some(field.clone()), None),
        Some(Quantity::Output(field)) => (None, Some(field.clone())),
        None => (None, None),
    };
    PricingView {
        unit: pricing.unit.clone(),
        unit_label: pricing.unit_label.clone(),
        input_field,
        output_field,
        modifiers: pricing.modifiers.iter().cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use serde_json::json;

    #[tokio::test]
    async fn any_key_sees_them() {
        let world = World::new().await;
        for key in [world.buyer(), world.developer()] {
            let answer = world.get(key, "/api/v1/categories").await;
            assert_eq!(answer.status, 200);
            let slugs: Vec<_> =
                answer.body["categories"].as_array().unwrap().iter().map(|c| &c["slug"]).collect();
            assert_eq!(slugs, ["content-writing", "marketing", "translation"]);
        }
        assert_eq!(world.get("", "/api/v1/categories").await.status, 401);
    }

    #[tokio::test]
    async fn a_category_tells_its_weights_its_times_and_its_other_names() {
        let world = World::new().await;
        let answer = world.get(world.buyer(), "/api/v1/categories").await;
        let mut category = answer.body["categories"][0].clone();
        category["task_types"].take();
        let expected = json!({
            "slug": "content-writing", "name": "Content writing", "description": "About content-writing.",
            "aliases": ["writing-translation"],
            "rubric": { "origin": "published", "weights": {
                "task_completion": 0.25, "factual_accuracy": 0.2, "output_quality": 0.25,
                "format_compliance": 0.15, "originality": 0.15,
            } },
            "timeouts": { "prototype_call_seconds": 120, "final_call_seconds": 300 },
            "task_types": null,
        });
        assert_eq!(category, expected);
        assert_eq!(answer.body["categories"][2]["timeouts"]["prototype_call_seconds"], 180);
        assert_eq!(answer.body["categories"][2]["rubric"]["origin"], "ours");
    }

    #[tokio::test]
    async fn a_type_tells_its_fields_in_their_order() {
        let world = World::new().await;
        let answer = world.get(world.buyer(), "/api/v1/categories").await;
        let expected = json!({
            "slug": "blog-post", "name": "Blog post", "description": "About blog-post.", "aliases": ["article"],
            "origin": "published",
            "input": {
                "word_count": { "type": ["number", "string"], "description": "About word_count.", "required": false },
                "style": { "type": "string", "description": "About style.", "required": false, "default": "plain",
                    "enum": ["plain", "ornate"] },
                "keywords": { "type": "array", "description": "About keywords.", "required": false,
                    "items": { "type": "string" } },
            },
            "output": { "article": { "type": "string", "description": "About article.", "required": false } },
            "pricing_model": { "unit": "word", "unit_label": "words", "input_field": "word_count",
                "modifiers": { "style": ["plain", "ornate"] } },
        });
        assert_eq!(answer.body["categories"][0]["task_types"][0], expected);
        let place = |word: &str| answer.text.find(&format!("\"{word}\":{{")).unwrap();
        assert!(
            place("word_count") < place("style") && place("style") < place("keywords"),
            "{}",
            answer.text
        );
        assert_eq!(answer.body["categories"][1]["task_types"][0].get("pricing_model"), None);
    }
}
