//! Spellings of URLs that different parsers read differently: refused before anyone has to guess.

use super::Refused;
use url::Url;

/// Last labels that are never public.
const INSIDE_ENDS: &[&str] = &[
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "private",
    "svc",
    "cluster",
    "test",
    "invalid",
    "example",
    "onion",
    "arpa",
    "alt",
];

/// What can be judged of the text alone.
pub(super) fn check_spelling(text: &str) -> Result<(), Refused> {
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(Refused::new("control_or_space", "a URL has no spaces or control characters"));
    }
    if text.contains('\\') {
        return Err(Refused::new("backslash", "a URL has no backslashes"));
    }
    Ok(())
}

/// What can be judged of the text beside its parts.
pub(super) fn check_parts(text: &str, url: &Url) -> Result<(), Refused> {
    let rest = text.split_once(':').map_or("", |(_, rest)| rest);
    let slashes = rest.bytes().take_while(|b| *b == b'/').count();
    if slashes != 2 {
        return Err(Refused::new("not_canonical", "write two slashes after the scheme"));
    }
    let authority = rest[slashes..].split(['/', '?', '#']).next().unwrap_or("");
    if authority.contains('@') || !url.username().is_empty() || url.password().is_some() {
        return Err(Refused::new("userinfo", "a URL must not carry a user name or password"));
    }
    if url.host().is_some_and(|host| !matches!(host, url::Host::Domain(_))) {
        return Ok(()); // an address is judged as one, whatever follows it
    }
    if url.fragment().is_some() {
        return Err(Refused::new("fragment", "a URL of an endpoint has no fragment"));
    }
    if rest[slashes + authority.len()..].starts_with('?')
        && url.query().is_some_and(|query| query.contains('@'))
    {
        return Err(Refused::new(
            "query_at",
            "'?' right after the host followed by '@' is read differently by others",
        ));
    }
    Ok(())
}

/// Whether a host name is a plain public one. A trailing dot hides no name that leads inside.
pub(super) fn check_name(name: &str) -> Result<(), Refused> {
    let undotted = name.strip_suffix('.').unwrap_or(name);
    let labels: Vec<&str> = undotted.split('.').collect();
    let last = labels.last().copied().unwrap_or("");
    if undotted.len() > 253 || !labels.iter().all(|label| is_label(label)) {
        return Err(Refused::new("bad_label", "labels of a host name are letters, digits and inner hyphens"));
    }
    if labels.len() == 1 || INSIDE_ENDS.contains(&last) {
        return Err(Refused::new("forbidden_name", "this name leads inside, not to the public internet"));
    }
    if undotted.len() < name.len() {
        return Err(Refused::new("trailing_dot", "write the host without a trailing dot"));
    }
    Ok(())
}

fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    !bytes.is_empty()
        && bytes.len() <= 63
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
        && !bytes.starts_with(b"-")
        && !bytes.ends_with(b"-")
}
