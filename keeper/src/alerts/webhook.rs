//! Sends alerts to an address that is a secret: it stands in no log and no error.

use std::time::Duration;

use anyhow::{ensure, Context, Result};
use reqwest::{Client, StatusCode, Url};
use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::Alert;
use crate::metrics::Operations;

/// How often and how patiently an alert is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookPolicy {
    pub tries: u32,
    /// Wait after the first failure, doubled by each further one.
    pub backoff: Duration,
    pub timeout: Duration,
}

impl Default for WebhookPolicy {
    fn default() -> Self {
        Self {
            tries: 5,
            backoff: Duration::from_secs(1),
            timeout: Duration::from_secs(10),
        }
    }
}

/// The receiving end of the alerts.
pub struct Webhook {
    client: Client,
    url: Url,
    policy: WebhookPolicy,
    figures: Operations,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").finish_non_exhaustive()
    }
}

/// What a try came to.
#[derive(Debug)]
pub(super) enum Sent {
    Taken,
    /// Worth another try.
    Failed(String),
    Refused(StatusCode),
}

impl Webhook {
    /// # Errors
    /// When the address is none for HTTP; it is not repeated in the error.
    pub fn new(url: &str, policy: WebhookPolicy, figures: Operations) -> Result<Self> {
        let url: Url = url.parse().context("the webhook's address is no URL")?;
        let http = matches!(url.scheme(), "http" | "https");
        ensure!(
            http,
            "the webhook's address begins neither with http:// nor https://"
        );
        let client = Client::builder().timeout(policy.timeout).build()?;
        Ok(Self {
            client,
            url,
            policy,
            figures,
        })
    }

    /// Sends until no more can come.
    pub async fn run(self, mut alerts: mpsc::Receiver<Alert>) {
        while let Some(alert) = alerts.recv().await {
            let outcome = self.deliver(&alert).await;
            self.figures.alert(alert.kind, outcome);
        }
    }

    async fn deliver(&self, alert: &Alert) -> &'static str {
        let mut wait = self.policy.backoff;
        for attempt in 1..=self.policy.tries {
            match self.send(alert).await {
                Sent::Taken => return "sent",
                Sent::Refused(status) => {
                    warn!(kind = alert.kind, %status, "the webhook refuses the alert");
                    return "dropped";
                }
                Sent::Failed(why) => debug!(kind = alert.kind, attempt, why, "alert not sent"),
            }
            if attempt != self.policy.tries {
                tokio::time::sleep(wait).await;
                wait = wait.saturating_mul(2);
            }
        }
        warn!(kind = alert.kind, "the webhook does not take the alert");
        "dropped"
    }

    pub(super) async fn send(&self, alert: &Alert) -> Sent {
        let body = match serde_json::to_vec(alert) {
            Ok(body) => body,
            Err(error) => return Sent::Failed(error.to_string()),
        };
        let request = self.client.post(self.url.clone());
        let request = request.header("content-type", "application/json");
        match request.body(body).send().await {
            Ok(answer) => match answer.status() {
                status if status.is_success() => Sent::Taken,
                status if passing(status) => Sent::Failed(status.to_string()),
                status => Sent::Refused(status),
            },
            Err(error) => Sent::Failed(error.without_url().to_string()),
        }
    }
}

/// Whether the same may be taken later.
fn passing(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
        )
}
