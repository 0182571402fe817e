//! Fits the four coefficients of the substance index on answers people compared.
//!
//! ```sh
//! GAVEL_CORPORA=folder cargo run -p gavel-judge --example fit
//! ```
//! Logistic regression on the difference of features of the preferred answer and the other one, without intercept
//! (swapping the answers must swap the verdict) and with a little shrinkage. Agreement is cross-validated in ten
//! parts; all pairs of one prompt are in the same part, for answers to one prompt resemble each other. Last, how the
//! index of preferred answers grows with their length and how far it spreads, for the map from index to value.

#![allow(clippy::print_stdout, reason = "the coefficients are what it prints")]

use gavel_domain::task::Brief;
use gavel_judge::{Features, compile, substance};
use gavel_testkit::corpora;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Pairs of answers of which people preferred one, in earnest.
const SETS: [&str; 3] = ["autoj", "pandalm", "mtbench_human"];
const PARTS: usize = 10;
/// Newton steps; it is still after six.
const STEPS: usize = 20;
/// How strongly coefficients are drawn to nothing. Agreement hardly depends on it; of 5, 10, 20, 40 and 80 this is the
/// least at which none is below nothing: a list must not count against a work.
const SHRINKAGE: f64 = 40.0;
/// Shorter answers say nothing of how the index grows.
const GROWTH_WORDS_MIN: f64 = 20.0;

type Vector = [f64; 4];

#[derive(Deserialize)]
struct Row {
    prompt: String,
    a: String,
    b: String,
    label: String,
}

/// The preferred answer's features less the other one's.
struct Pair {
    part: usize,
    set: &'static str,
    difference: Vector,
    winner: Vector,
    words_of_winner: f64,
    words_of_loser: f64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pairs = pairs().ok_or("set GAVEL_CORPORA to the folder of the corpora")?;
    let everywhere = fit(pairs.iter());
    println!("{} pairs", pairs.len());
    for (name, fitted) in ["new_info", "variety", "paragraphs", "items"].iter().zip(everywhere) {
        println!("{name:10} {fitted:.3}");
    }
    let held_out: Vec<Vector> = (0..PARTS).map(|part| fit(pairs.iter().filter(|p| p.part != part))).collect();
    report("fitted on all", &pairs, |pair| dot(everywhere, pair.difference));
    report("cross-validated", &pairs, |pair| dot(held_out[pair.part], pair.difference));
    report("number of words", &pairs, |pair| pair.words_of_winner - pair.words_of_loser);
    println!("{}", growth(&pairs, everywhere));
    Ok(())
}

fn pairs() -> Option<Vec<Pair>> {
    let mut parts: BTreeMap<String, usize> = BTreeMap::new();
    let mut pairs = Vec::new();
    for set in SETS {
        for row in corpora::rows::<Row>(&format!("judge/{set}.jsonl"))? {
            let next = parts.len() % PARTS;
            let part = *parts.entry(row.prompt.clone()).or_insert(next);
            pairs.extend(pair(set, part, &row));
        }
    }
    Some(pairs)
}

fn pair(set: &'static str, part: usize, row: &Row) -> Option<Pair> {
    let (winner, loser) = match row.label.as_str() {
        "a" => (&row.a, &row.b),
        "b" => (&row.b, &row.a),
        _ => return None,
    };
    let brief = compile(&Brief { description: row.prompt.clone(), ..Brief::default() });
    let vector = |text: &str| {
        let Features { new_info, variety, paragraphs, items } = substance(&brief, text);
        [new_info, variety, paragraphs, items]
    };
    let (of_winner, of_loser) = (vector(winner), vector(loser));
    let words = |text: &str| text.split_whitespace().count() as f64;
    Some(Pair {
        part,
        set,
        difference: std::array::from_fn(|i| of_winner[i] - of_loser[i]),
        winner: of_winner,
        words_of_winner: words(winner),
        words_of_loser: words(loser),
    })
}

/// Newton's method: the likelihood is concave, so it ends at the one maximum.
fn fit<'a>(pairs: impl Iterator<Item = &'a Pair> + Clone) -> Vector {
    let count = pairs.clone().count().max(1) as f64;
    let spread: Vector = std::array::from_fn(|i| {
        pairs.clone().map(|pair| pair.difference[i] * pair.difference[i]).sum::<f64>() / count
    });
    let mut fitted = [0.0; 4];
    for _ in 0..STEPS {
        let mut slope: Vector = std::array::from_fn(|i| -SHRINKAGE * spread[i] * fitted[i]);
        let mut curve: [Vector; 4] = std::array::from_fn(|i| {
            std::array::from_fn(|j| if i == j { SHRINKAGE * spread[i] } else { 0.0 })
        });
        for Pair { difference, .. } in pairs.clone() {
            let right = 1.0 / (1.0 + (-dot(fitted, *difference)).exp());
            for i in 0..4 {
                slope[i] += (1.0 - right) * difference[i];
                (0..4).for_each(|j| curve[i][j] += right * (1.0 - right) * difference[i] * difference[j]);
            }
        }
        let step = solve(curve, slope);
        fitted = std::array::from_fn(|i| fitted[i] + step[i]);
    }
    fitted
}

/// Gauss's elimination. The shrinkage keeps every pivot above nothing.
fn solve(mut matrix: [Vector; 4], mut right: Vector) -> Vector {
    for i in 0..4 {
        let pivot = matrix[i];
        for j in i + 1..4 {
            let factor = matrix[j][i] / pivot[i];
            (i..4).for_each(|k| matrix[j][k] -= factor * pivot[k]);
            right[j] -= factor * right[i];
        }
    }
    let mut solved = [0.0; 4];
    for i in (0..4).rev() {
        let known: f64 = (i + 1..4).map(|j| matrix[i][j] * solved[j]).sum();
        solved[i] = (right[i] - known) / matrix[i][i];
    }
    solved
}

fn dot(a: Vector, b: Vector) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The line through index and ln(words / 200) of the preferred answers.
fn growth(pairs: &[Pair], fitted: Vector) -> String {
    let long = pairs.iter().filter(|pair| pair.words_of_winner >= GROWTH_WORDS_MIN);
    let points: Vec<(f64, f64)> =
        long.map(|pair| ((pair.words_of_winner / 200.0).ln(), dot(fitted, pair.winner))).collect();
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / points.len() as f64;
    let (x, y) = (mean(&|p| p.0), mean(&|p| p.1));
    let slope = mean(&|p| (p.0 - x) * (p.1 - y)) / mean(&|p| (p.0 - x) * (p.0 - x));
    let at_200 = y - slope * x;
    let deviation = mean(&|p| (p.1 - at_200 - slope * p.0).powi(2)).sqrt();
    format!(
        "index of preferred answers: {at_200:.2} at 200 words, deviation {deviation:.2}, growth {slope:.2}"
    )
}

/// Agreement per set and in all; an equal score is not right.
fn report(name: &str, pairs: &[Pair], margin: impl Fn(&Pair) -> f64) {
    let agreement = |set: Option<&str>| {
        let of_set = || pairs.iter().filter(move |pair| set.is_none_or(|set| pair.set == set));
        let right = of_set().filter(|pair| margin(pair) > 0.0).count();
        format!(
            "{} {right}/{} = {:.1} %",
            set.unwrap_or("all"),
            of_set().count(),
            right as f64 * 100.0 / of_set().count() as f64
        )
    };
    let sets = SETS.map(Some).into_iter().chain([None]).map(agreement);
    println!("{name:16} {}", sets.collect::<Vec<_>>().join(", "));
}
