//! A field of an input or an output as it is written: directly under its name, in the simplified form.

use super::checked::read_checked;
use super::written::Words;
use gavel_domain::catalog::{Field, Kind, Shape};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;
use std::marker::PhantomData;

/// The members of an object in the order in which they are written; none comes twice.
pub(super) struct Ordered<T>(pub(super) Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Ordered(Vec::new())
    }
}

pub(super) fn fields(written: Ordered<WrittenField>) -> Vec<Field> {
    written.0.into_iter().map(|(name, field)| Field { name, ..field.0 }).collect()
}

read_checked!(WrittenField: FieldBody, WrittenShape: ShapeBody);

/// A field that does not know its name.
pub(super) struct WrittenField(Field);

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldBody {
    r#type: Kinds,
    description: Words,
    #[serde(default)]
    required: bool,
    default: Option<Value>,
    r#enum: Option<Vec<Value>>,
    items: Option<WrittenShape>,
}

impl TryFrom<FieldBody> for WrittenField {
    type Error = String;
    fn try_from(body: FieldBody) -> Result<Self, String> {
        let shape = shape(body.r#type, body.r#enum, body.items)?;
        if let Some(fault) = body.default.as_ref().and_then(|default| shape.fault(default)) {
            return Err(format!("the default{} {}", fault.at, fault.message));
        }
        Ok(WrittenField(Field {
            name: String::new(),
            shape,
            description: body.description.0,
            required: body.required,
            default: body.default,
        }))
    }
}

/// What the items of a list may be.
struct WrittenShape(Shape);

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ShapeBody {
    r#type: Kinds,
    r#enum: Option<Vec<Value>>,
    items: Option<Box<WrittenShape>>,
}

impl TryFrom<ShapeBody> for WrittenShape {
    type Error = String;
    fn try_from(body: ShapeBody) -> Result<Self, String> {
        shape(body.r#type, body.r#enum, body.items.map(|items| *items)).map(WrittenShape)
    }
}

fn shape(kinds: Kinds, listed: Option<Vec<Value>>, items: Option<WrittenShape>) -> Result<Shape, String> {
    let shape = Shape { kinds: kinds.0, ..Shape::default() };
    if listed.as_ref().is_some_and(Vec::is_empty) {
        return Err("enum must list at least one value".to_owned());
    }
    let one_of = listed.unwrap_or_default();
    for (i, value) in one_of.iter().enumerate() {
        if let Some(fault) = shape.fault(value) {
            return Err(format!("{value} in enum{} {}", fault.at, fault.message));
        }
        if one_of.iter().take(i).any(|earlier| earlier == value) {
            return Err(format!("{value} stands in enum twice"));
        }
    }
    if items.is_some() && !shape.kinds.contains(&Kind::Array) {
        return Err("only a field of type array has items".to_owned());
    }
    Ok(Shape { one_of, items: items.map(|WrittenShape(items)| Box::new(items)), ..shape })
}

/// One type, or several of which a value may be any.
struct Kinds(Vec<Kind>);

impl<'de> Deserialize<'de> for Kinds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Kinds;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a type or a list of types ({})", valid())
            }
            fn visit_str<E: Error>(self, name: &str) -> Result<Kinds, E> {
                Ok(Kinds(vec![kind(name)?]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Kinds, A::Error> {
                let mut kinds = Vec::new();
                while let Some(name) = names.next_element::<String>()? {
                    let kind = kind(&name)?;
                    if kinds.contains(&kind) {
                        return Err(A::Error::custom(format!("the type {name:?} is listed twice")));
                    }
                    kinds.push(kind);
                }
                match kinds.is_empty() {
                    true => Err(A::Error::custom("type must list at least one")),
                    false => Ok(Kinds(kinds)),
                }
            }
        }
        deserializer.deserialize_any(Names)
    }
}

fn kind<E: Error>(name: &str) -> Result<Kind, E> {
    let known = Kind::ALL.into_iter().find(|kind| kind.name() == name);
    known.ok_or_else(|| E::custom(format!("{name:?} is no type; valid are: {}", valid())))
}

fn valid() -> String {
    Kind::ALL.map(Kind::name).join(", ")
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Ordered<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a member for each field")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<T>, A::Error> {
                let mut members: Vec<(String, T)> = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if !is_field_name(&name) {
                        let problem = "a field's name is a letter, then letters, digits and underscores";
                        return Err(A::Error::custom(format!("{name:?}: {problem}")));
                    }
                    if members.iter().any(|(earlier, _)| *earlier == name) {
                        return Err(A::Error::custom(format!("the field {name:?} is given twice")));
                    }
                    members.push((name, map.next_value()?));
                }
                Ok(Ordered(members))
            }
        }
        deserializer.deserialize_map(Members(PhantomData))
    }
}

fn is_field_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
