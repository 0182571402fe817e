//! Values that are checked while they are read. A check after the reading (`#[serde(try_from)]`) would be told with the
//! line that the reader has come to since; here it is the value's own.

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use std::fmt::{self, Display};
use std::marker::PhantomData;

/// Reads a `Body` and makes a `T` of it.
pub(super) fn checked<'de, D, Body, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    Body: Deserialize<'de>,
    T: TryFrom<Body, Error: Display>,
{
    deserializer.deserialize_any(Check(PhantomData))
}

/// Lets a type be read by [`checked`].
macro_rules! read_checked {
    ($($of:ty: $body:ty),* $(,)?) => {
        $(impl<'de> serde::Deserialize<'de> for $of {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::catalog::checked::checked::<D, $body, $of>(deserializer)
            }
        })*
    };
}
pub(super) use read_checked;

struct Check<Body, T>(PhantomData<(Body, T)>);

impl<'de, Body: Deserialize<'de>, T: TryFrom<Body, Error: Display>> Check<Body, T> {
    fn read<D: Deserializer<'de>>(self, value: D) -> Result<T, D::Error> {
        T::try_from(Body::deserialize(value)?).map_err(D::Error::custom)
    }
}

impl<'de, Body: Deserialize<'de>, T: TryFrom<Body, Error: Display>> Visitor<'de> for Check<Body, T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<T, E> {
        self.read(value.into_deserializer())
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        self.read(value.into_deserializer())
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        self.read(value.into_deserializer())
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        self.read(value.into_deserializer())
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<T, E> {
        self.read(value.into_deserializer())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, values: A) -> Result<T, A::Error> {
        self.read(SeqAccessDeserializer::new(values))
    }
    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        self.read(MapAccessDeserializer::new(members))
    }
}
