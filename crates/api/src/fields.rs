//! A JSON object read field by field: every problem is collected, and what nobody took is refused by name.
//!
//! Values stay the text they came as until they are read, so that amounts are exact.

use crate::problem::Problem;
use gavel_contract::rest::{FieldError, MoneyName, amount::Amount};
use gavel_domain::{Currency, Money};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value, value::RawValue};
use std::{collections::BTreeMap, fmt, ops::RangeInclusive};
use uuid::Uuid;

/// What is left of an object, and what was wrong with what was taken.
#[derive(Debug)]
pub(crate) struct Fields {
    path: String,
    values: BTreeMap<String, Box<RawValue>>,
    problems: Vec<FieldError>,
}

impl Fields {
    /// The fields of a body; no body is an object without fields.
    pub(crate) fn parse(body: &[u8]) -> Result<Fields, Problem> {
        if body.is_empty() {
            return Ok(Fields::of(String::new(), Object::default()));
        }
        let raw: Box<RawValue> = serde_json::from_slice(body)
            .map_err(|cause| Problem::malformed(format!("The body is not JSON: {cause}.")))?;
        match serde_json::from_str(raw.get()) {
            Ok(object) => Ok(Fields::of(String::new(), object)),
            Err(_) => Err(Problem::field("", "The body must be a JSON object.")),
        }
    }

    fn of(path: String, object: Object) -> Fields {
        let mut fields = Fields { path, values: object.values, problems: Vec::new() };
        for name in object.twice {
            fields.problem(&name, "is given twice");
        }
        fields
    }

    /// Notes that something is wrong with a field.
    pub(crate) fn problem(&mut self, name: &str, message: impl Into<String>) {
        self.problems.push(FieldError::new(self.path_of(name), message));
    }

    /// Notes a problem that has a code of its own.
    pub(crate) fn coded_problem(&mut self, name: &str, code: &str, message: impl Into<String>) {
        let error =
            FieldError { code: Some(code.to_owned()), ..FieldError::new(self.path_of(name), message) };
        self.problems.push(error);
    }

    /// Whether a field is there and not null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|raw| raw.get() != "null")
    }

    /// Notes the absence of each of these.
    pub(crate) fn require(&mut self, names: &[&str]) {
        for name in names {
            if !self.has(name) {
                self.problem(name, "is required");
            }
        }
    }

    /// Ends the reading: problems, or fields nobody took, refuse the body.
    pub(crate) fn finish(mut self, read_only: &[&str]) -> Result<(), Problem> {
        self.refuse_rest(read_only);
        if self.problems.is_empty() { Ok(()) } else { Err(Problem::invalid(self.problems)) }
    }

    /// Takes over what was wrong inside a nested object.
    pub(crate) fn absorb(&mut self, mut nested: Fields) {
        nested.refuse_rest(&[]);
        self.problems.append(&mut nested.problems);
    }

    fn refuse_rest(&mut self, read_only: &[&str]) {
        for name in std::mem::take(&mut self.values).into_keys() {
            let message = if read_only.contains(&name.as_str()) {
                "is set by Gavel and cannot be sent"
            } else {
                "is not a known field"
            };
            self.problem(&name, message);
        }
    }

    /// Any JSON value.
    pub(crate) fn any(&mut self, name: &str) -> Option<Value> {
        let raw = self.values.remove(name).filter(|raw| raw.get() != "null")?;
        let Ok(value) = serde_json::from_str::<Value>(raw.get()) else {
            self.problem(name, "holds a number or text that cannot be represented");
            return None;
        };
        if holds_nul(&value) {
            self.problem(name, "must not contain NUL characters");
            return None;
        }
        Some(value)
    }

    /// A text of so many characters.
    pub(crate) fn text(&mut self, name: &str, chars: RangeInclusive<usize>) -> Option<String> {
        let Value::String(text) = self.any(name)? else {
            self.problem(name, "must be text");
            return None;
        };
        if chars.contains(&text.chars().count()) {
            return Some(text);
        }
        self.problem(name, format!("must have {} to {} characters", chars.start(), chars.end()));
        None
    }

    /// An object of any shape.
    pub(crate) fn object(&mut self, name: &str) -> Option<Map<String, Value>> {
        match self.any(name)? {
            Value::Object(map) => Some(map),
            _ => {
                self.problem(name, "must be an object");
                None
            }
        }
    }

    /// An object to be read field by field; hand it back with [`Fields::absorb`].
    pub(crate) fn nested(&mut self, name: &str) -> Option<Fields> {
        let raw = self.values.remove(name).filter(|raw| raw.get() != "null")?;
        let read = read_object(self.path_of(name), &raw);
        if read.is_none() {
            self.problem(name, "must be an object");
        }
        read
    }

    /// A list of objects to be read field by field; each is handed back with [`Fields::absorb`].
    pub(crate) fn nested_list(&mut self, name: &str, most: usize) -> Vec<Fields> {
        let Some(raw) = self.values.remove(name).filter(|raw| raw.get() != "null") else { return Vec::new() };
        let Ok(items) = serde_json::from_str::<Vec<Box<RawValue>>>(raw.get()) else {
            self.problem(name, "must be a list of objects");
            return Vec::new();
        };
        if items.len() > most {
            self.problem(name, format!("must have at most {most} items"));
            return Vec::new();
        }
        let path = |i: usize| self.path_of(&format!("{name}[{i}]"));
        let read = items.iter().enumerate().map(|(i, raw)| read_object(path(i), raw)).collect::<Option<_>>();
        read.unwrap_or_else(|| {
            self.problem(name, "must be a list of objects");
            Vec::new()
        })
    }

    /// A list of texts without repetitions.
    pub(crate) fn texts(&mut self, name: &str, most: usize) -> Option<Vec<String>> {
        let Value::Array(items) = self.any(name)? else {
            self.problem(name, "must be a list of texts");
            return None;
        };
        if items.len() > most {
            self.problem(name, format!("must have at most {most} items"));
            return None;
        }
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Value::String(text) if !texts.contains(&text) => texts.push(text),
                Value::String(_) => {}
                _ => {
                    self.problem(name, "must be a list of texts");
                    return None;
                }
            }
        }
        Some(texts)
    }

    /// A number within a range.
    pub(crate) fn number(&mut self, name: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let number = self.any(name)?.as_f64().filter(|number| range.contains(number));
        if number.is_none() {
            self.problem(name, format!("must be a number from {} to {}", range.start(), range.end()));
        }
        number
    }

    /// A whole number within a range.
    pub(crate) fn whole<T: TryFrom<u64>>(&mut self, name: &str, range: RangeInclusive<u64>) -> Option<T> {
        let whole = self.any(name)?.as_u64().filter(|whole| range.contains(whole));
        let fitting = whole.and_then(|whole| T::try_from(whole).ok());
        if fitting.is_none() {
            self.problem(name, format!("must be a whole number from {} to {}", range.start(), range.end()));
        }
        fitting
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        let flag = self.any(name)?.as_bool();
        if flag.is_none() {
            self.problem(name, "must be true or false");
        }
        flag
    }

    /// A UUID.
    pub(crate) fn uuid(&mut self, name: &str) -> Option<Uuid> {
        let id = self.any(name)?.as_str().and_then(|text| Uuid::try_parse(text).ok());
        if id.is_none() {
            self.problem(name, "must be a UUID");
        }
        id
    }

    /// An amount under its name in the platform's currency, within a range, to the minor unit.
    pub(crate) fn money<N: MoneyName>(
        &mut self,
        currency: &Currency,
        range: RangeInclusive<Money>,
    ) -> Option<Money> {
        let name = Amount::<N>::key(currency);
        let raw = self.values.remove(&name).filter(|raw| raw.get() != "null")?;
        match Money::parse_exact(raw.get(), currency) {
            Ok(amount) if range.contains(&amount) => return Some(amount),
            Ok(_) => {
                let [least, most] = [range.start(), range.end()].map(|m| m.to_decimal_string(currency));
                self.problem(&name, format!("must be from {least} to {most}"));
            }
            Err(problem) => self.problem(&name, problem.to_string()),
        }
        None
    }

    /// As [`Fields::money`]; the name may also be given without the currency.
    pub(crate) fn money_or_plain<N: MoneyName>(
        &mut self,
        currency: &Currency,
        range: RangeInclusive<Money>,
    ) -> Option<Money> {
        let (full, plain) = (Amount::<N>::key(currency), N::NAME);
        if self.has(&full) && self.has(plain) {
            self.problem(plain, format!("is another name of {full}; send one of them"));
        }
        if let Some(raw) = self.values.remove(plain).filter(|raw| raw.get() != "null") {
            self.values.entry(full).or_insert(raw);
        }
        self.money::<N>(currency, range)
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

fn read_object(path: String, raw: &RawValue) -> Option<Fields> {
    serde_json::from_str(raw.get()).ok().map(|object| Fields::of(path, object))
}

/// Whether any text or key inside holds U+0000, which PostgreSQL cannot store.
fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The members of an object, and the names that came more than once.
#[derive(Default)]
struct Object {
    values: BTreeMap<String, Box<RawValue>>,
    twice: Vec<String>,
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Object, A::Error> {
                let mut object = Object::default();
                while let Some((name, value)) = members.next_entry::<String, Box<RawValue>>()? {
                    if object.values.insert(name.clone(), value).is_some() {
                        object.twice.push(name);
                    }
                }
                Ok(object)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_contract::rest::amount::of::Budget;

    fn fields(body: &str) -> Fields {
        Fields::parse(body.as_bytes()).unwrap()
    }

    fn problems(fields: Fields) -> Vec<String> {
        let refused = fields.finish(&["id"]).err();
        let errors = refused.as_ref().map(|p| p.errors().to_vec()).unwrap_or_default();
        errors.into_iter().map(|e| format!("{} {}", e.field, e.message)).collect()
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let mut body = fields(r#"{"a": 1, "b": "long", "id": 7, "x": null, "c": "\u0000", "a": 2}"#);
        assert_eq!(body.text("b", 1..=3), None);
        assert_eq!(body.any("c"), None);
        body.require(&["d"]);
        assert_eq!(
            problems(body),
            [
                "a is given twice",
                "b must have 1 to 3 characters",
                "c must not contain NUL characters",
                "d is required",
                "a is not a known field",
                "id is set by Gavel and cannot be sent",
                "x is not a known field",
            ]
        );
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        let mut body = fields(r#"{"a": "ééé", "b": "éééé"}"#);
        assert_eq!(body.text("a", 1..=3).as_deref(), Some("ééé"));
        assert_eq!(body.text("b", 1..=3), None);
    }

    #[test]
    fn amounts_are_exact() {
        let usd = Currency::new("USD").unwrap();
        let range = Money::from_minor(300)..=Money::from_minor(30_000);
        let check = |json: &str, expected: Result<i64, &str>| {
            let mut body = fields(&format!(r#"{{"budget_usd": {json}}}"#));
            let read = body.money::<Budget>(&usd, range.clone()).map(Money::minor);
            assert_eq!(
                read.ok_or_else(|| problems(body).join(";")),
                expected.map_err(str::to_owned),
                "{json}"
            );
        };
        check("3", Ok(300));
        check("300.00", Ok(30_000));
        check("3e0", Ok(300));
        check("2.99", Err("budget_usd must be from 3.00 to 300.00"));
        check("300.01", Err("budget_usd must be from 3.00 to 300.00"));
        check("3.001", Err("budget_usd has more decimals than the currency"));
        check("\"5\"", Err("budget_usd must be a number"));
    }

    #[test]
    fn nested_problems_have_their_path() {
        let mut body = fields(r#"{"list": [{"a": "x"}, {"b": 1}], "one": {"c": true}}"#);
        for mut item in body.nested_list("list", 5) {
            item.require(&["a"]);
            item.text("a", 1..=1);
            body.absorb(item);
        }
        let mut one = body.nested("one").unwrap();
        one.texts("c", 3);
        body.absorb(one);
        assert_eq!(
            problems(body),
            ["list[1].a is required", "list[1].b is not a known field", "one.c must be a list of texts",]
        );
    }

    #[test]
    fn what_is_no_object() {
        let check = |body: &str, status: u16| {
            let problem = Fields::parse(body.as_bytes()).unwrap_err();
            let response = axum::response::IntoResponse::into_response(problem);
            assert_eq!(response.status().as_u16(), status, "{body}");
        };
        check("{", 400);
        check("{} {}", 400);
        check("\u{0}", 400);
        check("NaN", 400);
        check("[]", 422);
        check("\"text\"", 422);
    }
}
