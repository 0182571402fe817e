//! The fields of a task type in the simplified form: name, kind, description, and what a value may be.

use serde_json::{Map, Value};

/// One field of an input or an output.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its key.
    pub name: String,
    /// What a value may be.
    pub shape: Shape,
    /// What it says, for a person.
    pub description: String,
    /// Without it an agent has to guess. Advice: no task is refused for its absence.
    pub required: bool,
    /// What agents may take for granted where nothing is said. It is never written into a task.
    pub default: Option<Value>,
}

/// What a value may be.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shape {
    /// Any of these.
    pub kinds: Vec<Kind>,
    /// Exactly one of these; anything of the kind where empty.
    pub one_of: Vec<Value>,
    /// What the items of a list may be.
    pub items: Option<Box<Shape>>,
}

/// A kind of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    String,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// An object.
    Object,
    /// A list.
    Array,
    /// A stored file, named by its SHA-256.
    Artifact,
}

/// What may be said of any task, in any form: the judge and most agents know these words wherever they stand.
pub const EVERYWHERE: [&str; 10] = [
    "audience",
    "tone",
    "word_count",
    "sections",
    "format",
    "language",
    "keywords",
    "seo_keywords",
    "must_include",
    "forbidden_words",
];

/// Hex digits of a SHA-256.
const SHA256_DIGITS: usize = 64;

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 6] =
        [Kind::String, Kind::Number, Kind::Boolean, Kind::Object, Kind::Array, Kind::Artifact];

    /// The name in files and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Number => "number",
            Kind::Boolean => "boolean",
            Kind::Object => "object",
            Kind::Array => "array",
            Kind::Artifact => "artifact",
        }
    }

    const fn in_words(self) -> &'static str {
        match self {
            Kind::String => "text",
            Kind::Number => "a number",
            Kind::Boolean => "true or false",
            Kind::Object => "an object",
            Kind::Array => "a list",
            Kind::Artifact => "the SHA-256 of a stored file",
        }
    }

    fn admits(self, value: &Value) -> bool {
        match self {
            Kind::String => value.is_string(),
            Kind::Number => value.is_number(),
            Kind::Boolean => value.is_boolean(),
            Kind::Object => value.is_object(),
            Kind::Array => value.is_array(),
            Kind::Artifact => value.as_str().is_some_and(is_sha256),
        }
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == SHA256_DIGITS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where inside it, such as `[2]`; empty for the whole.
    pub at: String,
    /// What it must be.
    pub message: String,
}

impl Shape {
    /// A value of any of these kinds.
    pub fn of(kinds: &[Kind]) -> Self {
        Shape { kinds: kinds.to_vec(), ..Shape::default() }
    }

    /// The first thing that is wrong with a value.
    pub fn fault(&self, value: &Value) -> Option<Fault> {
        if !self.kinds.iter().any(|kind| kind.admits(value)) {
            return Some(Fault { at: String::new(), message: format!("must be {}", self.in_words()) });
        }
        if !self.one_of.is_empty() && !self.one_of.iter().any(|one| same(one, value)) {
            let valid: Vec<_> = self.one_of.iter().map(shown).collect();
            return Some(Fault {
                at: String::new(),
                message: format!("must be one of: {}", valid.join(", ")),
            });
        }
        self.fault_of_items(value)
    }

    fn fault_of_items(&self, value: &Value) -> Option<Fault> {
        let (items, shape) = (value.as_array()?, self.items.as_ref()?);
        items.iter().enumerate().find_map(|(i, item)| {
            let fault = shape.fault(item)?;
            Some(Fault { at: format!("[{i}]{}", fault.at), message: fault.message })
        })
    }

    fn in_words(&self) -> String {
        let words: Vec<_> = self.kinds.iter().map(|kind| kind.in_words()).collect();
        words.join(" or ")
    }
}

/// 3 and 3.0 are one number.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        _ => one == other,
    }
}

/// A text without its quotes, as a person would write it into a list.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A sentence about a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The field, as `requirements.tone`.
    pub field: String,
    /// What there is to say.
    pub message: String,
}

/// What was found about requirements.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// What refuses the task.
    pub problems: Vec<Remark>,
    /// What the buyer should know, and may leave.
    pub warnings: Vec<Remark>,
}

/// Holds a buyer's requirements against what the type knows. A type without input knows nothing and takes everything;
/// `null` says nothing.
pub fn check(input: &[Field], requirements: &Map<String, Value>) -> Reading {
    let mut reading = Reading::default();
    if input.is_empty() {
        return reading;
    }
    for (key, value) in requirements.iter().filter(|(_, value)| !value.is_null()) {
        match input.iter().find(|field| field.name == *key) {
            Some(field) => reading.problems.extend(field.shape.fault(value).map(|fault| fault.of(key))),
            None if EVERYWHERE.contains(&key.as_str()) => {}
            None => reading.warnings.push(unknown(key, input)),
        }
    }
    let said = |field: &Field| requirements.get(&field.name).is_some_and(|value| !value.is_null());
    let missing = input.iter().filter(|field| field.required && !said(field));
    reading.warnings.extend(missing.map(missed));
    reading
}

impl Fault {
    fn of(self, key: &str) -> Remark {
        Remark { field: format!("requirements.{key}{}", self.at), message: self.message }
    }
}

fn unknown(key: &str, input: &[Field]) -> Remark {
    let known: Vec<_> = input.iter().map(|field| field.name.as_str()).collect();
    Remark {
        field: format!("requirements.{key}"),
        message: format!(
            "is no field of this task type; agents get it as it is. The type knows: {}",
            known.join(", ")
        ),
    }
}

fn missed(field: &Field) -> Remark {
    Remark {
        field: format!("requirements.{}", field.name),
        message: format!(
            "is missing; agents have to find it elsewhere in the brief, or guess: {}",
            field.description
        ),
    }
}
