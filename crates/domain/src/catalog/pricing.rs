//! What a task type is counted in.

use serde_json::Value;

/// What a type is counted in, and which choices of the buyer change what a unit costs.
#[derive(Debug, Clone, PartialEq)]
pub struct Pricing {
    /// The unit, such as `word`.
    pub unit: String,
    /// The unit as shown.
    pub unit_label: String,
    /// Where the number of units stands.
    pub quantity: Option<Quantity>,
    /// Input fields, each with the options that have prices of their own.
    pub modifiers: Vec<(String, Vec<Value>)>,
}

/// Where the number of units stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quantity {
    /// In a field of the input: known before the work.
    Input(String),
    /// In a field of the output: known after it.
    Output(String),
}

impl Quantity {
    /// The field's name.
    pub fn field(&self) -> &str {
        match self {
            Quantity::Input(field) | Quantity::Output(field) => field,
        }
    }
}
