//! What a writer reads out of a call: whom it is for, what it is about, which points it must cover.

use crate::writers::prose;
use serde_json::{Map, Value};

/// Points a writer works from; more would be a list, not a text.
const POINTS_MAX: usize = 8;
/// What can be said of anything, where a brief names too little.
const GENERAL_POINTS: [&str; 4] = ["the first week", "the people involved", "the cost", "the upkeep"];
/// Longest point, in words: longer ones are sentences, not subjects.
const POINT_WORDS_MAX: usize = 9;

/// A call as a writer understands it.
#[derive(Debug, Clone, PartialEq)]
pub struct Brief {
    /// What to write about, fit to follow "about".
    pub subject: String,
    /// The title as the buyer wrote it.
    pub title: String,
    /// The category's slug.
    pub category: String,
    /// Whether the final version is wanted.
    pub is_final: bool,
    /// How to address the buyer.
    pub first_name: Option<String>,
    /// Who reads it.
    pub audience: Option<String>,
    /// How it should sound.
    pub tone: Option<String>,
    /// How long it should be.
    pub word_count: Option<usize>,
    /// What to cover, most wanted first, never fewer than four; each fits after "with", "on" or "about".
    pub points: Vec<String>,
    /// Statements (not instructions) of the description: facts to repeat.
    pub facts: Vec<String>,
    /// What the buyer wants changed.
    pub revision_notes: Option<String>,
    /// The currency's code in lower case and the budget in hundredths of its unit.
    pub budget: Option<(String, u64)>,
}

/// Why a call cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// Not a JSON object.
    NotAnObject,
    /// No title and no description.
    Empty,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Unreadable::NotAnObject => "the call's body must be a JSON object",
            Unreadable::Empty => "the call has neither a title nor a description to write about",
        })
    }
}

impl std::error::Error for Unreadable {}

impl Brief {
    /// Reads the body of a call.
    ///
    /// # Errors
    /// When there is nothing in it to write about.
    pub fn read(body: &[u8]) -> Result<Brief, Unreadable> {
        let Ok(Value::Object(call)) = serde_json::from_slice(body) else {
            return Err(Unreadable::NotAnObject);
        };
        let text = |key: &str| call.get(key).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        let none = Map::new();
        let wanted = call.get("requirements").and_then(Value::as_object).unwrap_or(&none);
        let (title, revision_notes) = (text("title"), text_of(wanted, &["revision_notes"]));
        let description = without_notes(&text("description"), revision_notes.as_deref());
        if title.is_empty() && description.is_empty() {
            return Err(Unreadable::Empty);
        }
        let sentences = prose::sentences(&description);
        let subject =
            prose::subject(if title.is_empty() { sentences.first().unwrap_or(&description) } else { &title });
        let audience = text_of(wanted, &["audience", "target_audience", "readers"])
            .map(|audience| prose::bare(&audience))
            .or_else(|| prose::audience(&format!("{title}. {description}")));
        let not_these = [subject.as_str(), audience.as_deref().unwrap_or("readers")];
        Ok(Brief {
            category: text("category"),
            is_final: text("mode") == "final",
            first_name: Some(text("user_first_name")).filter(|name| !name.is_empty()),
            points: points(wanted, revision_notes.as_deref(), &sentences, &title, not_these),
            audience,
            tone: text_of(wanted, &["tone", "style", "voice"]).map(|tone| prose::bare(&tone).to_lowercase()),
            word_count: number_of(wanted, &["word_count", "words", "length"]),
            facts: sentences.into_iter().filter(|s| prose::is_statement(s)).collect(),
            budget: budget(&call),
            subject,
            title,
            revision_notes,
        })
    }

    /// Who reads it, in words that fit a sentence.
    pub fn readers(&self) -> &str {
        self.audience.as_deref().unwrap_or("your readers")
    }

    /// A number that differs from brief to brief and is always the same for one.
    pub fn seed(&self) -> usize {
        let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        self.title.bytes().chain(self.points.concat().bytes()).fold(0x811c_9dc5, step) as usize
    }

    /// How many words to write, given how many this writer likes: the buyer's number, and what the notes say of
    /// length.
    pub fn words_wanted(&self, own: usize) -> usize {
        let notes = self.revision_notes.as_deref().unwrap_or_default().to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| notes.contains(word));
        let wanted = self.word_count.unwrap_or(own);
        if self.word_count.is_some() {
            wanted // A number is a number; notes that change it change the number.
        } else if says(&["shorter", "too long", "concise", "trim"]) {
            wanted * 7 / 10
        } else if says(&["longer", "too short", "more detail", "in depth"]) {
            wanted * 13 / 10
        } else {
            wanted
        }
    }
}

/// The buyer's points first, then what the sentences ask for, then the words the brief is made of.
fn points(
    wanted: &Map<String, Value>,
    notes: Option<&str>,
    sentences: &[String],
    title: &str,
    not_these: [&str; 2],
) -> Vec<String> {
    let asked = notes.map(prose::sentences).unwrap_or_default();
    let listed =
        ["must_include", "sections", "key_points", "topics", "questions", "keywords", "seo_keywords"]
            .into_iter()
            .flat_map(|key| list_of(wanted, key));
    let candidates = asked
        .iter()
        .flat_map(|sentence| prose::asked_for(sentence))
        .chain(listed)
        .chain(sentences.iter().flat_map(|sentence| prose::asked_for(sentence)))
        .chain(prose::key_phrases(&format!("{title}. {}", sentences.join(" "))));
    let mut points: Vec<String> = Vec::new();
    for point in candidates.map(|point| prose::bare(&point)) {
        let repeats = |known: &String| prose::alike(known, &point);
        let usable = (3..=80).contains(&point.len())
            && point.split_whitespace().count() <= POINT_WORDS_MAX
            && !not_these.iter().any(|known| prose::alike(known, &point));
        if usable && !points.iter().any(repeats) && points.len() < POINTS_MAX {
            points.push(point);
        }
    }
    let missing = GENERAL_POINTS.len().saturating_sub(points.len());
    points.extend(GENERAL_POINTS.iter().take(missing).map(|point| (*point).to_owned()));
    points
}

/// Notes are also appended to the description; they are read once, from the requirements.
fn without_notes(description: &str, notes: Option<&str>) -> String {
    let Some(front) = notes.and_then(|notes| description.strip_suffix(notes.trim())) else {
        return description.to_owned();
    };
    let front = front.trim_end();
    let announced = front.ends_with(':');
    let kept = if announced { front.rsplit_once('\n').map_or("", |(kept, _)| kept) } else { front };
    kept.trim_end().to_owned()
}

/// The first of these keys that holds text, or a list of texts.
fn text_of(wanted: &Map<String, Value>, keys: &[&str]) -> Option<String> {
    let texts = keys.iter().map(|key| match wanted.get(*key) {
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Array(_)) => prose::listed(&list_of(wanted, key)),
        _ => String::new(),
    });
    texts.into_iter().find(|text| !text.is_empty())
}

/// A list, or a text with commas.
fn list_of(wanted: &Map<String, Value>, key: &str) -> Vec<String> {
    let items: Vec<&str> = match wanted.get(key) {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(text)) => text.split([',', ';', '\n']).collect(),
        _ => Vec::new(),
    };
    items.into_iter().map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
}

/// A number, or the first number in a text such as "800 words".
fn number_of(wanted: &Map<String, Value>, keys: &[&str]) -> Option<usize> {
    let number = keys.iter().find_map(|key| match wanted.get(*key)? {
        Value::Number(number) => number.as_f64().map(|n| n as usize),
        Value::String(text) => {
            let digits: String = text.chars().filter(|c| *c != ',').collect();
            digits.split(|c: char| !c.is_ascii_digit()).find(|run| !run.is_empty())?.parse().ok()
        }
        _ => None,
    });
    number.filter(|n| *n > 0)
}

/// `budget_<currency>`, whichever it is.
fn budget(call: &Map<String, Value>) -> Option<(String, u64)> {
    call.iter().find_map(|(key, value)| {
        let currency = key.strip_prefix("budget_")?;
        let hundredths = (value.as_f64()? * 100.0).round();
        (hundredths >= 1.0).then(|| (currency.to_owned(), hundredths as u64))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(call: &Value) -> Brief {
        Brief::read(call.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_brief_is_understood() {
        let brief = read(&json!({
            "title": "Write a guide to unit tests",
            "description": "Write a guide for people who never wrote one. Explain what a test is, naming and \
                            fixtures. Our team ships every Friday.",
            "category": "content-writing", "mode": "prototype", "budget_aud": 12.5,
            "requirements": { "tone": "Plain", "word_count": "1,200 words", "seo_keywords": ["test doubles"] },
        }));
        assert_eq!(brief.subject, "unit tests");
        assert_eq!(brief.audience.as_deref(), Some("people who never wrote one"));
        assert_eq!((brief.word_count, brief.tone.as_deref()), (Some(1200), Some("plain")));
        assert_eq!(brief.points[..4], ["test doubles", "what a test is", "naming", "fixtures"]);
        assert_eq!(brief.facts, ["Our team ships every Friday."]);
        assert_eq!(brief.budget, Some(("aud".to_owned(), 1250)));
    }

    #[test]
    fn notes_come_first_and_are_not_part_of_the_description() {
        let notes = "Add a section about rollback.";
        let brief = read(&json!({
            "title": "Deploying on Fridays", "mode": "final",
            "description": format!("We deploy by hand.\n\nRevision requested by the buyer:\n{notes}"),
            "requirements": { "revision_notes": notes },
        }));
        assert_eq!(
            (brief.points[0].as_str(), &brief.facts[..]),
            ("rollback", &["We deploy by hand.".to_owned()][..])
        );
        assert!(brief.is_final);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (body, why) in
            [("[]", Unreadable::NotAnObject), ("x", Unreadable::NotAnObject), ("{}", Unreadable::Empty)]
        {
            assert_eq!(Brief::read(body.as_bytes()), Err(why), "{body}");
        }
    }
}
