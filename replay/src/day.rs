//! One day under one set of rules, second by second.

use std::time::Instant;

use anyhow::{Context, Result};
use plimsoll_client::accounts;
use plimsoll_engine::credit::vault;
use plimsoll_engine::state::HaltPhase;
use plimsoll_tapes::PricePoint;
use solana_pubkey::Pubkey;

use crate::actors::holders::Holders;
use crate::actors::makers::Makers;
use crate::actors::{desk, flow};
use crate::hands::{check_custody, Stagehands};
use crate::ledger::{Entry, Ledger, Roster};
use crate::operator::Operator;
use crate::outcome::{Cohort, Moment, Run, Timing, COHORT_SECONDS};
use crate::rules::RuleSet;
use crate::scenario::Scenario;
use crate::stage::{Member, Stage};
use crate::tapes::Stretch;
use crate::venue::Units;

/// Flaws that are written out; more are counted.
const FLAWS_MAX: usize = 8;

/// What a day is played with.
#[derive(Clone, Copy, Debug)]
pub struct Script<'a> {
    pub program: &'a [u8],
    pub scenario: &'a Scenario,
    pub stretch: &'a Stretch,
    pub seed: u64,
}

/// Plays the stretch under `rules`; `seen` is told of every second that is over.
///
/// # Errors
/// When the stage cannot be built or the replay itself fails. What the program refuses is counted.
pub fn play(script: &Script<'_>, rules: RuleSet, seen: &dyn Fn(u32)) -> Result<Run> {
    let began = Instant::now();
    let scenario = &ruled(script.scenario, rules);
    let stretch = script.stretch;
    let first = stretch.first();
    let mut stage = Stage::build(script.program, scenario, &first, stretch.start, script.seed)
        .with_context(|| format!("the stage for {rules}"))?;
    let mut timing = Timing {
        setup_seconds: began.elapsed().as_secs_f64(),
        ..Timing::default()
    };
    let began = Instant::now();
    let (sent, refused) = (stage.chain.transactions, stage.chain.refused);

    let mut cast = Cast::new(&stage, scenario);
    let worth_before = underwriters(&cast.keeper, &stage);
    let ledger = Ledger::new(
        roster(&stage, scenario),
        stage.venue.units,
        rules.name(),
        stretch.start,
    );
    let mut hands = Stagehands::new(&mut stage, ledger, rules, stretch.worst, script.seed);
    hands.begin(first.close_e8);
    for second in 0..stretch.seconds {
        cast.play(&mut hands, scenario, stretch, rules, second)?;
        seen(second);
    }
    cast.close(&mut hands);

    let Stagehands {
        mut ledger, tolls, ..
    } = hands;
    let worth = underwriters(&cast.keeper, &stage);
    let measures = &mut ledger.measures;
    (measures.adl_worst_share, measures.adl_gini) = tolls.summary();
    measures.underwriter_pnl = i64::try_from(worth - worth_before).unwrap_or(i64::MAX);
    measures.refused = stage.chain.refused - refused;
    own_losses(&mut ledger, &cast.keeper, &stage);
    cast.sum_up(&ledger, &stage);
    timing.play_seconds = began.elapsed().as_secs_f64();
    timing.transactions = stage.chain.transactions - sent;
    Ok(Run {
        rules,
        waterfall: ledger.waterfall,
        timeline: ledger.timeline,
        cohorts: cast.cohorts,
        halts: ledger.halts,
        haircuts: tolls.haircuts(&ledger.roster),
        events: ledger.events,
        measures: ledger.measures,
        flaws: cast.flaws.into_list(),
        timing,
    })
}

/// Who acts, in the order of a second, and what is found out about them.
struct Cast {
    keeper: Operator,
    makers: Makers,
    holders: Holders,
    cohorts: Vec<Cohort>,
    flaws: Flaws,
}

impl Cast {
    fn new(stage: &Stage, scenario: &Scenario) -> Self {
        Self {
            keeper: Operator::new(stage, scenario),
            makers: Makers::new(stage.makers.len()),
            holders: Holders::new(&stage.population.traders),
            cohorts: cohorts(scenario, stage),
            flaws: Flaws::default(),
        }
    }

    /// One second: the price, the keeper, everybody else, the keeper again; then the books are checked.
    fn play(
        &mut self,
        hands: &mut Stagehands<'_>,
        scenario: &Scenario,
        stretch: &Stretch,
        rules: RuleSet,
        second: u32,
    ) -> Result<()> {
        let now = stretch.start + i64::from(second);
        hands.stage.chain.set_time(now);
        let index = stretch.index_at(second);
        let perp = stretch.perp_at(second);
        if second.is_multiple_of(COHORT_SECONDS) {
            sample(&self.keeper, hands, &mut self.cohorts);
        }
        publish(hands, rules, index.map(|(_, point)| point), now)?;
        if let Some((candle, _)) = index {
            hands.see_index(candle.close_e8);
            let low = &mut hands.ledger.measures.index_low;
            *low = (*low).min(candle.low_e8);
        }
        self.keeper.work(hands)?;
        let believed = stretch.believed_at(second);
        let ticks = hands.stage.venue.units.ticks(believed);
        self.makers.act(hands, scenario, ticks);
        let moved = if stretch.has_perp() {
            perp.is_some()
        } else {
            index.is_some()
        };
        if moved {
            let candle = index.map_or(stretch.first(), |(candle, _)| candle);
            flow::act(hands, scenario, &candle, perp.as_ref());
        }
        desk::act(hands, scenario);
        self.holders.act(hands, &self.keeper);
        self.keeper.work(hands)?;
        close_second(hands, &self.keeper);
        if let Err(error) = check_custody(&self.keeper, hands.stage) {
            self.flaws.push(format!("second {second}: {error}"));
            hands.ledger.measures.custody_exact = false;
        }
        hands.ledger.end_second();
        Ok(())
    }

    /// The day is over: the last sample, and what must agree with what.
    fn close(&mut self, hands: &mut Stagehands<'_>) {
        sample(&self.keeper, hands, &mut self.cohorts);
        let (told, kept) = (
            hands.ledger.halted_seconds(),
            hands.header().halt.halted_seconds_total,
        );
        if told != kept {
            self.flaws.push(format!(
                "the events tell of {told} halted seconds, the market of {kept}"
            ));
        }
        hands.ledger.close();
        let missed = self.keeper.missed();
        if missed != 0 {
            self.flaws
                .push(format!("the keeper's index missed {missed} steps"));
        }
    }

    /// What each cohort of the scenario came to.
    fn sum_up(&mut self, ledger: &Ledger, stage: &Stage) {
        for (place, cohort) in self.cohorts.iter_mut().enumerate() {
            let traders = stage.population.traders.iter().enumerate();
            let own = traders.filter(|(_, trader)| trader.cohort == place);
            for (at, _) in own {
                cohort.liquidated_accounts += u64::from(ledger.liquidated.contains(&at));
                cohort.deposits += ledger.deposited.get(&at).copied().unwrap_or(0);
            }
        }
    }
}

/// The scenario with a rule switched by the program's own means: no lines, no budget of halts.
fn ruled(scenario: &Scenario, rules: RuleSet) -> Scenario {
    let mut scenario = scenario.clone();
    match rules {
        RuleSet::NoCredit => {
            for cohort in &mut scenario.cohorts {
                cohort.line_ppm = 0;
            }
        }
        RuleSet::NoHalt => scenario.market.halt_budget_ppm = 0,
        _ => {}
    }
    scenario
}

/// Writes the second's price into the price account: the index's, or the venue's own last trade.
fn publish(
    hands: &mut Stagehands<'_>,
    rules: RuleSet,
    index: Option<PricePoint>,
    now: i64,
) -> Result<()> {
    let stage = &mut *hands.stage;
    if rules == RuleSet::BaselineVenueMark {
        let price = match hands.ledger.last_ticks {
            Some(ticks) => stage.venue.units.price_e8(ticks),
            None => hands.index_e8,
        };
        let conf = price.unsigned_abs() / 2_000;
        return stage.venue.publish(&mut stage.chain, price, conf, now);
    }
    match index {
        Some(point) => stage
            .venue
            .publish(&mut stage.chain, point.price_e8, point.conf_e8, now),
        None => Ok(()),
    }
}

/// Reads the end of a second off the chain.
fn close_second(hands: &mut Stagehands<'_>, keeper: &Operator) {
    let header = hands.header();
    let clock = hands.stage.chain.clock();
    let units: Units = hands.stage.venue.units;
    let below = keeper.in_sight().into_iter().filter(|address| {
        let seen = keeper.look(address, &clock);
        seen.is_some_and(|seen| seen.risk.meets_maintenance() == Ok(false))
    });
    let below = u32::try_from(below.count()).unwrap_or(u32::MAX);
    let mark = units.price_of_q32(header.prices.mark);
    let lots = header.sides[0].open_interest() / units.base_atoms_per_lot.max(1);
    let moment = &mut hands.ledger.now;
    *moment = Moment {
        index: units.price_of_q32(header.prices.index),
        mark,
        below_maintenance: below,
        halted: crate::actors::phase(&header, clock.now) != HaltPhase::Continuous,
        open_interest: units.value(lots, units.ticks(mark)),
        ..*moment
    };
    let seconds = &mut hands.ledger.measures.below_maintenance_seconds;
    *seconds = seconds.saturating_add(u64::from(below));
    hands.follow_entries(header.prices.mark);
}

/// Everybody with a seat: the population in its order, then makers, flow and desk.
fn roster(stage: &Stage, scenario: &Scenario) -> Roster {
    let traders = stage.population.traders.iter().zip(&stage.members);
    let mut entries: Vec<Entry> = traders
        .map(|(trader, member)| Entry {
            cohort: scenario
                .cohorts
                .get(trader.cohort)
                .map_or_else(String::new, |cohort| cohort.name.clone()),
            number: trader.number,
            margin: member.margin,
            seat: member.seat,
            hedger: trader.hedger,
        })
        .collect();
    let others = [
        ("maker", &stage.makers[..]),
        ("flow", &stage.flow[..]),
        ("desk", stage.desk.as_slice()),
    ];
    for (name, members) in others {
        let of = |(number, member): (u32, &Member)| Entry {
            cohort: name.to_owned(),
            number,
            margin: member.margin,
            seat: member.seat,
            hedger: false,
        };
        entries.extend((0_u32..).zip(members).map(of));
    }
    Roster::new(entries)
}

/// Cohorts of the scenario, then makers, flow and desk, without samples.
fn cohorts(scenario: &Scenario, stage: &Stage) -> Vec<Cohort> {
    let count = |place: usize| {
        let traders = stage.population.traders.iter();
        traders.filter(|trader| trader.cohort == place).count()
    };
    let named = scenario.cohorts.iter().enumerate();
    let mut all: Vec<(String, usize)> = named
        .map(|(place, cohort)| (cohort.name.clone(), count(place)))
        .collect();
    all.push(("makers".to_owned(), stage.makers.len()));
    all.push(("flow".to_owned(), stage.flow.len()));
    all.push(("desk".to_owned(), usize::from(stage.desk.is_some())));
    let cohort = |(name, accounts)| Cohort {
        name,
        accounts: u32::try_from(accounts).unwrap_or(u32::MAX),
        equity: Vec::new(),
        liquidated_accounts: 0,
        deposits: 0,
    };
    all.into_iter().map(cohort).collect()
}

/// One sample of every cohort's equity, without credit.
fn sample(keeper: &Operator, hands: &Stagehands<'_>, cohorts: &mut [Cohort]) {
    let clock = hands.stage.chain.clock();
    let mut sums = vec![0_i64; cohorts.len()];
    let equity = |member: &Member| {
        let seen = keeper.look(&member.margin, &clock);
        seen.map_or(0, |seen| seen.risk.equity)
    };
    let stage = &hands.stage;
    for (trader, member) in stage.population.traders.iter().zip(&stage.members) {
        if let Some(sum) = sums.get_mut(trader.cohort) {
            *sum = sum.saturating_add(equity(member));
        }
    }
    let others = [&stage.makers[..], &stage.flow[..], stage.desk.as_slice()];
    for (sum, members) in sums.iter_mut().rev().zip(others.into_iter().rev()) {
        *sum = members.iter().map(equity).sum();
    }
    for (cohort, sum) in cohorts.iter_mut().zip(sums) {
        cohort.equity.push(sum);
    }
}

/// What the vaults are worth: their face, drawn credit counted as far as its borrower's equity covers it.
fn underwriters(keeper: &Operator, stage: &Stage) -> i128 {
    let faces = stage.vaults.iter().filter_map(|held| {
        let vault = accounts::credit_vault(stage.chain.data(&held.address)).ok()?;
        vault::face(&vault).ok()
    });
    let faces: i128 = faces.map(i128::from).sum();
    faces - i128::from(shortfall(keeper, stage))
}

/// Drawn credit that borrowers' equity does not cover.
fn shortfall(keeper: &Operator, stage: &Stage) -> u64 {
    let clock = stage.chain.clock();
    let lines = keeper.mirror.lines().filter(|(_, line)| line.drawn != 0);
    let of_line = lines.map(|(_, line)| {
        let seen = keeper.look(&Pubkey::from(line.margin_account), &clock);
        let covered = seen.and_then(|seen| seen.risk.equity_with_credit().ok());
        let covered = u64::try_from(covered.unwrap_or(0)).unwrap_or(0);
        line.drawn.saturating_sub(covered)
    });
    of_line.sum()
}

/// The first parts of the waterfall: what liquidated accounts lost of their own, and what of credit is lost.
fn own_losses(ledger: &mut Ledger, keeper: &Operator, stage: &Stage) {
    let clock = stage.chain.clock();
    let mut own = 0_u64;
    for place in &ledger.liquidated {
        let (Some(trader), Some(member)) = (
            stage.population.traders.get(*place),
            stage.members.get(*place),
        ) else {
            continue;
        };
        // All that it brought: its first cash and what has left its wallet since.
        let brought = (trader.collateral + trader.deposit * 2)
            .saturating_sub(stage.chain.tokens(&member.tokens));
        let left = keeper.look(&member.margin, &clock);
        let left = left.map_or(0, |seen| seen.risk.equity.max(0).unsigned_abs());
        own = own.saturating_add(brought.saturating_sub(left));
    }
    ledger.waterfall.own_cash = own;
    ledger.waterfall.credit = shortfall(keeper, stage).saturating_add(ledger.written_off);
}

/// Why a run cannot be trusted.
#[derive(Debug, Default)]
struct Flaws {
    first: Vec<String>,
    count: usize,
}

impl Flaws {
    fn push(&mut self, flaw: String) {
        if self.first.len() < FLAWS_MAX {
            self.first.push(flaw);
        }
        self.count += 1;
    }

    fn into_list(mut self) -> Vec<String> {
        let more = self.count - self.first.len();
        if more != 0 {
            self.first.push(format!("and {more} more"));
        }
        self.first
    }
}
