//! Values drawn from a seed. The same seed draws the same values on every machine and in every version.

use super::expression::Expression;
use super::values::{ITEM, ROW, Row, Value, Values};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Draws until the conditions of a task hold.
const ATTEMPTS_MAX: u64 = 2_000;
/// A task that needs more of them is refused when it is read: some other seed would need more than there are.
const ATTEMPTS_FEW: u64 = 100;
/// Draws of one cell until it differs from those above it.
const DISTINCT_ATTEMPTS_MAX: usize = 60;
/// Rows of one table.
const ROWS_MAX: usize = 200;

/// One value, or one table, in the order of the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Draw {
    name: String,
    /// One of several, each as likely.
    #[serde(default)]
    one_of: Vec<Item>,
    /// A number from here...
    from: Option<i64>,
    /// ...to here, with it...
    to: Option<i64>,
    /// ...in steps.
    step: Option<i64>,
    /// Worked out from what stands before it.
    is: Option<String>,
    /// A list, or a table with a row for each.
    #[serde(default)]
    each: Vec<Item>,
    /// A list in an order of its own.
    #[serde(default)]
    shuffle: Vec<Item>,
    /// So many of the list.
    take: Option<usize>,
    /// A table of so many rows.
    rows: Option<usize>,
    /// Further columns of a table.
    #[serde(default)]
    columns: Vec<Column>,
}

/// A column.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Column {
    name: String,
    #[serde(default)]
    one_of: Vec<Item>,
    from: Option<i64>,
    to: Option<i64>,
    step: Option<i64>,
    is: Option<String>,
    /// No value twice.
    #[serde(default)]
    distinct: bool,
}

/// A thing to be drawn: plain, or with fields.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Item {
    Number(i64),
    Text(String),
    Fields(BTreeMap<String, Plain>),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Plain {
    Number(i64),
    Text(String),
}

/// Chance from a seed: splitmix64.
pub(super) struct Seeded(u64);

impl Seeded {
    /// Another stream for each task and each attempt.
    fn new(seed: u64, key: &str, attempt: u64) -> Self {
        let spread = |state: u64, byte: u8| (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        let of_key = key.bytes().fold(0xcbf2_9ce4_8422_2325, spread);
        Self(seed ^ of_key ^ attempt.wrapping_mul(0xd605_bbb5_8c8a_bc9d))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `count`, which is above nothing.
    fn below(&mut self, count: usize) -> usize {
        let product = u128::from(self.next()) * count.max(1) as u128;
        (product >> 64) as usize
    }
}

/// The values of one instance: drawn again until every condition holds.
pub(super) fn values(draws: &[Draw], conditions: &[Expression], seed: u64, key: &str) -> Values {
    for attempt in 0..ATTEMPTS_MAX {
        let values = once(draws, &mut Seeded::new(seed, key, attempt));
        if conditions.iter().all(|holds| holds.is_true(&values, None)) {
            if attempt >= ATTEMPTS_FEW {
                values.remark(format!(
                    "the conditions of \"require\" took {attempt} attempts with seed {seed}"
                ));
            }
            return values;
        }
    }
    let values = once(draws, &mut Seeded::new(seed, key, 0));
    values.remark(format!("the conditions of \"require\" never hold with seed {seed}"));
    values
}

fn once(draws: &[Draw], chance: &mut Seeded) -> Values {
    let mut values = Values::default();
    for draw in draws {
        if draw.rows.is_some() || !draw.each.is_empty() || !draw.shuffle.is_empty() {
            let rows = table(draw, &values, chance);
            values.set_table(&draw.name, rows);
            continue;
        }
        for (field, value) in fields(&simple(draw), &draw.name, &values, None, chance) {
            let name = if field.is_empty() { draw.name.clone() } else { format!("{}.{field}", draw.name) };
            values.set(&name, value);
        }
    }
    values
}

/// What scalars and columns have in common.
struct Simple<'a> {
    one_of: &'a [Item],
    range: [Option<i64>; 3],
    is: Option<&'a str>,
}

fn simple(draw: &Draw) -> Simple<'_> {
    Simple { one_of: &draw.one_of, range: [draw.from, draw.to, draw.step], is: draw.is.as_deref() }
}

/// The value under no name, or one value for each field.
fn fields(
    how: &Simple<'_>,
    name: &str,
    values: &Values,
    row: Option<&Row>,
    chance: &mut Seeded,
) -> Vec<(String, Value)> {
    if !how.one_of.is_empty() {
        return parts(&how.one_of[chance.below(how.one_of.len())]);
    }
    let value = match (how.is, how.range) {
        (Some(is), _) => match Expression::read(is) {
            Ok(expression) => expression.value(values, row),
            Err(problem) => {
                values.remark(format!("\"{is}\": {problem}"));
                Value::Int(0)
            }
        },
        (None, [Some(from), Some(to), step]) if from <= to => {
            let step = step.unwrap_or(1).max(1);
            let count = usize::try_from((to - from) / step).unwrap_or(0).saturating_add(1);
            Value::Int(from + step * i64::try_from(chance.below(count)).unwrap_or(0))
        }
        _ => {
            values.remark(format!(
                "{name:?} needs `one_of`, `from` and `to`, `is`, `each`, `shuffle` or `rows`"
            ));
            Value::Int(0)
        }
    };
    vec![(String::new(), value)]
}

fn parts(item: &Item) -> Vec<(String, Value)> {
    let plain = |value: &Plain| match value {
        Plain::Number(number) => Value::Int(*number),
        Plain::Text(text) => Value::Text(text.clone()),
    };
    match item {
        Item::Number(number) => vec![(String::new(), Value::Int(*number))],
        Item::Text(text) => vec![(String::new(), Value::Text(text.clone()))],
        Item::Fields(fields) => fields.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
    }
}

fn table(draw: &Draw, values: &Values, chance: &mut Seeded) -> Vec<Row> {
    let mut items: Vec<Vec<(String, Value)>> = match draw.rows {
        Some(rows) => vec![Vec::new(); rows.min(ROWS_MAX)],
        None => draw.each.iter().chain(&draw.shuffle).map(parts).collect(),
    };
    if !draw.shuffle.is_empty() {
        for last in (1..items.len()).rev() {
            items.swap(last, chance.below(last + 1));
        }
    }
    items.truncate(draw.take.unwrap_or(ROWS_MAX));
    let mut rows: Vec<Row> = Vec::with_capacity(items.len());
    for item in items {
        let row = row(item, &draw.columns, &rows, values, chance);
        rows.push(row);
    }
    rows
}

fn row(
    item: Vec<(String, Value)>,
    columns: &[Column],
    above: &[Row],
    values: &Values,
    chance: &mut Seeded,
) -> Row {
    let column_of = |field: String| if field.is_empty() { ITEM.to_owned() } else { field };
    let mut row: Row = item.into_iter().map(|(field, value)| (column_of(field), value)).collect();
    row.insert(ROW.to_owned(), Value::Int(i64::try_from(above.len()).unwrap_or(0) + 1));
    for column in columns {
        let how = Simple {
            one_of: &column.one_of,
            range: [column.from, column.to, column.step],
            is: column.is.as_deref(),
        };
        for attempt in 0..DISTINCT_ATTEMPTS_MAX {
            let cells = fields(&how, &column.name, values, Some(&row), chance);
            let fresh = |(field, value): &(String, Value)| {
                let name = cell_name(&column.name, field);
                above.iter().all(|row| row.get(&name) != Some(value))
            };
            if !column.distinct || cells.iter().all(fresh) {
                row.extend(cells.into_iter().map(|(field, value)| (cell_name(&column.name, &field), value)));
                break;
            }
            if attempt + 1 == DISTINCT_ATTEMPTS_MAX {
                values.remark(format!("{:?}: not enough values that differ", column.name));
            }
        }
    }
    row
}

fn cell_name(column: &str, field: &str) -> String {
    if field.is_empty() { column.to_owned() } else { format!("{column}.{field}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        draw: Vec<Draw>,
    }

    fn drawn(draw: &str, seed: u64) -> Values {
        let file: File = toml::from_str(draw).unwrap();
        values(&file.draw, &[], seed, "a/b")
    }

    const DRAWS: &str = r#"draw = [
        { name = "town", one_of = [{ name = "Ash", code = 1 }, { name = "Birch", code = 2 }] },
        { name = "fee", from = 10, to = 30, step = 5 },
        { name = "tools", shuffle = ["saw", "axe", "file", "rasp"], take = 3 },
        { name = "sales", each = [{ month = "May" }, { month = "June" }], columns = [
            { name = "units", from = 1, to = 2, distinct = true },
            { name = "paid", is = "units * fee + row" },
        ] },
        { name = "total", is = "sum(sales, paid)" },
    ]"#;

    #[test]
    fn the_same_seed_draws_the_same() {
        for seed in 0..50 {
            let (one, other) = (drawn(DRAWS, seed), drawn(DRAWS, seed));
            assert_eq!(format!("{one:?}"), format!("{other:?}"));
            assert!(one.remarks().is_empty(), "{:?}", one.remarks());
            let number = |name: &str| match one.get(name, None) {
                Value::Int(number) => number,
                Value::Text(text) => panic!("{name} is {text}"),
            };
            assert!([10, 15, 20, 25, 30].contains(&number("fee")));
            assert_eq!(number("sales.1.units") + number("sales.2.units"), 3);
            assert_eq!(number("total"), 3 * number("fee") + 3);
            assert_eq!(number("town.code") == 1, one.get("town.name", None) == Value::Text("Ash".into()));
            assert_eq!(one.table("tools").unwrap().len(), 3);
        }
        let fees: std::collections::BTreeSet<String> =
            (0..50).map(|seed| drawn(DRAWS, seed).get("fee", None).to_string()).collect();
        assert_eq!(fees.len(), 5);
    }

    #[test]
    fn conditions_and_remarks() {
        let file: File = toml::from_str("draw = [{ name = \"a\", from = 1, to = 10 }]").unwrap();
        let holds = |text: &str| vec![Expression::read(text).unwrap()];
        for seed in 0..20 {
            assert_eq!(values(&file.draw, &holds("a = 7"), seed, "k").get("a", None), Value::Int(7));
        }
        assert!(values(&file.draw, &holds("a = 11"), 1, "k").remarks()[0].contains("never hold"));
        assert!(drawn("draw = [{ name = \"a\" }]", 1).remarks()[0].contains("\"a\" needs"));
        let few = "draw = [{ name = \"a\", rows = 3, columns = [{ name = \"b\", from = 1, to = 2, distinct = true }] }]";
        assert!(drawn(few, 1).remarks()[0].contains("not enough"));
    }
}
