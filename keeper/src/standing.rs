//! Looks at the keeper from outside its loop: is it ready, and has the paying key enough. Neither look may make
//! a decision wait.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::alerts::{AlertKind, Alerts};
use crate::execute::Executor;
use crate::metrics::{Metrics, Readiness};

/// Between two looks at readiness.
const READY: Duration = Duration::from_secs(1);
/// Between two looks at the balance, and after one that was not answered.
const BALANCE: Duration = Duration::from_secs(30);
const BALANCE_AGAIN: Duration = Duration::from_secs(5);

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Standing {
    pub metrics: Arc<Metrics>,
    pub readiness: Readiness,
    pub executor: Arc<Executor>,
    pub alerts: Arc<Alerts>,
    pub low_balance: u64,
    /// Time for which it may be not ready before that is told.
    pub not_ready: Duration,
}

impl Standing {
    /// Looks for ever.
    pub async fn run(self) -> Infallible {
        tokio::join!(self.watch_readiness(), self.watch_balance()).0
    }

    async fn watch_readiness(&self) -> Infallible {
        let mut since = None::<Instant>;
        loop {
            let wrong = self.metrics.not_ready(&self.readiness);
            self.metrics.operations.ready(wrong.is_none());
            match wrong {
                None => since = None,
                Some(why) => {
                    let waited = since.get_or_insert_with(Instant::now).elapsed();
                    if waited >= self.not_ready {
                        let text = format!("not ready for {} s: {why}", waited.as_secs());
                        self.alerts.raise(AlertKind::NotReady, None, text);
                    }
                }
            }
            tokio::time::sleep(READY).await;
        }
    }

    async fn watch_balance(&self) -> Infallible {
        loop {
            let found = self.executor.balance().await;
            if let Some(lamports) = found {
                self.metrics.operations.balance(lamports);
                if lamports < self.low_balance {
                    let low = self.low_balance;
                    let text = format!("the paying key holds {lamports} lamports, under {low}");
                    self.alerts.raise(AlertKind::LowBalance, None, text);
                }
            }
            let again = if found.is_some() {
                BALANCE
            } else {
                BALANCE_AGAIN
            };
            tokio::time::sleep(again).await;
        }
    }
}
