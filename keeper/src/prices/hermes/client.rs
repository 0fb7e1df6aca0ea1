//! Requests to Hermes and what its answers mean.

use std::time::Duration;

use anyhow::{anyhow, bail};
use reqwest::header::{HeaderValue, AUTHORIZATION, RETRY_AFTER};
use reqwest::{redirect, Response, StatusCode, Url};
use tokio::time::timeout;

use crate::prices::board::hex;
use crate::prices::sse::EVENT_BYTES_MAX;
use crate::prices::FeedId;

/// Environment variable with the key; `keeper.toml` never holds it.
pub const API_KEY: &str = "PYTH_API_KEY";

/// Longest that connecting may take.
pub(super) const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Longest that an answer to a poll may take.
const POLL_MAX: Duration = Duration::from_secs(10);
/// Longest pause that an endpoint can ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);
/// Characters of an answer that are shown.
const SHOWN_MAX: usize = 200;

/// Pyth's own endpoints: they answer nobody without a key.
const KEYED_HOSTS: [&str; 2] = ["pyth.dourolabs.app", "hermes.pyth.network"];

/// A key, which no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(HeaderValue);

impl ApiKey {
    /// # Errors
    /// When the text cannot stand in a header.
    pub fn new(text: &str) -> anyhow::Result<Self> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", text.trim()))
            .map_err(|_| anyhow!("{API_KEY} holds characters that no key has"))?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// The key of the environment, if there is one.
    ///
    /// # Errors
    /// When it cannot stand in a header.
    pub fn from_environment() -> anyhow::Result<Option<Self>> {
        match std::env::var(API_KEY) {
            Ok(text) if !text.trim().is_empty() => Self::new(&text).map(Some),
            _ => Ok(None),
        }
    }
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiKey")
    }
}

/// Whether an endpoint is known to answer nobody without a key.
pub fn needs_key(endpoint: &str) -> bool {
    let url = Url::parse(endpoint);
    url.is_ok_and(|url| {
        url.host_str()
            .is_some_and(|host| KEYED_HOSTS.contains(&host))
    })
}

/// What went wrong, by what may be done about it.
#[derive(Debug)]
pub(super) enum Failure {
    /// Trying again does not help.
    Fatal(anyhow::Error),
    /// Too many requests; for how long, if it says so.
    Limited(Option<Duration>),
    Passing(String),
}

impl Failure {
    /// The same as one that may pass.
    pub(super) fn passing(self) -> Self {
        match self {
            Self::Fatal(error) => Self::Passing(format!("{error:#}")),
            other => other,
        }
    }
}

/// Asks Hermes.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    endpoint: String,
    key: Option<ApiKey>,
}

impl Client {
    pub(super) fn new(endpoint: &str, key: Option<ApiKey>) -> anyhow::Result<Self> {
        if key.is_none() && needs_key(endpoint) {
            bail!("{}", missing_key(endpoint));
        }
        let url = Url::parse(endpoint)?;
        let near = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if key.is_some() && url.scheme() == "http" && !near {
            bail!("prices.endpoint {endpoint} would carry the key of {API_KEY} in the clear: name it with https://");
        }
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_MAX)
            // A redirect to another host would lose the key, or hand it on.
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self {
            http,
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            key,
        })
    }

    /// Opens the stream of these feeds.
    pub(super) async fn stream(&self, feeds: &[FeedId]) -> Result<Response, Failure> {
        self.get("stream", feeds).await
    }

    /// The newest prices of these feeds.
    pub(super) async fn latest(&self, feeds: &[FeedId]) -> Result<String, Failure> {
        let late = |_| Failure::Passing("it does not answer".to_owned());
        let asked = async {
            let mut response = self.get("latest", feeds).await?;
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
                body.extend_from_slice(&chunk);
                if body.len() > EVENT_BYTES_MAX {
                    return Err(Failure::Passing("its answer is too long".to_owned()));
                }
            }
            String::from_utf8(body)
                .map_err(|_| Failure::Passing("its answer is no text".to_owned()))
        };
        timeout(POLL_MAX, asked).await.map_err(late)?
    }

    async fn get(&self, method: &str, feeds: &[FeedId]) -> Result<Response, Failure> {
        let ids = feeds.iter().map(|feed| format!("ids%5B%5D={}&", hex(feed)));
        let ids: String = ids.collect();
        let url = format!(
            "{}/v2/updates/price/{method}?{ids}encoding=base64&parsed=false&ignore_invalid_price_ids=true",
            self.endpoint
        );
        let mut request = self.http.get(url);
        if let Some(ApiKey(key)) = &self.key {
            request = request.header(AUTHORIZATION, key.clone());
        }
        let response = request.send().await.map_err(|error| broken(&error))?;
        self.judge(response).await
    }

    async fn judge(&self, mut response: Response) -> Result<Response, Failure> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if status.is_redirection() {
            let to = response.headers().get(reqwest::header::LOCATION);
            let to = to
                .and_then(|to| to.to_str().ok())
                .unwrap_or("somewhere else");
            return Err(Failure::Fatal(anyhow!(
                "{} sends on to {}: name that as prices.endpoint",
                self.endpoint,
                shown(to)
            )));
        }
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(Failure::Fatal(match self.key {
                    None => anyhow!(missing_key(&self.endpoint)),
                    Some(_) => anyhow!(
                        "{} does not accept the key of {API_KEY} ({status})",
                        self.endpoint
                    ),
                }))
            }
            StatusCode::TOO_MANY_REQUESTS => Err(Failure::Limited(retry_after(&response))),
            _ => {
                let body = match timeout(POLL_MAX, response.chunk()).await {
                    Ok(Ok(Some(chunk))) => String::from_utf8_lossy(&chunk).into_owned(),
                    _ => String::new(),
                };
                Err(Failure::Passing(format!("{status} {}", shown(&body))))
            }
        }
    }
}

fn missing_key(endpoint: &str) -> String {
    format!(
        "{endpoint} answers nobody without a Pyth API key: set {API_KEY} (Pyth hands keys out), or name another \
         prices.endpoint"
    )
}

fn retry_after(response: &Response) -> Option<Duration> {
    let said = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let seconds = Duration::from_secs(said.trim().parse().ok()?);
    Some(seconds.min(RETRY_AFTER_MAX))
}

fn broken(error: &reqwest::Error) -> Failure {
    Failure::Passing(cause(error))
}

/// The innermost cause, which says more than the outermost and names no address.
pub(super) fn cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// One line of what somebody else wrote.
pub(super) fn shown(text: &str) -> String {
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    printable.take(SHOWN_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pyths_own_endpoints_are_not_asked_without_a_key() {
        for endpoint in [
            "https://pyth.dourolabs.app/hermes",
            "https://hermes.pyth.network",
        ] {
            let refused = Client::new(endpoint, None)
                .expect_err("refused")
                .to_string();
            assert!(refused.contains("set PYTH_API_KEY"), "{refused}");
            let key = ApiKey::new("secret").expect("a key");
            Client::new(endpoint, Some(key)).expect("a client");
        }
        Client::new("https://hermes.example.org", None).expect("a client");
    }

    #[test]
    fn a_key_is_neither_shown_nor_sent_in_the_clear() {
        let key = ApiKey::new(" secret\n").expect("a key");
        let client =
            Client::new("https://hermes.example.org", Some(key.clone())).expect("a client");
        let text = format!("{client:?} {key:?}");
        assert!(!text.contains("secret"), "{text}");
        assert_eq!(key.0.to_str().ok(), Some("Bearer secret"));
        let refused = Client::new("http://hermes.example.org", Some(key.clone()));
        assert!(refused.is_err());
        Client::new("http://127.0.0.1:7", Some(key)).expect("a client");
        assert!(ApiKey::new("a\u{1}b").is_err());
    }

    #[test]
    fn what_somebody_else_wrote_is_one_short_line() {
        let text = format!("a\r\nb\u{1b}[31m{}", "x".repeat(500));
        let line = shown(&text);
        assert!(line.starts_with("a  b [31m"), "{line}");
        assert_eq!(line.chars().count(), SHOWN_MAX);
    }
}
