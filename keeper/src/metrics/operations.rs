//! Figures about the operation itself: readiness, alerts, money, markets, what waits too long.

use anyhow::Result;
use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::gauge;

/// Shared by everything that watches the keeper.
#[derive(Clone, Debug)]
pub struct Operations {
    alerts: IntCounterVec,
    ready: IntGauge,
    /// A figure of no labels is shown once it is known, and not as zero before.
    balance: IntGaugeVec,
    pub low_balance: IntGauge,
    pub spending_cap: IntGauge,
    roles: IntGaugeVec,
    pub accounts_not_safe: IntGauge,
    pub not_safe_seconds: IntGauge,
    pub overdue: IntGauge,
    market_phase: IntGaugeVec,
    mark_age: IntGaugeVec,
    shard: IntGaugeVec,
}

/// What is shown of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketFigures {
    /// As the engine numbers phases: 0 continuous, 1 call, 2 freeze, 3 uncross, 4 resolve.
    pub phase: u8,
    pub mark_age_seconds: u64,
}

impl Operations {
    pub(super) fn register(registry: &Registry) -> Result<Self> {
        let labelled = |name: &str, help: &str, labels: &[&str]| -> Result<IntGaugeVec> {
            let figure = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(figure.clone()))?;
            Ok(figure)
        };
        let plain = |name: &str, help: &str| -> Result<IntGauge> {
            let figure = IntGauge::new(name, help)?;
            registry.register(Box::new(figure.clone()))?;
            Ok(figure)
        };
        let alerts = Opts::new("alerts_total", "Alerts by kind and what became of them");
        let alerts = IntCounterVec::new(alerts, &["kind", "outcome"])?;
        registry.register(Box::new(alerts.clone()))?;
        Ok(Self {
            alerts,
            ready: plain("ready", "1 while /readyz answers 200")?,
            balance: labelled("balance_lamports", "Balance of the paying key", &[])?,
            low_balance: plain("low_balance_lamports", "Balance that counts as low")?,
            spending_cap: plain("spending_cap_lamports", "Fees allowed in any hour")?,
            roles: labelled("role_enabled", "1 for each role that runs", &["role"])?,
            accounts_not_safe: plain("accounts_not_safe", "Accounts with a step of rescue due")?,
            not_safe_seconds: plain(
                "not_safe_seconds",
                "Time for which the longest of them has been due",
            )?,
            overdue: plain(
                "overdue_actions",
                "Actions due beyond alerts.deadline_seconds",
            )?,
            market_phase: labelled(
                "market_phase",
                "0 continuous, 1 call, 2 freeze, 3 uncross, 4 resolve",
                &["market", "symbol"],
            )?,
            mark_age: labelled(
                "market_mark_age_seconds",
                "Age of a market's mark by the chain's clock",
                &["market", "symbol"],
            )?,
            shard: labelled(
                "shard",
                "1; the labels say which part of the work is this keeper's",
                &["index", "count"],
            )?,
        })
    }

    pub fn alert(&self, kind: &str, outcome: &str) {
        self.alerts.with_label_values(&[kind, outcome]).inc();
    }

    pub fn ready(&self, ready: bool) {
        self.ready.set(i64::from(ready));
    }

    pub fn balance(&self, lamports: u64) {
        let none: [&str; 0] = [];
        self.balance.with_label_values(&none).set(gauge(lamports));
    }

    pub fn role(&self, role: &str, runs: bool) {
        self.roles.with_label_values(&[role]).set(i64::from(runs));
    }

    pub fn shard(&self, index: u64, count: u64) {
        let labels = [index.to_string(), count.to_string()];
        self.shard.with_label_values(&labels).set(1);
    }

    pub fn market(&self, address: &str, symbol: &str, figures: MarketFigures) {
        let labels = [address, symbol];
        let phase = self.market_phase.with_label_values(&labels);
        phase.set(i64::from(figures.phase));
        let age = self.mark_age.with_label_values(&labels);
        age.set(gauge(figures.mark_age_seconds));
    }
}
