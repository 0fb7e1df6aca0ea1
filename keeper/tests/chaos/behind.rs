//! A keeper behind one endpoint, and what every fault must leave behind.

use plimsoll_keeper::config::KeeperConfig;

use crate::keeper::{Done, Keeper};
use crate::proxy::Proxy;
use crate::stage::{Stage, FALLEN};

/// Far beyond a test's end.
pub const NEVER_MS: u64 = 3_600_000;

/// A keeper behind one endpoint.
pub struct Behind {
    pub stage: Stage,
    pub proxy: Proxy,
    pub keeper: Keeper,
}

impl Behind {
    pub async fn start(seed: u64, change: impl FnOnce(&mut KeeperConfig)) -> Self {
        Self::on(Stage::start().await, seed, change).await
    }

    /// On a chain that is there.
    pub async fn on(stage: Stage, seed: u64, change: impl FnOnce(&mut KeeperConfig)) -> Self {
        let proxy = stage.proxy(seed).await;
        let keeper = Keeper::with(&stage, vec![proxy.endpoint()], change).await;
        stage.until_refreshed().await;
        // The subscription stands, and what came before it is known.
        let slots = async |_: &Stage| proxy.seen().slot != 0;
        stage.until("notices", slots).await;
        keeper.until_it_knows_the_chain(&stage).await;
        Self {
            stage,
            proxy,
            keeper,
        }
    }

    /// What every fault must leave behind: the fall is worked off, the keeper knows the chain, books and custody
    /// are exact, and no more was paid than the ledger says.
    pub async fn work_off(self) -> Done {
        let Self {
            stage,
            proxy,
            keeper,
        } = self;
        stage.price(FALLEN);
        stage
            .until("the liquidations", async |stage| {
                stage.is_worked_off().await
            })
            .await;
        stage.until_refreshed().await;
        for _ in 0..5 {
            stage.deposit(1_000_000).await;
        }
        let none_waits = async |_: &Stage| proxy.seen().waiting == 0;
        stage.until("late notices", none_waits).await;
        keeper.until_it_knows_the_chain(&stage).await;
        let done = keeper.stop(&stage).await;
        assert!(done.spent <= done.lamports(), "{done:?}");
        assert_eq!(done.of("liquidate", "permanent"), 0);
        stage.assert_sound().await;
        done
    }
}
