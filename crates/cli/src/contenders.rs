//! The agents named on the command line: where they are, and what they are called.

use crate::Failure;
use std::collections::BTreeSet;
use url::Url;

/// Bytes of a slug; room is left for a number behind it.
const SLUG_MAX: usize = 56;
/// Characters of a name.
const NAME_MAX: usize = 100;

/// An agent named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contender {
    /// Where its POSTs go.
    pub url: String,
    /// Its host with the port, as the allow list spells it.
    pub host: String,
    /// Its short name, made from host and port; no two are alike.
    pub slug: String,
    /// What a person knows it by: the address without the scheme.
    pub name: String,
}

/// Reads `--agents`. The same agent may be named several times; it is then asked several times.
///
/// # Errors
/// [`Failure::Usage`] with the first that is no URL with a host.
pub(crate) fn read(urls: &[String]) -> Result<Vec<Contender>, Failure> {
    let mut taken = BTreeSet::new();
    urls.iter().map(|url| contender("--agents", url.trim(), &mut taken)).collect()
}

/// Reads one agent's URL, which the command line calls `argument`.
///
/// # Errors
/// [`Failure::Usage`] where it is no URL with a host.
pub(crate) fn read_one(argument: &str, url: &str) -> Result<Contender, Failure> {
    contender(argument, url.trim(), &mut BTreeSet::new())
}

fn contender(argument: &str, text: &str, taken: &mut BTreeSet<String>) -> Result<Contender, Failure> {
    let refused =
        || Failure::Usage(format!("{argument}: {text:?} is no URL such as http://127.0.0.1:9001/execute"));
    let url = Url::parse(text).map_err(|_| refused())?;
    let (host, port) = url.host_str().zip(url.port_or_known_default()).ok_or_else(refused)?;
    let host = format!("{host}:{port}");
    let path = url.path().trim_end_matches('/');
    let slug = unlike(slug(&host), taken);
    let name = format!("{host}{path}").chars().take(NAME_MAX).collect();
    Ok(Contender { url: text.to_owned(), slug, name, host })
}

/// The host as lowercase words joined by hyphens.
fn slug(host: &str) -> String {
    let words = host.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let slug = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-");
    // The end tells hosts of one domain and ports of one host apart better than the start.
    let cut = slug.len().saturating_sub(SLUG_MAX);
    slug[cut..].trim_matches('-').to_owned()
}

/// The slug, with a number where it is taken.
fn unlike(slug: String, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2..).map(|number| format!("{slug}-{number}"));
    let free = std::iter::once(slug.clone()).chain(numbered).find(|slug| !taken.contains(slug));
    let free = free.unwrap_or(slug);
    taken.insert(free.clone());
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_called_after_their_address() {
        let check = |url: &str, host: &str, slug: &str, name: &str| {
            let read = read(&[url.to_owned()]).unwrap();
            let got = (read[0].host.as_str(), read[0].slug.as_str(), read[0].name.as_str());
            assert_eq!(got, (host, slug, name), "{url}");
        };
        check("http://127.0.0.1:9001/execute", "127.0.0.1:9001", "127-0-0-1-9001", "127.0.0.1:9001/execute");
        check(
            "https://Agent.example.com",
            "agent.example.com:443",
            "agent-example-com-443",
            "agent.example.com:443",
        );
        check(" http://[::1]:80/x/ ", "[::1]:80", "1-80", "[::1]:80/x");
        let long = format!("https://{}.example.com/", "a".repeat(60));
        assert!(read(&[long]).unwrap()[0].slug.ends_with("-example-com-443"));
    }

    #[test]
    fn the_same_agent_twice_has_two_names() {
        let urls = vec!["http://a:1/x".to_owned(); 3];
        let slugs: Vec<String> = read(&urls).unwrap().into_iter().map(|agent| agent.slug).collect();
        assert_eq!(slugs, ["a-1", "a-1-2", "a-1-3"]);
    }

    #[test]
    fn what_is_no_address_is_named() {
        for wrong in ["", "agent", "127.0.0.1:9001", "mailto:a@b.example", "http://"] {
            let failure = read(&["http://a:1/".to_owned(), wrong.to_owned()]).unwrap_err();
            let told = failure.told();
            assert!(matches!(failure, Failure::Usage(_)) && told.contains(&format!("{wrong:?}")), "{told}");
        }
    }
}
