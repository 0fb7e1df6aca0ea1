//! The embedded validator with a world of the testkit carried over into it, and the same world to judge its accounts
//! by. How the program gets there, prices and transactions are each stage's own.

use plimsoll_localnet::{Localnet, LocalnetConfig};
use plimsoll_testkit::World;
use solana_pubkey::Pubkey;

use crate::stage::Stage;

/// Seconds that pass in a world before it is carried over: the lines' notice and a little.
pub const BEFORE: i64 = 3_700;
/// Accounts that are read at once.
pub const PAGE: usize = 100;

/// A validator with a block every so many milliseconds, on which these keys have lamports and nothing else is.
pub async fn validator(slot_ms: u64, funded: impl IntoIterator<Item = Pubkey>) -> Localnet {
    let mut config = LocalnetConfig::on_free_ports().with_slot_ms(slot_ms);
    for key in funded {
        config = config.funding(key);
    }
    tokio::task::spawn_blocking(|| Localnet::start(config))
        .await
        .expect("a thread")
        .expect("a chain")
}

/// Writes a world's accounts into a validator.
pub fn carry_over(world: &World, localnet: &Localnet) {
    for (address, account) in world.snapshot().accounts() {
        let (owner, data) = (account.owner, account.data.clone());
        let written = localnet.oracle().write_bytes(address, owner, data);
        written.expect("carried over");
    }
}

impl Stage {
    /// Every invariant that the testkit checks, custody first, on the accounts as they are now.
    pub async fn assert_sound(&self) {
        let mut world = self.world.clone();
        let snapshot = world.snapshot();
        let addresses: Vec<Pubkey> = snapshot.accounts().map(|(key, _)| *key).collect();
        for page in addresses.chunks(PAGE) {
            let found = self.connection.rpc().get_multiple_accounts(page).await;
            for (address, account) in page.iter().zip(found.expect("accounts")) {
                let mut account = account.expect("nothing was closed");
                // What was carried over came without the seats' deposits.
                account.lamports = account.lamports.max(world.lamports(address));
                world.svm.set_account(*address, account).expect("set");
            }
        }
        world.set_time(self.localnet.clock().now());
        world.assert_sound();
    }
}
