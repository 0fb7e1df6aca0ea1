//! The chain as a source: the price accounts that the mirror reads anyway.

use plimsoll_engine::index::{decode_price_update, PYTH_RECEIVER};
use tokio::sync::mpsc;

use super::{unix_now, Board, Observation, PriceSource};
use crate::mirror::RawAccount;
use crate::sources::Ended;

/// What a price account says, if it is the receiver's and fully verified.
pub fn observation_of(account: &RawAccount, received_at: i64) -> Option<Observation> {
    if account.owner.to_bytes() != PYTH_RECEIVER {
        return None;
    }
    let update = decode_price_update(&account.data).ok()?;
    update.fully_verified.then_some(Observation {
        feed_id: update.feed_id,
        price: update.price,
        exponent: update.exponent,
        confidence: update.confidence,
        publish_time: update.publish_time,
        received_at,
        signed: None,
    })
}

/// Observations of the price accounts that come in here, as the mirror's sources bring them.
#[derive(Debug)]
pub struct Chain {
    pub accounts: mpsc::Receiver<RawAccount>,
}

impl PriceSource for Chain {
    fn name(&self) -> &'static str {
        "chain"
    }

    fn run(mut self: Box<Self>, board: Board) -> Ended {
        Box::pin(async move {
            while let Some(account) = self.accounts.recv().await {
                match observation_of(&account, unix_now()) {
                    Some(observation) => {
                        board.push(observation);
                    }
                    None => board.refused(),
                }
            }
            anyhow::anyhow!("nobody reads price accounts any more")
        })
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_testkit::{MarketSpec, World};
    use prometheus::Registry;

    use super::*;
    use crate::prices::PriceFigures;

    fn account() -> RawAccount {
        let mut world = World::new();
        world.open_market(&MarketSpec::preset("AVAX"));
        world.write_feed("AVAX", 0, &world.message("AVAX", 0, 20_000));
        let found = world.svm.get_account(&world.feed("AVAX", 0));
        let found = found.expect("a price account");
        RawAccount {
            owner: found.owner,
            data: found.data,
        }
    }

    #[test]
    fn an_account_is_believed_only_when_it_is_the_receivers_and_fully_verified() {
        let account = account();
        let seen = observation_of(&account, 7).expect("an observation");
        assert_eq!((seen.price, seen.exponent), (2_000_000_000, -8));
        assert_eq!((seen.received_at, seen.signed), (7, None));
        let foreign = RawAccount {
            owner: Default::default(),
            ..account.clone()
        };
        assert_eq!(observation_of(&foreign, 7), None);
        // Verification level: partial, with five signatures.
        let mut partial = account.clone();
        partial.data.splice(40..41, [0, 5]);
        partial.data.pop();
        assert_eq!(observation_of(&partial, 7), None);
        let mut short = account;
        short.data.pop();
        assert_eq!(observation_of(&short, 7), None);
    }

    #[tokio::test]
    async fn accounts_come_out_as_observations_and_the_end_has_a_reason() {
        let account = account();
        let feed_id = observation_of(&account, 0).expect("an observation").feed_id;
        let board = Board::new(
            [feed_id],
            PriceFigures::register(&Registry::new()).expect("figures"),
        );
        let (send, accounts) = mpsc::channel(4);
        send.send(account).await.expect("sent");
        drop(send);
        let ended = Box::new(Chain { accounts }).run(board.clone()).await;
        assert!(ended.to_string().contains("nobody reads"), "{ended}");
        assert_eq!(board.take().len(), 1);
    }
}
