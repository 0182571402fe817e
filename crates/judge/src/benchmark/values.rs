//! The values of one instance of a task: scalars, and tables of rows.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

/// A whole number or a text. Amounts are numbers of their smallest unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Int(i64),
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Int(number) => number.fmt(f),
            Value::Text(text) => text.fmt(f),
        }
    }
}

/// The cells of a row by column; [`ROW`] is its number, [`ITEM`] what a list of plain things holds.
pub(super) type Row = BTreeMap<String, Value>;

/// The number of a row, from 1.
pub(super) const ROW: &str = "row";
/// The column of a list of plain things.
pub(super) const ITEM: &str = "it";

/// All values drawn and worked out so far.
#[derive(Debug, Default)]
pub(super) struct Values {
    scalars: BTreeMap<String, Value>,
    tables: BTreeMap<String, Vec<Row>>,
    remarks: RefCell<Vec<String>>,
}

impl Values {
    pub(super) fn set(&mut self, name: &str, value: Value) {
        self.scalars.insert(name.to_owned(), value);
    }

    pub(super) fn set_table(&mut self, name: &str, rows: Vec<Row>) {
        self.tables.insert(name.to_owned(), rows);
    }

    pub(super) fn table(&self, name: &str) -> Option<&Vec<Row>> {
        self.tables.get(name)
    }

    /// A column of the row at hand (`units`, `sales.units`), a value (`fee`, `town.name`), a cell (`sales.2.units`), an
    /// item (`tools.2`) or the items of a list as they are said (`tools`).
    pub(super) fn get(&self, name: &str, row: Option<&Row>) -> Value {
        self.find(name, row).unwrap_or_else(|| {
            self.remark(format!("there is no value {name:?}"));
            Value::Int(0)
        })
    }

    fn find(&self, name: &str, row: Option<&Row>) -> Option<Value> {
        let of_row = |column: &str| row.and_then(|row| row.get(column)).cloned();
        if let Some(value) = of_row(name).or_else(|| self.scalars.get(name).cloned()) {
            return Some(value);
        }
        let (table, rest) = name.split_once('.').unwrap_or((name, ""));
        let rows = self.tables.get(table)?;
        let (first, column) = rest.split_once('.').unwrap_or((rest, ITEM));
        match first.parse::<usize>() {
            Ok(number) => rows.get(number.checked_sub(1)?)?.get(column).cloned(),
            Err(_) if rest.is_empty() => Some(Value::Text(said(rows))),
            Err(_) => of_row(rest),
        }
    }

    /// Notes what makes no sense.
    pub(super) fn remark(&self, remark: String) {
        self.remarks.borrow_mut().push(remark);
    }

    pub(super) fn remarks(&self) -> Vec<String> {
        self.remarks.borrow().clone()
    }
}

/// "a, b and c"
fn said(rows: &[Row]) -> String {
    let first =
        |row: &Row| row.get(ITEM).or_else(|| row.get("name")).map(ToString::to_string).unwrap_or_default();
    let mut items: Vec<String> = rows.iter().map(first).collect();
    match items.pop() {
        Some(last) if items.is_empty() => last,
        Some(last) => format!("{} and {last}", items.join(", ")),
        None => String::new(),
    }
}
