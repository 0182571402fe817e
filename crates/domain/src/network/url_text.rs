//! Spellings of URLs that different parsers read differently: refused before anyone has to guess.

use super::Refused;
use url::Url;

/// Last labels that are never public: special use (RFC 6761, 6762, 7686, 8375, 9476), and what hosts files, home
/// routers and clusters use inside. None is a delegated top-level domain.
#[rustfmt::skip]
const INSIDE_ENDS: &[&str] = &[
    "localhost", "localhost4", "localhost6", "localdomain", "localdomain4", "localdomain6", "local",
    "internal", "intranet", "intra", "lan", "home", "corp", "mail", "private", "workgroup", "svc", "cluster",
    "pod", "default", "consul", "docker", "lxd", "test", "invalid", "example", "onion", "arpa", "alt",
];
/// Public names that lead inside when they are asked from a cloud.
const INSIDE_NAMES: &[&str] = &["metadata.goog"];

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

/// The host name without its trailing dot, when it is a plain public one: the dot must hide nothing.
pub(super) fn check_name(name: &str) -> Result<&str, Refused> {
    let undotted = name.strip_suffix('.').unwrap_or(name);
    let labels: Vec<&str> = undotted.split('.').collect();
    let last = labels.last().copied().unwrap_or("");
    if undotted.len() > 253 || !labels.iter().all(|label| is_label(label)) {
        return Err(Refused::new("bad_label", "labels of a host name are letters, digits and inner hyphens"));
    }
    if labels.len() == 1 || INSIDE_ENDS.contains(&last) || INSIDE_NAMES.contains(&undotted) {
        return Err(Refused::new("forbidden_name", "this name leads inside, not to the public internet"));
    }
    Ok(undotted)
}

fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    !bytes.is_empty()
        && bytes.len() <= 63
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
        && !bytes.starts_with(b"-")
        && !bytes.ends_with(b"-")
}
