//! Vaults: opening one, joining it, its junior stake.

use plimsoll_engine::credit::vault::{bid, worth};
use plimsoll_engine::state::{CreditVault, LineSlot};
use plimsoll_testkit::events::{JuniorReleased, SharesBought, VaultOpened};
use plimsoll_testkit::{Actor, EngineError, World, WALLET_USDC};
use solana_pubkey::Pubkey;

use super::credit_stage::{
    assert_sound, drawn, leave, lending, traders, vault, JUNIOR, LIMIT, ORDINARY,
};

#[test]
fn a_vault_opens_at_its_address_with_a_cash_account_of_its_own() {
    let mut world = traders();
    let sent = world.open_vault("uma").unwrap();
    let address = world.vault_address("uma");
    assert_eq!(
        sent.event::<VaultOpened>(),
        VaultOpened {
            version: 1,
            vault: address,
            exchange: world.addresses.exchange,
            underwriter: Actor::from("uma").key(),
            id: 1,
            redemption_notice_seconds: 3_600,
        }
    );
    let vault = world.vault("uma");
    assert_eq!(vault.underwriter, Actor::from("uma").key().to_bytes());
    assert_eq!((vault.next_ticket, vault.head_ticket), (1, 1));
    assert_eq!(world.tokens(&Pubkey::from(vault.cash_account)), 0);
    world.assert_rejected(EngineError::AlreadyInitialized, |world| {
        world.open_vault("uma")
    });
    assert_sound(&world);
}

#[test]
fn a_redemption_notice_out_of_bounds_is_rejected() {
    for seconds in [0, 3_599, 2_592_001] {
        traders().assert_rejected(EngineError::ParameterOutOfBounds, |world| {
            let instruction = world.vault_accounts("uma").open(seconds);
            world.send(&[instruction], &["uma".into()])
        });
    }
}

#[test]
fn shares_are_bought_at_the_asking_value() {
    let mut world = vault();
    let sent = world.buy_shares("uma", "provider", 1_000_003).unwrap();
    let event = sent.event::<SharesBought>();
    assert_eq!((event.amount, event.shares), (1_000_003, 1_000_003_000));
    assert!(!event.junior);
    assert_eq!(event.balances.cash, JUNIOR + ORDINARY + 1_000_003);
    assert_eq!(event.balances.junior_shares, JUNIOR * 1_000);
    let stake = world.stake("uma", "provider");
    assert_eq!(stake.shares, (ORDINARY + 1_000_003) * 1_000);
    assert_eq!(stake.paid_in_total, ORDINARY + 1_000_003);
    assert_eq!(world.usdc("provider"), WALLET_USDC - ORDINARY - 1_000_003);
    assert_sound(&world);
}

#[test]
fn purchase_of_nothing_is_rejected() {
    vault().assert_rejected(EngineError::ZeroAmount, |world| {
        world.buy_shares("uma", "provider", 0)
    });
}

#[test]
fn junior_shares_are_the_underwriters_alone() {
    let mut world = vault();
    world.assert_rejected(EngineError::NotAuthorized, |world| {
        let instruction = world.buy_shares_ix("uma", "provider", 5_000, true);
        world.send(&[instruction], &["provider".into()])
    });
}

#[test]
fn purchase_into_anothers_stake_is_rejected() {
    let mut world = vault();
    world.buy_shares("uma", "mallory", 5_000).unwrap();
    let mut instruction = world.buy_shares_ix("uma", "mallory", 5_000, false);
    instruction.accounts[3].pubkey = world
        .vault_accounts("uma")
        .stake(&Actor::from("provider").key());
    world.assert_rejected(EngineError::NotAuthorized, |world| {
        world.send(&[instruction], &["mallory".into()])
    });
}

/// Sends a vault's cash account tokens behind its back.
fn donate(world: &mut World, amount: u64) {
    let cash = Pubkey::from(world.vault("uma").cash_account);
    world.change_tokens(&cash, |tokens| tokens.amount += amount);
}

#[test]
fn attack_28_first_depositor_cannot_make_the_next_ones_share_round_away() {
    let mut world = traders();
    world.open_vault("uma").unwrap();
    world.buy_shares("uma", "mallory", 1).unwrap();
    donate(&mut world, 5_000_000);
    world.buy_shares("uma", "provider", 4_999_999).unwrap();
    assert_eq!(
        world.vault("uma").cash,
        5_000_000,
        "a donation is not counted"
    );
    assert_eq!(world.stake("uma", "provider").shares, 4_999_999_000);
    assert_eq!(leave(&mut world, "mallory"), 1);
    assert_eq!(leave(&mut world, "provider"), 4_999_999);
    world.assert_vault_exact("uma");
}

#[test]
fn attack_28_donation_mints_nothing_and_pays_nobody() {
    let mut world = vault();
    let before = world.vault("uma");
    donate(&mut world, 77_000_000);
    assert_eq!(world.vault("uma"), before);
    world.buy_shares("uma", "mallory", 1_000_000).unwrap();
    assert_eq!(world.stake("uma", "mallory").shares, 1_000_000_000);
    assert_eq!(leave(&mut world, "mallory"), 1_000_000);
    assert_eq!(leave(&mut world, "provider"), ORDINARY);
    let cash = Pubkey::from(world.vault("uma").cash_account);
    assert_eq!(world.tokens(&cash), JUNIOR + 77_000_000);
}

#[test]
fn junior_shares_beyond_a_tenth_of_the_limits_are_released() {
    let mut world = lending(|_| {});
    let sent = world.release_junior("uma", 1_000_000_000).unwrap();
    let event = sent.event::<JuniorReleased>();
    assert_eq!(event.shares, 1_000_000_000);
    assert_eq!(event.balances.junior_shares, (JUNIOR - 1_000_000) * 1_000);
    assert_eq!(event.balances.shares, (JUNIOR + ORDINARY) * 1_000);
    assert_eq!(world.stake("uma", "uma").shares, 1_000_000_000);
    world.assert_rejected(EngineError::ZeroAmount, |world| {
        world.release_junior("uma", 0)
    });
    world.assert_rejected(EngineError::SharesInsufficient, |world| {
        world.release_junior("uma", JUNIOR * 1_000)
    });
    // Nobody else has a say, not even over its own stake.
    let mut instruction = world.vault_accounts("uma").release_junior(5_000);
    let provider = Actor::from("provider").key();
    instruction.accounts[0].pubkey = provider;
    instruction.accounts[2].pubkey = world.vault_accounts("uma").stake(&provider);
    world.assert_rejected(EngineError::NotAuthorized, |world| {
        world.send(&[instruction], &["provider".into()])
    });
    assert_sound(&world);
}

#[test]
fn attack_29_the_underwriter_does_not_pull_its_first_loss_from_under_a_loss_in_sight() {
    let mut world = drawn(|_| {});
    let vault = world.vault("uma");
    let needed = vault.drawn + LIMIT / 10;
    let junior = worth(
        &vault,
        vault.junior_shares,
        bid(&vault, world.now()).unwrap(),
    )
    .unwrap();
    let spare = (junior - needed) * 1_000;
    world.assert_rejected(EngineError::JuniorStakeTooSmall, |world| {
        world.release_junior("uma", spare + spare / 50)
    });
    world.release_junior("uma", spare).unwrap();
    assert_sound(&world);
}

/// Every slot taken, drawn and accruing: what joining and leaving have to add up at most.
#[test]
fn a_vault_of_32_lines_is_joined_and_left_within_the_default_compute_limit() {
    let mut world = vault();
    let (address, now) = (world.vault_address("uma"), world.now());
    world.change_account(&address, |account| {
        let state: &mut CreditVault = bytemuck::from_bytes_mut(&mut account.data[8..]);
        state.slots.fill(LineSlot {
            limit: 3_000_001,
            drawn: 1_000_003,
            value: 900_007,
            valued_at: now,
            accrued_at: now - 77,
            drawn_rate_ppm: 123_457,
            undrawn_rate_ppm: 12_347,
        });
        state.drawn = 32 * 1_000_003;
    });
    let joined = world.buy_shares("uma", "provider", 5_000_000).unwrap();
    let left = world.request_redemption("uma", "provider", 7_000).unwrap();
    for units in [joined.units, left.units] {
        assert!(units < 100_000, "{units} units");
    }
}
