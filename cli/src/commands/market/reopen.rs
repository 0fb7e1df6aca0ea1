//! `plimsoll market reopen`: takes a halted market as far as the clock allows; anyone may, and nothing
//! happens twice.

use std::time::Duration;

use anyhow::{bail, Result};
use plimsoll_client::engine::halt;
use plimsoll_client::engine::state::HaltPhase;
use plimsoll_client::events::Event;
use plimsoll_client::instructions::advance_halt;
use serde::Serialize;
use solana_pubkey::Pubkey;

use super::status::StatusShown;
use crate::markets;
use crate::session::Session;
use crate::traders::send;
use crate::transactions;
use crate::units::MarketUnits;

/// Orders that one transaction looks at: its events must fit into its log.
const STEPS_MAX: u16 = 64;
/// Transactions that one auction takes at most; what they leave, the clock ends.
const CALLS_MAX: u32 = 200;
const PAUSE: Duration = Duration::from_millis(400);
/// Looks at a book that is to stand still for a few slots.
const STILL_LOOKS: u32 = 50;

/// What was done. `state` is what the market is in at the end.
#[derive(Debug, Default, Serialize)]
struct ReopenedShown {
    market: String,
    done: Vec<String>,
    signatures: Vec<String>,
    phase: &'static str,
    seconds_to_next_phase: Option<i64>,
    seconds_to_reopening: Option<i64>,
}

/// What the program says of one transaction, in words.
fn sentences(events: &[Event], symbol: &str, units: &MarketUnits) -> Vec<String> {
    let told = events.iter().filter_map(|event| match event {
        Event::AuctionPriceFixed(fixed) => Some(format!(
            "The auction's price is {}: {} {symbol} trade at it; the index is {}.",
            units.price(fixed.price),
            units.size(fixed.lots),
            units.price_q32(fixed.reference)
        )),
        Event::AuctionFilled(filled) => {
            let lots = filled.fills.iter().filter(|fill| fill.side == 0);
            let lots = lots.map(|fill| fill.lots).fold(0, u64::saturating_add);
            let left = match filled.lots_left {
                0 => "nothing is left".to_owned(),
                lots => format!("{} are left", units.size(lots)),
            };
            Some(format!(
                "{} {symbol} were filled in {} orders; {left}.",
                units.size(lots),
                filled.fills.len()
            ))
        }
        Event::AuctionEnded(ended) => Some(format!(
            "The auction is over; trading goes on at {} UTC.",
            crate::output::time(ended.reopens_at)
        )),
        Event::HaltEnded(ended) => Some(format!(
            "{symbol} reopened at {} UTC after {} s{}.",
            crate::output::time(ended.reopened_at),
            ended.halted_seconds,
            if ended.reduce_only {
                ", reduce-only until its index is refreshed"
            } else {
                ""
            }
        )),
        _ => None,
    });
    told.collect()
}

pub(super) async fn reopen(session: &Session, name: &str, wait: bool) -> Result<()> {
    let market = markets::find(session, name).await?;
    let (symbol, units, address) = (market.symbol(), market.units(), market.address);
    let mut shown = ReopenedShown {
        market: symbol.clone(),
        ..ReopenedShown::default()
    };
    for _ in 0..CALLS_MAX {
        if !due(session, &address, wait).await? {
            break;
        }
        let signer = session.signer()?;
        let advance = advance_halt(&session.addresses()?, address, STEPS_MAX);
        let signature = send(session, "advancing the halt", &[advance], &[&signer]).await?;
        let events = transactions::outcome(session, signature).await?;
        let said = sentences(&events, &symbol, &units);
        if !session.output.is_json() {
            for sentence in &said {
                session.output.progress(sentence);
            }
        }
        shown.done.extend(said);
        shown.signatures.push(signature.to_string());
    }
    let now = session.connection.chain_time().await?;
    let status = StatusShown::of(&session.connection.market(&address).await?, now)?;
    shown.phase = status.phase;
    shown.seconds_to_next_phase = status.seconds_to_next_phase;
    shown.seconds_to_reopening = status.seconds_to_reopening;
    session.output.result(&shown, || ending(&shown))
}

/// Whether `advance_halt` would do something now: with `wait`, as soon as it would.
async fn due(session: &Session, market: &Pubkey, wait: bool) -> Result<bool> {
    let mut looks = 0;
    loop {
        let now = session.connection.chain_time().await?;
        let header = session.connection.market(market).await?.header;
        match halt::phase(&header, now) {
            HaltPhase::Continuous => {
                return Ok(header.halt.phase != HaltPhase::Continuous.byte());
            }
            HaltPhase::Uncross => {
                // The book must have stood still for some slots, whatever the clock says.
                if session.connection.rpc().get_slot().await? >= header.halt.uncross_slot {
                    return Ok(true);
                }
                looks += 1;
                if looks > STILL_LOOKS {
                    bail!(
                        "slot {}, from which on the auction may begin, does not come",
                        header.halt.uncross_slot
                    );
                }
            }
            HaltPhase::Call | HaltPhase::Freeze | HaltPhase::Resolve if wait => {}
            HaltPhase::Call | HaltPhase::Freeze | HaltPhase::Resolve => return Ok(false),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn ending(shown: &ReopenedShown) -> String {
    let market = &shown.market;
    if shown.phase == "open" {
        return if shown.signatures.is_empty() {
            format!("{market} is open; there is nothing to do.")
        } else {
            format!("{market} is open.\n{}", shown.signatures.join("\n"))
        };
    }
    let (next, last) = (
        shown.seconds_to_next_phase.unwrap_or(0),
        shown.seconds_to_reopening.unwrap_or(0),
    );
    let mut lines = vec![format!(
        "{market} is in its {} phase for {next} s yet: nothing more is due before. It reopens in {last} s at the latest; --wait stays until then.",
        shown.phase
    )];
    lines.extend(shown.signatures.iter().cloned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use plimsoll_client::engine::units::LotSizes;
    use plimsoll_client::events::{
        AuctionEnded, AuctionFillRecord, AuctionFilled, AuctionPriceFixed, HaltEnded,
    };

    use super::*;

    fn units() -> MarketUnits {
        let sizes = LotSizes {
            base_atoms_per_lot: 1_000_000,
            quote_atoms_per_lot_tick: 10,
        };
        MarketUnits::new(sizes, 8)
    }

    fn fill(side: u8, lots: u64) -> AuctionFillRecord {
        AuctionFillRecord {
            seat: 1,
            sequence: 2,
            side,
            liquidation: false,
            lots,
            fee: 0,
        }
    }

    #[test]
    fn each_event_of_a_halts_course_is_a_sentence() {
        let market = Pubkey::default();
        let events = [
            Event::AuctionPriceFixed(Box::new(AuctionPriceFixed {
                version: 1,
                market,
                sequence: 3,
                price: 20_500,
                lots: 700,
                reference: (20_600 << 32) / 100_000,
            })),
            Event::AuctionFilled(Box::new(AuctionFilled {
                version: 1,
                market,
                sequence: 3,
                price: 20_500,
                lots_left: 200,
                fills: vec![fill(0, 500), fill(1, 400), fill(1, 100)],
            })),
            Event::AuctionEnded(Box::new(AuctionEnded {
                version: 1,
                market,
                sequence: 3,
                reopens_at: 0,
            })),
            Event::HaltEnded(Box::new(HaltEnded {
                version: 1,
                market,
                sequence: 3,
                reopened_at: 0,
                halted_seconds: 8,
                reduce_only: true,
            })),
        ];
        let said = sentences(&events, "AVAX", &units());
        assert_eq!(
            said[..2],
            [
                "The auction's price is 20.500: 7 AVAX trade at it; the index is 20.600.",
                "5 AVAX were filled in 3 orders; 2 are left.",
            ]
        );
        assert!(said[2].starts_with("The auction is over"));
        assert!(said[3].ends_with("after 8 s, reduce-only until its index is refreshed."));
    }
}
