//! Small tools for English: sentences, subjects, points, lists. No grammar, only rules that are mostly right.

/// Words that open an instruction to a writer.
const ORDERS: [&str; 40] = [
    "write",
    "create",
    "draft",
    "produce",
    "prepare",
    "make",
    "develop",
    "design",
    "compose",
    "build",
    "explain",
    "describe",
    "compare",
    "discuss",
    "summarise",
    "summarize",
    "include",
    "mention",
    "cover",
    "use",
    "avoid",
    "keep",
    "add",
    "give",
    "show",
    "list",
    "provide",
    "address",
    "focus",
    "do",
    "don't",
    "end",
    "start",
    "open",
    "close",
    "please",
    "ensure",
    "remove",
    "outline",
    "tell",
];
/// Orders that name something to cover.
const COVERING: [&str; 17] = [
    "explain",
    "describe",
    "compare",
    "discuss",
    "include",
    "mention",
    "cover",
    "add",
    "give",
    "show",
    "list",
    "provide",
    "address",
    "outline",
    "summarise",
    "summarize",
    "focus",
];
/// What is written; its name is not its subject.
const FORMATS: [&str; 27] = [
    "article",
    "post",
    "blog",
    "guide",
    "essay",
    "report",
    "faq",
    "introduction",
    "how-to",
    "newsletter",
    "copy",
    "summary",
    "story",
    "overview",
    "description",
    "plan",
    "email",
    "tutorial",
    "checklist",
    "page",
    "paper",
    "text",
    "piece",
    "memo",
    "section",
    "paragraph",
    "lesson",
];
/// What stands between a format and its subject.
const ABOUT: [&str; 8] = ["about", "on", "to", "for", "of", "explaining", "covering", "introducing"];
/// Words that start no subject.
const ARTICLES: [&str; 10] = ["a", "an", "the", "our", "my", "some", "i", "we", "need", "want"];
/// What opens no point: the rest of a sentence, not a subject.
const LEADING: [&str; 10] = ["with", "without", "in", "at", "by", "from", "as", "so", "to", "for"];
/// Words no key phrase contains.
const COMMON: &str = " a an the and or but nor so yet if then than that this these those it its is are was were be been \
    being am do does did done has have had having will would shall should can could may might must not no never ever \
    of to in on at by for from with without into onto over under about after before during between through as per via \
    i me my we us our you your he she they them their who whom whose which what when where why how all any each every \
    some many much more most few less least one two three new good great best better well also very just only too \
    there here up down out off again still even want wants need needs needed like get gets make makes made use uses \
    used using write writes wrote written please include includes including explain explains mention cover show \
    words word text article post blog guide report page section piece summary tone audience reader readers end next \
    first last short long clear plain simple while because since until within across their other own same such \
    people someone anyone everyone keep kept start help helps pick sell sells three four five six seven eight nine \
    ten eleven twelve wrote ";
/// Nouns for readers.
const READERS: [&str; 30] = [
    "people",
    "readers",
    "beginners",
    "developers",
    "engineers",
    "teams",
    "owners",
    "managers",
    "students",
    "parents",
    "teachers",
    "founders",
    "customers",
    "users",
    "buyers",
    "employees",
    "staff",
    "leaders",
    "professionals",
    "families",
    "businesses",
    "companies",
    "clients",
    "adults",
    "children",
    "freelancers",
    "marketers",
    "writers",
    "colleagues",
    "newcomers",
];

/// Splits at line ends and after `.`, `!` and `?` followed by a space.
pub(crate) fn sentences(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut start = 0;
        for (at, mark) in line.match_indices(['.', '!', '?']) {
            let end = at + mark.len();
            if line[end..].starts_with(' ') {
                found.push(line[start..end].trim().to_owned());
                start = end;
            }
        }
        found.push(line[start..].trim().trim_start_matches(['-', '*', '#', ' ']).to_owned());
    }
    found.retain(|sentence| sentence.chars().any(char::is_alphanumeric));
    found
}

/// A sentence that tells something, and does not order or ask anything.
pub(crate) fn is_statement(sentence: &str) -> bool {
    let words = words(sentence);
    let opens = words.first().map(String::as_str).unwrap_or_default();
    let to_writer = ["i", "write", "article", "guide", "post", "text"];
    sentence.ends_with('.')
        && (4..=30).contains(&words.len())
        && !ORDERS.contains(&opens)
        && !words.iter().any(|word| to_writer.contains(&word.as_str()))
}

/// What an instruction asks to cover: "Explain naming, fixtures and mocks." names three points.
pub(crate) fn asked_for(sentence: &str) -> Vec<String> {
    let polite = ["please", "also", "then", "and"];
    let mut rest: Vec<&str> = sentence.trim_end_matches(['.', '!', '?']).split_whitespace().collect();
    let lead =
        rest.iter().take_while(|word| polite.contains(&word.trim_end_matches(',').to_lowercase().as_str()));
    rest.drain(..lead.count());
    if !rest.first().is_some_and(|order| COVERING.contains(&order.to_lowercase().as_str())) {
        return Vec::new();
    }
    let opens = |part: &str| words(part).first().cloned().unwrap_or_default();
    rest[1..]
        .join(" ")
        .replace(" and ", ", ")
        .split([',', ';', ':'])
        .map(|part| part.trim().trim_start_matches("and "))
        .filter(|part| !ORDERS.contains(&opens(part).as_str()) && !LEADING.contains(&opens(part).as_str()))
        .map(|part| if names_a_format(part) { subject(part) } else { lower_first(part) })
        .collect()
}

/// "a section about rollback" is about rollback.
fn names_a_format(part: &str) -> bool {
    let words = words(part);
    let at = words.iter().position(|word| ABOUT.contains(&word.as_str()));
    at.is_some_and(|at| words[..at].iter().any(|word| FORMATS.contains(&word.trim_end_matches('s'))))
}

/// What a title is about: "Write a guide to unit tests" is about "unit tests".
pub(crate) fn subject(title: &str) -> String {
    let mut title = title.trim().trim_end_matches(['.', '!', '?', ':']);
    if let Some((front, back)) = title.split_once(": ")
        && words(front).iter().any(|word| FORMATS.contains(&word.as_str()))
    {
        title = back.trim();
    }
    let mut rest: Vec<&str> = title.split_whitespace().collect();
    let drops = |word: &str| {
        let word = word.to_lowercase();
        ORDERS.contains(&word.as_str()) || ARTICLES.contains(&word.as_str())
    };
    while rest.len() > 1 && drops(rest[0]) {
        rest.remove(0);
    }
    let about = rest.iter().take(6).position(|word| ABOUT.contains(&word.to_lowercase().as_str()));
    let is_format =
        |word: &&str| FORMATS.contains(&word.trim_end_matches([':', ',', 's']).to_lowercase().as_str());
    if let Some(at) = about.filter(|at| *at + 1 < rest.len() && rest[..*at].iter().any(is_format)) {
        rest.drain(..=at);
    }
    while rest.len() > 1 && ["a", "an", "about", "on"].contains(&rest[0].to_lowercase().as_str()) {
        rest.remove(0);
    }
    let kept = rest.join(" ");
    lower_first(if kept.is_empty() { title } else { &kept })
}

/// The readers a text names: what follows "for" or "aimed at", when it is people.
pub(crate) fn audience(text: &str) -> Option<String> {
    [" for ", " aimed at ", " written for "].iter().find_map(|lead| {
        text.match_indices(lead).find_map(|(at, lead)| {
            let rest = &text[at + lead.len()..];
            let phrase = rest.split(['.', ',', ';', ':', '\n', '?', '!', '(']).next()?.trim();
            let words: Vec<&str> = phrase.split_whitespace().collect();
            let people = words.iter().take(4).any(|word| READERS.contains(&word.to_lowercase().as_str()));
            (people && words.len() <= 10).then(|| phrase.to_owned())
        })
    })
}

/// Runs of two or three telling words. Single words are left out: too many of them are verbs.
pub(crate) fn key_phrases(text: &str) -> Vec<String> {
    let mut runs: Vec<Vec<&str>> = vec![Vec::new()];
    for word in text.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let lower = bare.to_lowercase();
        let common =
            bare.len() < 3 || COMMON.contains(&format!(" {lower} ")) || ORDERS.contains(&lower.as_str());
        if !common && let Some(run) = runs.last_mut() {
            run.push(bare);
        }
        if common || !word.ends_with(char::is_alphanumeric) {
            runs.push(Vec::new());
        }
    }
    let phrases = runs.into_iter().filter(|run| (2..=3).contains(&run.len()));
    phrases.map(|run| lower_first(&run.join(" "))).collect()
}

/// Whether two phrases say the same: one's words are all in the other.
pub(crate) fn alike(a: &str, b: &str) -> bool {
    let (a, b) = (words(a), words(b));
    let within = |few: &[String], many: &[String]| few.iter().all(|word| many.contains(word));
    within(&a, &b) || within(&b, &a)
}

/// Without the marks around it, on one line.
pub(crate) fn bare(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    one_line.trim_matches(|c: char| ".,;:!?-*#\"'".contains(c) || c.is_whitespace()).to_owned()
}

/// "a", "a and b", "a, b and c".
pub(crate) fn listed<S: AsRef<str>>(items: &[S]) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [front @ .., last] => {
            let front: Vec<&str> = front.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", front.join(", "), last.as_ref())
        }
    }
}

/// With a capital letter in front.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// With a small letter in front, unless the first word is a name or an acronym.
fn lower_first(text: &str) -> String {
    let first = text.split_whitespace().next().unwrap_or_default();
    let capitals = first.chars().filter(|c| c.is_uppercase()).count();
    let plain = capitals == 1 && first.starts_with(char::is_uppercase);
    let known = plain && {
        let lower = first.to_lowercase();
        // A capital at the start of a title says nothing; one in front of another capital is a name.
        let next = text.split_whitespace().nth(1).unwrap_or_default();
        COMMON.contains(&format!(" {lower} ")) || !next.starts_with(char::is_uppercase)
    };
    if !known {
        return text.to_owned();
    }
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// At most so many characters, cut between words and ended with a full stop.
pub(crate) fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(max).collect();
    let end = kept.rfind(' ').or(kept.char_indices().last().map(|(at, _)| at)).unwrap_or_default();
    format!("{}.", kept[..end].trim_end_matches(|c: char| !c.is_alphanumeric()))
}

/// Puts values in the places of a template; what a value contains is never read as a place.
pub(crate) fn fill(template: &str, places: &[(char, &str)]) -> String {
    let mut text = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let (front, place) = rest.split_at(at);
        text.push_str(front);
        let name = place.chars().nth(1);
        let value = places.iter().find(|(known, _)| Some(*known) == name).map(|(_, value)| *value);
        text.push_str(value.unwrap_or_default());
        rest = place.split_once('}').map_or("", |(_, rest)| rest);
    }
    text.push_str(rest);
    capital(&text)
}

/// How many words a reader counts.
pub(crate) fn count(text: &str) -> usize {
    text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count()
}

fn words(text: &str) -> Vec<String> {
    let letters = |c: char| !c.is_alphanumeric() && c != '\'' && c != '-';
    text.to_lowercase().split(letters).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects() {
        let check = |title: &str, about: &str| assert_eq!(subject(title), about, "{title}");
        check("Write a guide to unit tests", "unit tests");
        check("Blog post about Sourdough Bread at home", "Sourdough Bread at home");
        check("How to brew coffee", "how to brew coffee");
        check("Explain TLS to beginners.", "TLS to beginners");
        check("Write", "write");
        check("Launch email: the solar backpack", "solar backpack");
        check("A 600-word article on remote work", "remote work");
        check("Sustainable investing", "sustainable investing");
    }

    #[test]
    fn readers() {
        let check = |text: &str, who: Option<&str>| assert_eq!(audience(text).as_deref(), who, "{text}");
        check("A guide for small business owners, in plain words.", Some("small business owners"));
        check("A plan for the next quarter.", None);
        check("An essay aimed at new parents", Some("new parents"));
    }

    #[test]
    fn phrases_and_lists() {
        assert_eq!(
            key_phrases("Back up your photo library to cheap cloud storage."),
            ["photo library", "cheap cloud storage"]
        );
        assert_eq!(
            asked_for("Please add a section about rollback and the first inspection; end with a joke."),
            ["rollback", "the first inspection"]
        );
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
        assert_eq!(sentences("One v1.2 here. Two!\n- three"), ["One v1.2 here.", "Two!", "three"]);
        assert_eq!(cut("one two three", 8), "one two.");
        assert_eq!(cut("onetwothree", 4), "one.");
        assert_eq!(fill("{p} and {s}.", &[('p', "{s}"), ('s', "b")]), "{s} and b.");
    }
}
