//! The files as they are written. What is wrong within one value is refused while it is read, because then its line is
//! known.

use super::checked::read_checked;
use super::field::{Ordered, WrittenField, fields};
use chrono::TimeDelta;
use gavel_domain::catalog::{Category, Field, Pricing, Quantity, TaskType, Timeouts};
use gavel_domain::score::{Origin, Rubric, WeightsError};
use gavel_judge::RubricRow;
use serde::Deserialize;
use serde_json::Value;

/// The longest call, a day: every call holds a connection and memory.
const CALL_SECONDS_MAX: i64 = 24 * 60 * 60;
/// What a name, a unit or a sentence about something may have.
const WORDS_MAX: usize = 500;

/// `catalog.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Index {
    pub(super) categories: Vec<String>,
}

/// `category.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CategoryFile {
    pub(super) slug: String,
    name: Words,
    description: Words,
    #[serde(default)]
    pub(super) aliases: Vec<String>,
    rubric: Option<WrittenRubric>,
    #[serde(default)]
    timeouts: WrittenTimeouts,
    pub(super) task_types: Vec<String>,
}

/// The file of a task type.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TypeFile {
    pub(super) slug: String,
    name: Words,
    #[serde(default)]
    origin: Origin,
    description: Words,
    #[serde(default)]
    pub(super) aliases: Vec<String>,
    #[serde(default)]
    input: Ordered<WrittenField>,
    #[serde(default)]
    output: Ordered<WrittenField>,
    pricing_model: Option<WrittenPricing>,
}

impl CategoryFile {
    pub(super) fn with(self, task_types: Vec<TaskType>) -> Category {
        let seconds = |written: Option<Seconds>| written.map(|Seconds(span)| span);
        Category {
            slug: self.slug,
            name: self.name.0,
            description: self.description.0,
            aliases: self.aliases,
            rubric: self.rubric.map(|WrittenRubric(rubric)| rubric),
            timeouts: Timeouts {
                prototype_call: seconds(self.timeouts.prototype_call_seconds),
                final_call: seconds(self.timeouts.final_call_seconds),
            },
            task_types,
        }
    }
}

impl From<TypeFile> for TaskType {
    fn from(written: TypeFile) -> TaskType {
        TaskType {
            slug: written.slug,
            name: written.name.0,
            description: written.description.0,
            origin: written.origin,
            aliases: written.aliases,
            input: fields(written.input),
            output: fields(written.output),
            pricing: written.pricing_model.map(|WrittenPricing(pricing)| pricing),
        }
    }
}

read_checked!(Words: String, WrittenRubric: RubricRow, Seconds: i64, WrittenPricing: PricingBody);

/// Words for a person.
pub(super) struct Words(pub(super) String);

impl TryFrom<String> for Words {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        match text.trim().is_empty() || text.chars().count() > WORDS_MAX {
            true => Err(format!("names, units and descriptions have 1 to {WORDS_MAX} characters")),
            false => Ok(Words(text)),
        }
    }
}

struct WrittenRubric(Rubric);

impl TryFrom<RubricRow> for WrittenRubric {
    type Error = WeightsError;
    fn try_from(row: RubricRow) -> Result<Self, WeightsError> {
        row.read().map(WrittenRubric)
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct WrittenTimeouts {
    prototype_call_seconds: Option<Seconds>,
    final_call_seconds: Option<Seconds>,
}

struct Seconds(TimeDelta);

impl TryFrom<i64> for Seconds {
    type Error = String;
    fn try_from(seconds: i64) -> Result<Self, String> {
        match (1..=CALL_SECONDS_MAX).contains(&seconds) {
            true => Ok(Seconds(TimeDelta::seconds(seconds))),
            false => Err(format!("a call takes 1 to {CALL_SECONDS_MAX} seconds (a day), not {seconds}")),
        }
    }
}

struct WrittenPricing(Pricing);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PricingBody {
    unit: Words,
    unit_label: Words,
    input_field: Option<String>,
    output_field: Option<String>,
    #[serde(default)]
    modifiers: Ordered<Vec<Value>>,
}

impl TryFrom<PricingBody> for WrittenPricing {
    type Error = String;
    fn try_from(body: PricingBody) -> Result<Self, String> {
        let quantity = match (body.input_field, body.output_field) {
            (Some(_), Some(_)) => {
                return Err("a price counts an input_field or an output_field, not both".to_owned());
            }
            (Some(field), None) => Some(Quantity::Input(field)),
            (None, Some(field)) => Some(Quantity::Output(field)),
            (None, None) => None,
        };
        let (unit, unit_label, modifiers) = (body.unit.0, body.unit_label.0, body.modifiers.0);
        Ok(WrittenPricing(Pricing { unit, unit_label, quantity, modifiers }))
    }
}

/// A field or an option that a price names and the type does not have, and what to say of it.
pub(super) fn stray_price(task_type: &TaskType) -> Option<(String, String)> {
    let pricing = task_type.pricing.as_ref()?;
    let (fields, side) = match pricing.quantity {
        Some(Quantity::Output(_)) => (&task_type.output, "output"),
        Some(Quantity::Input(_)) | None => (&task_type.input, "input"),
    };
    let counted = pricing.quantity.as_ref().map(Quantity::field);
    if let Some(name) = counted.filter(|name| !fields.iter().any(|field| field.name == **name)) {
        return Some((name.to_owned(), format!("{name:?} is no field of the {side}")));
    }
    pricing.modifiers.iter().find_map(|(name, options)| stray_option(&task_type.input, name, options))
}

fn stray_option(input: &[Field], name: &str, options: &[Value]) -> Option<(String, String)> {
    let told = |problem| Some((name.to_owned(), problem));
    let Some(field) = input.iter().find(|field| field.name == name) else {
        return told(format!("{name:?} is no field of the input"));
    };
    if options.is_empty() {
        return told(format!("{name:?} has no options"));
    }
    let stray = options.iter().find(|option| !field.shape.one_of.contains(option))?;
    told(format!("{stray} is no value that {name:?} lists under enum"))
}
