//! `plimsoll order`: place, cancel, close, list.

mod cancel;
mod list;
mod place;
mod preview;

use anyhow::{Context, Result};
use clap::Subcommand;
use plimsoll_client::accounts::MarketView;
use plimsoll_client::preview::AccountView;
use solana_pubkey::Pubkey;

use crate::markets::{self, ListedMarket};
use crate::session::Session;
use crate::traders::{AccountArgs, Trader};
use crate::units::MarketUnits;

/// Subcommands of `plimsoll order`.
#[derive(Subcommand, Debug)]
pub(crate) enum OrderCommand {
    /// Show what an order would do, then place it
    Place(place::PlaceArgs),
    /// Close a position, or a part of it, at the market
    Close(place::CloseArgs),
    /// Cancel one order
    Cancel(cancel::CancelArgs),
    /// Cancel all orders in one market, or in all
    CancelAll(cancel::CancelAllArgs),
    /// Resting orders
    List {
        #[command(flatten)]
        account: AccountArgs,
    },
}

pub(crate) async fn run(session: &Session, command: OrderCommand) -> Result<()> {
    match command {
        OrderCommand::Place(args) => place::run(session, args).await,
        OrderCommand::Close(args) => place::close(session, args).await,
        OrderCommand::Cancel(args) => cancel::one(session, args).await,
        OrderCommand::CancelAll(args) => cancel::all(session, args).await,
        OrderCommand::List { account } => list::run(session, &account).await,
    }
}

/// A trader's seat in one market, with everything that an order there needs to know.
#[derive(Debug)]
struct Place {
    trader: Trader,
    market: ListedMarket,
    view: AccountView,
    /// Position of the market among the account's entries.
    entry: usize,
    /// Block of the seat.
    seat: u32,
}

impl Place {
    async fn find(session: &Session, account: &AccountArgs, market: &str) -> Result<Self> {
        let market = markets::find(session, market).await?;
        let trader = Trader::new(session, account)?;
        let view = trader.view(session).await?;
        let entry = view.account.entry_of(&market.address.to_bytes());
        let entry = entry.with_context(|| {
            let symbol = market.symbol();
            format!("the account has no seat in {symbol}: `plimsoll account claim-seat {symbol}` takes one")
        })?;
        let seat = view
            .account
            .entries()
            .get(entry)
            .map_or(0, |entry| entry.seat);
        Ok(Self {
            trader,
            market,
            view,
            entry,
            seat,
        })
    }

    fn units(&self) -> MarketUnits {
        self.market.units()
    }

    fn address(&self) -> Pubkey {
        self.market.address
    }

    /// The market with its book, as read with the account.
    fn book(&self) -> Result<&MarketView> {
        self.view
            .markets
            .get(self.entry)
            .context("the market was not read")
    }
}
