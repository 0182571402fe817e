//! Makes `data/words.txt`: how common an English stem is, from the graded word lists of SCOWL.
//!
//! ```sh
//! apt-get install scowl
//! cargo run -p gavel-judge --example words -- /usr/share/dict/scowl > crates/judge/data/words.txt
//! ```
//! SCOWL grades its lists from 10 (the commonest) upwards. Words are lower-cased and stemmed as the judge stems them;
//! a stem has the grade of its commonest word. The stems of a grade are sorted and each but the first is written as
//! the number of letters it shares with the one before (in base 36) and the rest. Its licence lies beside the table.

#![allow(clippy::print_stdout, reason = "the table is what it prints")]

use rust_stemmers::{Algorithm, Stemmer};
use std::collections::BTreeMap;
use std::path::Path;

/// Grades above 60 hold words few readers know: they would make misspellings look like words.
const GRADES: [u8; 7] = [10, 20, 35, 40, 50, 55, 60];
const LISTS: [&str; 3] = ["english-words", "american-words", "british-words"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("name the folder of the word lists")?;
    let mut grade_of: BTreeMap<String, u8> = BTreeMap::new();
    for grade in GRADES {
        for list in LISTS {
            for stem in stems(&Path::new(&folder).join(format!("{list}.{grade}")))? {
                grade_of.entry(stem).or_insert(grade);
            }
        }
    }
    for grade in GRADES {
        println!("{}", line(grade, grade_of.iter().filter(|(_, g)| **g == grade).map(|(stem, _)| stem)));
    }
    Ok(())
}

fn stems(list: &Path) -> Result<Vec<String>, std::io::Error> {
    let stemmer = Stemmer::create(Algorithm::English);
    // The lists are Latin-1: words with other letters than a-z are left out.
    let bytes = std::fs::read(list)?;
    let words = bytes.split(|b| *b == b'\n').filter_map(|word| std::str::from_utf8(word).ok());
    let plain = words.filter(|w| w.len() > 1 && w.len() <= 24 && w.bytes().all(|b| b.is_ascii_lowercase()));
    Ok(plain.map(|word| stemmer.stem(word).into_owned()).collect())
}

fn line<'a>(grade: u8, stems: impl Iterator<Item = &'a String>) -> String {
    let mut line = grade.to_string();
    let mut before = "";
    for stem in stems {
        let shared = stem.bytes().zip(before.bytes()).take_while(|(a, b)| a == b).count();
        let digit = char::from_digit(shared as u32, 36).unwrap_or('0');
        line.push(' ');
        line.push(digit);
        line.push_str(&stem[shared..]);
        before = stem;
    }
    line
}
