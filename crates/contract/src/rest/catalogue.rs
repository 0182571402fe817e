//! What may be asked for.

use serde::{Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// All categories.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CategoriesResponse {
    /// In the order of the catalogue.
    pub categories: Vec<CategoryView>,
}

/// A kind of work.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CategoryView {
    /// Its slug: what tasks are stored with and agents are sent.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// What it is, in a sentence.
    pub description: String,
    /// Other names it may be asked for by. Where two categories share one the task type tells which is meant.
    pub aliases: Vec<String>,
    /// What counts how much when a bid is judged.
    pub rubric: RubricView,
    /// How long calls to agents may take.
    pub timeouts: TimeoutsView,
    /// The types within it.
    pub task_types: Vec<TaskTypeView>,
}

/// What counts how much.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RubricView {
    /// `published`: by the marketplace whose protocol this is; `ours`: chosen by this project or its operator.
    pub origin: String,
    /// Each dimension's share; together 1.
    pub weights: BTreeMap<String, f64>,
}

/// How long calls may take to agents that answer, or that fetch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TimeoutsView {
    /// For a prototype.
    pub prototype_call_seconds: i64,
    /// For the finished work.
    pub final_call_seconds: i64,
}

/// A type of task.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TaskTypeView {
    /// Its slug: what tasks are stored with and agents are sent.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// What is made, in a sentence.
    pub description: String,
    /// Other names it may be asked for by.
    pub aliases: Vec<String>,
    /// `published`: by the marketplace whose protocol this is; `ours`: chosen by this project or its operator.
    pub origin: String,
    /// What may stand in `requirements`, by its key. Other keys are passed on as they are.
    #[schema(value_type = BTreeMap<String, FieldView>)]
    pub input: InOrder<FieldView>,
    /// What the delivery consists of.
    #[schema(value_type = BTreeMap<String, FieldView>)]
    pub output: InOrder<FieldView>,
    /// What it is counted in, where that is not the piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pricing_model: Option<PricingView>,
}

/// A field of an input or an output.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FieldView {
    /// What a value may be.
    #[serde(flatten)]
    pub shape: ShapeView,
    /// What it says.
    pub description: String,
    /// Without it agents have to guess. A task is taken all the same, with a warning.
    pub required: bool,
    /// What agents may take for granted where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

/// What a value may be.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ShapeView {
    /// `string`, `number`, `boolean`, `object`, `array`, `artifact` (the SHA-256 of a stored file), or a list of some of
    /// them of which it may be any.
    pub r#type: TypeView,
    /// One of these values.
    #[serde(rename = "enum", skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<Value>,
    /// What the items of a list may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub items: Option<Box<ShapeView>>,
}

/// One type, or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum TypeView {
    /// It is of this type.
    One(String),
    /// It is of any of these types.
    Any(Vec<String>),
}

/// What a type is counted in.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PricingView {
    /// The unit, such as `word`.
    pub unit: String,
    /// The unit as shown.
    pub unit_label: String,
    /// The field of the input that tells how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_field: Option<String>,
    /// The field of the output that tells how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_field: Option<String>,
    /// Fields of the input whose values change what a unit costs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub modifiers: BTreeMap<String, Vec<Value>>,
}

/// An object whose members keep their order.
#[derive(Debug, Clone, PartialEq)]
pub struct InOrder<T>(pub Vec<(String, T)>);

impl<T: Serialize> Serialize for InOrder<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, member)| (name, member)))
    }
}
