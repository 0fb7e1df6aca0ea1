//! What is wrong with a configuration that could be read.

use std::net::SocketAddr;
use std::path::Path;

use solana_pubkey::Pubkey;

use super::KeeperConfig;
use crate::alerts::AlertKind;
use crate::prices::setup::parse_feed;

/// Mistakes found so far.
#[derive(Debug, Default)]
pub(super) struct Mistakes(pub(super) Vec<String>);

impl Mistakes {
    fn when(&mut self, is: bool, what: impl Into<String>) {
        if is {
            self.0.push(what.into());
        }
    }

    /// Names every mistake of the configuration.
    pub(super) fn look(&mut self, config: &KeeperConfig) {
        self.when(is_empty(&config.keypair), "keypair is not named");
        self.endpoints(config);
        self.markets(config);
        self.sources(config);
        self.prices(config);
        self.plan(config);
        self.shard(config);
        let fees = &config.fees;
        let under = fees.cap_max < fees.cap;
        self.when(under, "fees.cap_max is under fees.cap");
        self.when(fees.cap < fees.base, "fees.cap is under fees.base");
        let listen = &config.http.listen;
        self.when(
            !listen.is_empty() && listen.parse::<SocketAddr>().is_err(),
            format!("http.listen: {listen} is no address with a port"),
        );
        self.alerts(config);
        if let Some(desk) = &config.desk {
            self.when(is_empty(&desk.keypair), "desk.keypair is not named");
        }
        if let Some(desk) = &config.underwriter {
            self.when(is_empty(&desk.keypair), "underwriter.keypair is not named");
            self.when(is_empty(&desk.policy), "underwriter.policy is not named");
            self.when(
                desk.keypair == config.keypair,
                "underwriter.keypair is the paying key's: it must be a key of its own",
            );
        }
        for (name, key) in keys(config) {
            let bad = key.parse::<Pubkey>().is_err();
            self.when(bad, format!("{name}: `{key}` is no public key"));
        }
    }

    fn endpoints(&mut self, config: &KeeperConfig) {
        self.when(config.endpoints.is_empty(), "no [[endpoint]] is listed");
        let (http, ws) = (["http://", "https://"], ["ws://", "wss://"]);
        for (index, endpoint) in config.endpoints.iter().enumerate() {
            self.address(&format!("endpoint[{index}].rpc"), &endpoint.rpc, http);
            if let Some(address) = &endpoint.ws {
                self.address(&format!("endpoint[{index}].ws"), address, ws);
            }
        }
        for (index, sender) in config.senders.iter().enumerate() {
            self.address(&format!("sender[{index}].rpc"), &sender.rpc, http);
        }
    }

    fn shard(&mut self, config: &KeeperConfig) {
        let shard = &config.shard;
        let count = shard.count;
        self.when(count == 0, "shard.count is 0");
        let mut outside = |what: &str, index: u64| {
            let text = format!("{what}: there is no shard {index} of {count}");
            self.when(count != 0 && index >= count, text);
        };
        outside("shard.index", shard.index);
        for (market, index) in &shard.markets {
            outside(&format!("shard.markets {market}"), *index);
        }
    }

    /// The address itself is not repeated: it may hold a key.
    fn address(&mut self, what: &str, url: &str, schemes: [&str; 2]) {
        let bad = !schemes.iter().any(|scheme| url.starts_with(scheme));
        let [plain, secure] = schemes;
        let text = format!("{what} begins neither with {plain} nor with {secure}");
        self.when(bad, text);
    }

    fn markets(&mut self, config: &KeeperConfig) {
        self.when(
            config.markets.is_empty() && config.exchange.is_none(),
            "neither `exchange` nor a [[market]] is named",
        );
        self.when(
            config.roles.marks && config.markets.is_empty(),
            "the role marks needs a [[market]] with its feeds",
        );
        for (place, market) in config.markets.iter().enumerate() {
            let address = &market.address;
            let feeds = market.feeds.len();
            self.when(
                !(1..=3).contains(&feeds),
                format!("market {address}: {feeds} feeds, it needs one to three"),
            );
            let mut before = config.markets.iter().take(place);
            let twice = before.any(|other| other.address == *address);
            self.when(twice, format!("market {address} is listed twice"));
        }
    }

    fn alerts(&mut self, config: &KeeperConfig) {
        let alerts = &config.alerts;
        for name in alerts.kinds.iter().chain(alerts.intervals.keys()) {
            let unknown = AlertKind::named(name).is_none();
            self.when(unknown, format!("alerts: `{name}` is no kind of alert"));
        }
        let none = alerts.interval_seconds == 0 || alerts.intervals.values().any(|own| *own == 0);
        self.when(none, "alerts: an interval is 0");
    }

    fn sources(&mut self, config: &KeeperConfig) {
        let sources = &config.sources;
        self.when(sources.pulse_ms < 50, "sources.pulse_ms is under 50");
        self.when(sources.resync_ms < 200, "sources.resync_ms is under 200");
        self.when(sources.silent_seconds == 0, "sources.silent_seconds is 0");
    }

    fn prices(&mut self, config: &KeeperConfig) {
        let prices = &config.prices;
        let source = prices.source.as_str();
        let known = ["chain", "hermes", "tape"].contains(&source);
        self.when(
            !known,
            format!("prices.source: `{source}` is none of chain, hermes, tape"),
        );
        self.address("prices.endpoint", &prices.endpoint, ["http://", "https://"]);
        self.when(prices.silent_seconds == 0, "prices.silent_seconds is 0");
        self.when(
            u16::try_from(prices.shard).is_err(),
            "prices.shard is over 65535",
        );
        self.when(
            prices.post && source != "hermes",
            "prices.post needs the source hermes: no other's prices are signed",
        );
        self.when(
            prices.post && !config.roles.marks,
            "prices.post needs the role marks",
        );
        let speed = prices.tape_speed;
        self.when(
            speed == 0 || speed > 86_400,
            format!("prices.tape_speed is {speed}, not from 1 to 86400"),
        );
        self.when(
            source == "tape" && prices.tapes.is_empty(),
            "prices.source is tape and no [[prices.tape]] is listed",
        );
        for tape in &prices.tapes {
            let feed = &tape.feed;
            let bad = parse_feed(feed).is_err();
            self.when(
                bad,
                format!("prices.tape: `{feed}` is no feed id of 64 hexadecimal digits"),
            );
            self.when(
                is_empty(&tape.file),
                format!("prices.tape {feed}: file is not named"),
            );
        }
    }

    fn plan(&mut self, config: &KeeperConfig) {
        let plan = &config.plan;
        self.when(plan.decide_ms == 0, "plan.decide_ms is 0");
        self.when(plan.in_flight == 0, "plan.in_flight is 0");
        self.when(plan.queue == 0, "plan.queue is 0");
        self.when(plan.backoff_min_ms == 0, "plan.backoff_min_ms is 0");
        self.when(
            plan.backoff_max_ms < plan.backoff_min_ms,
            "plan.backoff_max_ms is under plan.backoff_min_ms",
        );
        // A flag that no call renews for a minute starts anew, and a takeover's walk with it.
        self.when(
            plan.backoff_max_ms > 45_000,
            "plan.backoff_max_ms is over 45000: flags of liquidations would lapse",
        );
    }
}

fn is_empty(path: &Path) -> bool {
    path.as_os_str().is_empty()
}

/// Every public key of the file, with what it is called there.
fn keys(config: &KeeperConfig) -> Vec<(&'static str, &str)> {
    let named = [
        ("program", &config.program),
        ("exchange", &config.exchange),
        ("beneficiary", &config.beneficiary),
    ];
    let named = named
        .into_iter()
        .filter_map(|(name, key)| Some((name, key.as_deref()?)));
    let mut keys: Vec<_> = named.collect();
    if let Some(desk) = &config.desk {
        keys.push(("desk.margin_account", &desk.margin_account));
    }
    let tokens = config.underwriter.as_ref();
    if let Some(tokens) = tokens.and_then(|desk| desk.token_account.as_deref()) {
        keys.push(("underwriter.token_account", tokens));
    }
    let assigned = config.shard.markets.keys();
    keys.extend(assigned.map(|market| ("shard.markets", market.as_str())));
    for market in &config.markets {
        keys.push(("market", &market.address));
        keys.extend(market.feeds.iter().map(|feed| ("feed", feed.as_str())));
    }
    keys
}
