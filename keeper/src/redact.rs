//! Addresses of endpoints carry keys: in the path, in the query, before the host. What the keeper says, in its
//! log, its ledger and its alerts, names no more of an address than its host.
//!
//! The three places that text leaves the process by call [`text`]; no error has to be looked at by itself.

use std::cmp::Reverse;
use std::sync::{PoisonError, RwLock};

use base64::engine::general_purpose::STANDARD;
use base64::Engine as _;

const HIDDEN: &str = "[hidden]";
/// Shorter parts of an address are words like `v2`; they are hidden within addresses only.
const PART_MIN: usize = 8;
/// What ends an address in a text.
const ENDS: [char; 14] = [
    ' ', '\t', '\r', '\n', '"', '\'', '`', '(', ')', '<', '>', '{', '}', '\\',
];

/// Parts of the configured addresses, the longest first.
static PARTS: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// From now on no text holds what this address says beyond its host, not even by itself.
pub fn hide(address: &str) {
    let mut parts = PARTS.write().unwrap_or_else(PoisonError::into_inner);
    parts.extend(parts_of(address));
    // As the clients write it: in small letters, escaped.
    if let Ok(url) = address.parse::<reqwest::Url>() {
        parts.extend(parts_of(url.as_str()));
    }
    parts.sort_unstable_by(|one, other| {
        (Reverse(one.len()), one).cmp(&(Reverse(other.len()), other))
    });
    parts.dedup();
}

/// The text with hosts in place of addresses, and without any part of those that [`hide`] was told of.
pub fn text(text: &str) -> String {
    let mut said = hosts_only(text);
    for part in PARTS.read().unwrap_or_else(PoisonError::into_inner).iter() {
        if said.contains(part) {
            said = said.replace(part, HIDDEN);
        }
    }
    said
}

/// Host and port of an address.
pub fn host(address: &str) -> &str {
    let (_, authority, _) = split(address);
    authority.rsplit('@').next().unwrap_or_default()
}

/// What comes before `://`, host with user and port, and the rest.
fn split(address: &str) -> (&str, &str, &str) {
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    (scheme, authority, tail)
}

fn parts_of(address: &str) -> Vec<String> {
    let (_, authority, tail) = split(address);
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    // A user with a password is sent in this form.
    let header = STANDARD.encode(user);
    let parts = [user, tail, &header].into_iter();
    let parts = parts
        .chain(user.split(':'))
        .chain(tail.split(['/', '?', '&', '=', '#']));
    let parts = parts.filter(|part| part.len() >= PART_MIN);
    parts.map(str::to_owned).collect()
}

fn hosts_only(text: &str) -> String {
    let mut said = String::with_capacity(text.len());
    for (place, piece) in text.split("://").enumerate() {
        if place == 0 {
            said.push_str(piece);
            continue;
        }
        let end = piece.find(ENDS).unwrap_or(piece.len());
        let (address, rest) = piece.split_at(end);
        let (_, _, tail) = split(address);
        said.push_str("://");
        said.push_str(host(address));
        if !matches!(tail, "" | "/") {
            said.push('/');
            said.push_str(HIDDEN);
        }
        said.push_str(rest);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::{hide, host, text};

    #[test]
    fn an_address_is_said_by_its_host() {
        let said =
            text("error for url (https://me:key@node.example:8899/v2/key?a=key#key): refused");
        assert_eq!(
            said,
            "error for url (https://node.example:8899/[hidden]): refused"
        );
        for plain in ["http://127.0.0.1:1", "no address", "a::b ://"] {
            assert_eq!(text(plain), plain);
        }
        let twice = text("ws://a/key then \"wss://b?key\"");
        assert_eq!(twice, "ws://a/[hidden] then \"wss://b/[hidden]\"");
        assert_eq!(
            host("https://me:key@node.example:8899?key"),
            "node.example:8899"
        );
        assert_eq!(host("node.example/key"), "node.example");
    }

    #[test]
    fn parts_of_a_hidden_address_are_not_said_by_themselves_either() {
        hide("https://User-Of-It:Word-Of-It@Node.example/v2/Path-Of-It/?Api-Key=Query-Of-It&b=ü-of-it");
        let said = text(
            "GET /v2/Path-Of-It/ v2 Query-Of-It Word-Of-It User-Of-It ü-of-it %C3%BC-of-it \
             VXNlci1PZi1JdDpXb3JkLU9mLUl0",
        );
        assert!(
            !said.contains("-Of-It") && !said.contains("-of-it"),
            "{said}"
        );
        assert!(said.contains(" v2 ") && !said.contains("VXNl"), "{said}");
    }
}
