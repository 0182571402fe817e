//! What a developer should mend, in words, for every way a send or a call can end; and whether that way counts.

use gavel_domain::agent::ExecutionMode;
use gavel_domain::invitation::{Outcome, Probe, Reliability};

/// What an outcome does to the agent's reliability, with the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// `for`, `against`, `no`, or `if_healthy`: against it only if its last health probe before the call passed.
    pub word: &'static str,
    /// Why, in one sentence.
    pub why: &'static str,
}

/// Whether the way a call ended counts for or against the agent.
pub fn counts(outcome: Outcome) -> Counts {
    let [healthy, unknown] = [Probe::Passing, Probe::Unknown].map(|probe| outcome.reliability(probe));
    let word = match (healthy, unknown) {
        (Reliability::Success, _) => "for",
        (Reliability::Counted, Reliability::Counted) => "against",
        (Reliability::Counted, _) => "if_healthy",
        (Reliability::None, _) => "no",
    };
    Counts { word, why: why_it_counts(outcome) }
}

fn why_it_counts(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Valid => "A usable answer in time counts for the agent.",
        Outcome::InvalidResponse => "An answer that breaks the contract counts against the agent.",
        Outcome::Timeout => {
            "The call's own time limit passed without a usable answer: that counts against the agent."
        }
        Outcome::Unreachable => "The agent could not be reached: that counts against it.",
        Outcome::RateLimited => {
            "A 429 counts against the agent: it was sent no more calls at once than it declared it takes."
        }
        Outcome::AgentError => "The agent reported an error or an unusable status: that counts against it.",
        Outcome::ServerError => "A 5xx counts against the agent.",
        Outcome::Unavailable => {
            "A 503 counts against the agent only if its last health probe before the call had passed."
        }
        Outcome::Declined => "Declining is an agent's right: it does not count.",
        Outcome::Late => {
            "The phase closed before the call's own limit had passed, or the call had had to wait for its turn: that does not count."
        }
        Outcome::Superseded => {
            "The buyer chose another bid, or had enough of them, while this call was open: that does not count."
        }
        Outcome::Cancelled => "The task was cancelled while this call was open: that does not count.",
        Outcome::PlatformFault => "The fault was the platform's: it is never charged to an agent.",
    }
}

/// How a send ended, and what is known of its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End<'a> {
    /// The code of the send, or of the call where that ended otherwise.
    pub code: &'a str,
    /// The HTTP status that came back.
    pub status: Option<u16>,
    /// How the call ended, where it has.
    pub outcome: Option<Outcome>,
    /// How the agent was asked.
    pub execution_mode: ExecutionMode,
    /// Whether it was a replay: whoever makes one need not be told to.
    pub replayed: bool,
}

/// What happened and what to change. Nothing is said of a send that went well.
pub fn advice(end: End<'_>, warnings: &[String]) -> Vec<String> {
    let of_code = match (end.code, end.outcome) {
        ("ok", None) | ("ok" | "acknowledged", Some(Outcome::Valid)) => None,
        ("ok", Some(outcome)) => Some(of_outcome(outcome)),
        (_, outcome) => Some(of_code(end).unwrap_or_else(|| {
            outcome.map_or(
                "This ending has no advice of its own: compare the request with docs/agents.md.",
                of_outcome,
            )
        })),
    };
    let of_warnings = warnings.iter().filter_map(|warning| of_warning(warning));
    let mut advice: Vec<String> = Vec::new();
    for sentence in of_code.into_iter().chain(of_warnings) {
        if !advice.iter().any(|known| known == sentence) {
            advice.push(sentence.to_owned());
        }
    }
    advice
}

/// The advice for a code that is known by name.
fn of_code(end: End<'_>) -> Option<&'static str> {
    let End { code, outcome, .. } = end;
    of_replay(end)
        .or_else(|| of_answer(code))
        .or_else(|| of_rare_status(end))
        .or_else(|| of_status(code, outcome))
        .or_else(|| of_transport(code, outcome))
        .or_else(|| of_time(code, end.execution_mode))
        .or_else(|| of_address(code))
}

/// What is otherwise said where a replay is advised.
fn of_replay(end: End<'_>) -> Option<&'static str> {
    Some(match end.code {
        "status_400" if end.replayed => {
            "The agent answered 400, although the brief keeps the contract. See which field your validation refuses; to turn a task down answer 422."
        }
        "status_500" if end.replayed => {
            "The agent failed with 500: the start of its body is shown with the response. Find the error in your log."
        }
        _ => return None,
    })
}

/// A status without a code of its own that says what is wrong.
fn of_rare_status(end: End<'_>) -> Option<&'static str> {
    Some(match end.status.filter(|_| end.code == "http_status")? {
        401 | 403 => {
            "The agent, or a proxy in front of it, refused the key or the signature (401 or 403). See that it knows your present ait_ key and this agent's present signing secret: after a rotation or a promotion the old ones are not used any more."
        }
        404 => {
            "The agent answered 404: there is nothing at the path of endpoint_url. Register the path where it takes POSTs."
        }
        405 => {
            "The agent answered 405: what is at the path of endpoint_url takes no POST. Register the path that does, with or without the slash at its end as your framework has it."
        }
        _ => return None,
    })
}

/// A 200 (or a result by callback or worker) whose body cannot be used.
fn of_answer(code: &str) -> Option<&'static str> {
    Some(match code {
        "invalid_json" => {
            "The body is not one JSON document in UTF-8 of at most 128 levels. Send the JSON alone: no code fence, no text around it, no NaN, and let a JSON library write it."
        }
        "not_object" => {
            "The body is JSON, but not an object. Answer with {\"full_text\": ..., \"summary\": ...}."
        }
        "duplicate_key" => "A key of the contract stands twice in the answer. Send each key once.",
        "invalid_text" => "A text contains the character U+0000. Remove it before you answer.",
        "schema" => {
            "A field has the wrong type: full_text, summary and agent_message are strings, artifacts is a list. Compare with the table of answers in docs/agents.md."
        }
        "full_text_missing" => "full_text is missing or null. It is the work itself and always required.",
        "full_text_short" => {
            "full_text has fewer than 50 characters after trimming. Put the whole work into it, not a note or a link; to turn a task down answer 422."
        }
        "full_text_long" => {
            "full_text has more than 500,000 characters. Shorten it, or move parts of it into artifacts."
        }
        "summary_missing" => "summary is missing or blank. Add one to three sentences.",
        "artifact_count" => {
            "There are more than 20 artifacts. Put less into files, or several parts into one."
        }
        "artifact_size" => "An artifact is larger than 1 MiB. Make it smaller, or split it.",
        "currency_mismatch" => {
            "The price stands under another currency. Use the field that the budget's name shows: budget_usd asks for bid_price_usd."
        }
        "price_over_budget" => {
            "The price is above the budget of the brief. Ask at most the budget, or leave the field out."
        }
        "price_not_positive" => {
            "The price is less than 0.01. Ask more, or leave the field out to ask the whole budget."
        }
        "wrong_task" => {
            "task_id in the result is not that of the call it was posted for. Post each result to the callback_url or invitation it belongs to, or leave task_id out."
        }
        "wrong_mode" => {
            "mode in the result is not that of the call it was posted for. A prototype and a final call have addresses and secrets of their own: post each result to its own."
        }
        "price_type" => "The price must be a JSON number, such as 19.5: no string, no currency sign.",
        _ => return None,
    })
}

/// Another status than 200.
fn of_status(code: &str, outcome: Option<Outcome>) -> Option<&'static str> {
    Some(match (code, outcome) {
        ("status_400", _) => {
            "The agent answered 400, although the brief keeps the contract. Send it again with a replay and see which field your validation refuses; to turn a task down answer 422."
        }
        ("status_408", _) => {
            "The agent answered 408: it gave up on reading or on working. A request arrives whole and at once; look for a time limit in front of your agent that is shorter than Gavel-Deadline."
        }
        ("status_429", _) => {
            "The agent answered 429, and is not asked again for this task. Declare a max_concurrency that it holds: it is never sent more calls at once."
        }
        ("status_500", _) => {
            "The agent failed with 500: the start of its body is shown with the response. Send the same request to your own machine with a replay and find the error in your log."
        }
        ("status_503", _) => {
            "The agent answered 503. Let its health check fail while it is not ready: then it is not asked, and a 503 does not count."
        }
        ("redirect", _) => {
            "The agent answered with a redirect, and none is followed. Register the final URL of the endpoint: scheme, host and slash as they are in the end."
        }
        ("http_status", Some(Outcome::ServerError)) => {
            "The agent, or a proxy in front of it, answered an unusual 5xx. 502 and 504 mostly come from a proxy whose own time limit is shorter than Gavel-Deadline."
        }
        ("http_status", _) => {
            "The status is none the contract knows. 200 is an answer (an asynchronous agent may also say 202), 422 declines, 503 says that it is not ready."
        }
        ("reported", Some(Outcome::Declined)) | ("status_422" | "unsupported_task_type" | "declined", _) => {
            "The agent declined the task, which is its right and does not count. It is asked for every type of the categories in its capabilities; a type that is not among its specialist_task_types only weighs less."
        }
        ("reported", _) => {
            "The agent reported an error of its own instead of a result: its words are shown with the result. To turn a task down let the error be unsupported_task_type, which does not count."
        }
        _ => return None,
    })
}

/// What went wrong between us and the agent.
fn of_transport(code: &str, outcome: Option<Outcome>) -> Option<&'static str> {
    Some(match (code, outcome) {
        ("connect_error", _) => {
            "The name did not resolve or nothing accepted the connection. See that the agent runs, that the port is open to the outside, and that the DNS record is right."
        }
        ("tls_error", _) => {
            "The TLS handshake failed. Serve a certificate that is valid for the host, not expired, complete with its chain, from an authority that browsers trust, with TLS 1.2 or newer."
        }
        ("transport", Some(Outcome::InvalidResponse)) => {
            "What came back is no HTTP/1.1 answer. See that the port speaks HTTP and that nothing is written before the status line."
        }
        ("transport", _) => {
            "The connection was closed before a byte of an answer arrived. Look for a crash or a worker's restart at that time, and for idle limits of a proxy that are shorter than your work takes."
        }
        ("transport_body", _) => {
            "The answer broke off, or its Content-Length or chunks do not fit what was sent. Let your framework set the length, and look for a crash while the answer was written."
        }
        ("body_too_large", _) => "The answer is larger than 4 MiB. Shorten the text or the artifacts.",
        ("encoding_refused", _) => {
            "The body was compressed although the request says Accept-Encoding: identity. Switch compression off for this path, in a proxy too."
        }
        ("request_not_made", _) => {
            "The platform could not build the request: that is its fault and does not count. Tell the operator."
        }
        ("not_sent", _) => {
            "The platform sent nothing, for a reason of its own: that does not count. There is nothing to mend."
        }
        ("panic", _) => {
            "The platform failed while it handled this call: that does not count. Tell the operator."
        }
        _ => return None,
    })
}

/// What the clock, a restart or the task's course decided.
fn of_time(code: &str, mode: ExecutionMode) -> Option<&'static str> {
    Some(match (code, mode) {
        ("timeout", ExecutionMode::Sync) => {
            "No complete answer came inside the call's time limit. Stop in time and answer with what you have (Gavel-Deadline says until when), or register the agent as async if its work takes longer."
        }
        ("timeout", ExecutionMode::Async) => {
            "No usable result came by callback inside the time limit. Post it to callback_url before execution_timeout_seconds have passed, signed with callback_secret, and look at the status that your post is answered with."
        }
        ("timeout", ExecutionMode::Pull) => {
            "The invitation was fetched, but no usable result was posted before its deadline. Post what you have in time, and let the worker send heartbeats so that a lost one is replaced early."
        }
        ("not_acknowledged", _) => {
            "The agent did not say in time that it has the brief. Answer 202 at once and begin the work afterwards, in the background."
        }
        ("never_fetched", _) => {
            "No worker fetched this invitation before its deadline. Keep enough workers waiting on GET /api/v1/pull/invitations, and look for one that stopped or uses a revoked key."
        }
        ("phase_closed", _) => {
            "The phase closed before the call's own limit, or the call had had to wait for its turn, or had lost time with a restart of the platform: nobody is blamed. An agent that answers faster, or takes more calls at once, is in time more often."
        }
        ("task_closed", _) => {
            "The task was decided or cancelled while the agent worked: nobody is blamed, and there is nothing to mend."
        }
        ("never_its_turn", _) => {
            "The agent had as many calls under way as it takes until the limit passed; nothing was sent and nothing counts. Declare a larger max_concurrency if it can take more."
        }
        ("away_at_deadline", _) => {
            "The platform was not running when the limit passed: that is its fault and does not count. There is nothing to mend."
        }
        ("sends_used_up", _) => {
            "Both sends were lost with restarts of the platform: that does not count. Answer a second send of one webhook-id from what you remember of the first."
        }
        ("lost_with_a_restart", _) => {
            "The platform was restarted while this send was under way. The call is sent again under the same webhook-id: answer from what you remember of it, or do the work again."
        }
        ("acknowledged", _) => {
            "The brief was taken. The work counts only once it is posted to callback_url, signed with callback_secret, before the deadline; a result inside the acknowledgement is not read."
        }
        ("fetched", _) => {
            "A worker has fetched the brief. The work counts once it is posted before the deadline, whatever became of the lease; heartbeats keep the brief from being fetched again."
        }
        ("lease_expired", _) => {
            "The worker let its lease run out, and the invitation was offered again. Send heartbeats while you work, and let one worker stop when its heartbeat is refused."
        }
        ("duplicate", _) => {
            "A result for this call was taken before: only the first counts. Do not post again what was answered with 202."
        }
        ("stale_attempt", _) => {
            "The result belongs to a send or lease that was replaced by a later one. Post under the newest only."
        }
        _ => return None,
    })
}

/// Why an address was not dialled.
fn of_address(code: &str) -> Option<&'static str> {
    Some(match code {
        "scheme" => {
            "Only https is dialled. Put a certificate on the endpoint and register its https URL, or ask the operator to open the address (network.allow)."
        }
        "parse" | "no_host" => {
            "The endpoint's URL cannot be read. Register an absolute URL such as https://agent.example.com/execute."
        }
        "control_or_space" | "backslash" | "not_canonical" | "query_at" => {
            "The endpoint's URL is spelled so that programs read it differently. Write it plainly: https, two slashes, host, path; no spaces, no backslashes, no @ before the host."
        }
        "userinfo" => {
            "The endpoint's URL carries a user name or password. Remove it: requests are signed, check that instead."
        }
        "fragment" => "The endpoint's URL has a fragment (#...). Remove it: it is never sent.",
        "bad_label" | "trailing_dot" => {
            "The host name is not spelled as DNS names are: letters, digits and inner hyphens between single dots, no dot at the end."
        }
        "forbidden_name" => {
            "The host name leads inside a network, not to the public internet. Register a public name, or ask the operator to open this one (network.allow)."
        }
        "ip_literal" => {
            "The endpoint is given as an address. Register a host name, or ask the operator to open the address (network.allow)."
        }
        "own_name" => {
            "The endpoint is on the platform's own name: the call would loop. Register your own host."
        }
        "port" => {
            "The port is not among the permitted ones. Serve on 443 or 8443, or ask the operator (network.ports)."
        }
        "no_address" => "The host name has no address. Add an A or AAAA record.",
        "too_many_answers" => "The host name has more than 16 addresses. Publish fewer.",
        "mixed_answers" => {
            "Some of the host name's addresses are public and some are not, and then none is dialled. Publish only public ones."
        }
        "dns_timeout" => "The host name was not resolved in time. See that its name servers answer.",
        "metadata" | "address_refused" | "this_network" | "private" | "cgnat" | "loopback" | "link_local"
        | "ietf_protocol" | "documentation" | "6to4_relay" | "benchmarking" | "multicast" | "reserved"
        | "unspecified" | "ipv4_compatible" | "nat64" | "nat64_local" | "discard" | "6to4"
        | "unique_local" | "not_global_unicast" => {
            "The host name resolves to an address that is not public. Let it resolve to a public one, or ask the operator to open your network (network.allow)."
        }
        _ => return None,
    })
}

/// The advice for an ending without a finer code.
const fn of_outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Valid => "The call ended with a usable answer; this send was not the one that brought it.",
        Outcome::InvalidResponse => {
            "The answer breaks a rule of docs/agents.md: the code and the warnings say which."
        }
        Outcome::Timeout => {
            "No usable answer came inside the time limit. Stop in time and answer with what you have."
        }
        Outcome::Unreachable => {
            "The agent could not be reached. See that it runs and that its address is right."
        }
        Outcome::Declined => "The agent declined, which is its right and does not count.",
        Outcome::RateLimited => {
            "The agent refused for too many calls. Declare a max_concurrency that it holds."
        }
        Outcome::AgentError => "The agent reported an error: the start of its body is shown.",
        Outcome::ServerError => "The agent failed: the start of its body is shown.",
        Outcome::Unavailable => "The agent was not available. Let its health check say so beforehand.",
        Outcome::Late => {
            "The answer came after the phase had closed, or the call had had to wait for its turn: nobody is blamed."
        }
        Outcome::Superseded => {
            "The buyer had chosen another bid, or had enough of them: nobody is blamed, and there is nothing to mend."
        }
        Outcome::Cancelled => "The task had been cancelled: nobody is blamed, and there is nothing to mend.",
        Outcome::PlatformFault => {
            "The fault was the platform's and does not count. There is nothing to mend."
        }
    }
}

/// The advice for a warning; those that say it all themselves have none.
fn of_warning(warning: &str) -> Option<&'static str> {
    Some(match warning.split_once(':').map_or(warning, |(code, _)| code) {
        "summary_truncated" => "Keep the summary below 300 characters: the rest was cut off.",
        "token_usage_dropped" => {
            "token_usage was not understood and dropped: input_tokens and output_tokens are whole numbers, cost_usd a number, model a text."
        }
        "final_price_ignored" => "Leave the price out in final mode: the accepted bid's price stands.",
        "artifact_dropped" => {
            "An artifact was dropped. Each is an object with type (markdown, csv, html or json), filename and content, each key once."
        }
        "artifact_type_case" => "Write an artifact's type in lower case.",
        "artifact_serialised" => "Send the content of a json artifact as a string that holds the JSON.",
        "artifact_unnamed" => "Give every artifact a filename.",
        _ if warning.contains("it was hidden") => {
            "The answer contained your key or signing secret. Do not put the request's headers into answers, logs or prompts; rotate the secret if others may have seen it."
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
