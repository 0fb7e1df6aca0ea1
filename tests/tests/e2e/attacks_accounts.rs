//! Attacks by the choice of accounts: one twice, another in its place, one of another kind (rows 30, 31, 33).

use plimsoll_engine::state::{DISCRIMINATOR_SIZE, MARKET_HEADER_SIZE};
use plimsoll_testkit::{bid, EngineError, World};
use solana_pubkey::Pubkey;

use super::attacks_roles::Role;
use super::attacks_stage::{
    assert_no_panic, declared_instructions, with_account, with_extra, Stage, AVAX, SOL,
};
use super::attacks_stage_admin::old_market;
use super::attacks_stage_credit::LENT;
use super::attacks_stage_halts::{CALLED, CROSSED};
use super::attacks_stage_losses::{LOSSES, NONE};

#[test]
fn attack_31_every_instruction_and_account_has_a_row() {
    let stage = Stage::set();
    let mut declared = declared_instructions();
    let mut called: Vec<&str> = stage.calls.iter().map(|call| call.name).collect();
    declared.sort_unstable();
    called.sort_unstable();
    assert_eq!(
        declared, called,
        "instructions of the program against sound calls"
    );
    for call in &stage.calls {
        let rows = stage.roles(call.name);
        assert_eq!(rows.len(), call.instruction.accounts.len(), "{}", call.name);
        for (role, meta) in rows.iter().zip(&call.instruction.accounts) {
            let covered = meta.is_signer || !role.swaps.is_empty() || role.name == NONE;
            assert!(
                covered,
                "{}: {} stands without attack",
                call.name, role.name
            );
        }
    }
}

/// The control of every table test: as it stands, each call goes through.
#[test]
fn attack_31_every_call_is_sound_before_it_is_changed() {
    let stage = Stage::set();
    for call in &stage.calls {
        let mut world = stage.world.clone();
        let outcome = stage.attempt(&mut world, &call.instruction);
        assert!(outcome.is_ok(), "{}: {outcome:?}", call.name);
    }
}

/// Puts each of a role's stand-ins in its place, for all accounts that `chosen` names.
fn swap_all(chosen: impl Fn(&Role) -> bool) {
    let stage = Stage::set();
    let mut world = stage.world.clone();
    let mut swapped = 0;
    for call in &stage.calls {
        for (place, role) in stage.roles(call.name).iter().enumerate() {
            if !chosen(role) {
                continue;
            }
            for (account, expected) in &role.swaps {
                let what = format!(
                    "{} with {} as {}",
                    call.name,
                    world.name_of(account),
                    role.name
                );
                let mut changed = with_account(&call.instruction, place, *account);
                // A market signs its own creation; who cannot sign is tried without.
                changed.accounts[place].is_signer &= stage.blank_markets.contains(account);
                let unsigned = call.instruction.accounts[place].is_signer
                    && !changed.accounts[place].is_signer;
                let expected = if unsigned {
                    "anchor: AccountNotSigner"
                } else {
                    *expected
                };
                stage.refused(&mut world, &what, &changed, expected);
                swapped += 1;
            }
        }
    }
    assert!(swapped != 0, "no account of that name");
}

#[test]
fn attack_31_every_account_in_anothers_place_is_refused() {
    swap_all(|_| true);
}

#[test]
fn attack_31_foreign_market_is_refused() {
    swap_all(|role| role.name.contains("market"));
}

#[test]
fn attack_31_foreign_mark_is_refused() {
    swap_all(|role| role.name == "mark");
}

#[test]
fn attack_31_foreign_mint_is_refused() {
    swap_all(|role| role.name == "mint");
}

#[test]
fn attack_31_foreign_token_program_is_refused() {
    swap_all(|role| role.name == "token program");
}

#[test]
fn attack_31_foreign_custody_shard_is_refused() {
    swap_all(|role| ["custody shard", "from", "to"].contains(&role.name));
}

#[test]
fn attack_31_foreign_default_fund_is_refused() {
    swap_all(|role| role.name == "default fund");
}

#[test]
fn attack_31_foreign_exchange_is_refused() {
    swap_all(|role| role.name == "exchange");
}

#[test]
fn attack_31_account_without_its_write_lock_is_refused() {
    let stage = Stage::set();
    let mut world = stage.world.clone();
    for call in &stage.calls {
        for (place, meta) in call.instruction.accounts.iter().enumerate() {
            // A lock that another place of the same account holds stays.
            let shared = |at: usize| {
                let other = &call.instruction.accounts[at];
                at != place && other.pubkey == meta.pubkey && other.is_writable
            };
            if !meta.is_writable || (0..call.instruction.accounts.len()).any(shared) {
                continue;
            }
            let mut changed = call.instruction.clone();
            changed.accounts[place].is_writable = false;
            if call.name == "settle" && place != 0 {
                // A market that is passed to be read is not settled, and not touched.
                let before = world.data(&meta.pubkey);
                let mut copy = world.clone();
                stage.attempt(&mut copy, &changed).unwrap();
                assert_eq!(copy.data(&meta.pubkey), before);
                continue;
            }
            let what = format!("{} with account {place} read-only", call.name);
            stage.refused(&mut world, &what, &changed, "anchor: ConstraintMut");
        }
    }
}

#[test]
fn attack_30_same_market_twice_is_refused() {
    let stage = Stage::set();
    let mut world = stage.world.clone();
    for (name, first) in [("settle", 1), ("withdraw", 7)] {
        let sound = &stage.call(name).instruction;
        let [a, b] = [
            sound.accounts[first].pubkey,
            sound.accounts[first + 1].pubkey,
        ];
        for (place, account) in [(first + 1, a), (first, b)] {
            let changed = with_account(sound, place, account);
            stage.refused(&mut world, name, &changed, "WrongMarketAccounts");
        }
    }
    for name in ["place_order", "place_orders"] {
        let sound = &stage.call(name).instruction;
        let traded = sound.accounts[2].pubkey;
        for changed in [with_account(sound, 3, traded), with_extra(sound, traded)] {
            stage.refused(&mut world, name, &changed, "WrongMarketAccounts");
        }
    }
}

#[test]
fn attack_30_same_shard_twice_is_refused() {
    let mut world = Stage::set().world;
    for shard in [0, 1] {
        world.assert_rejected(EngineError::DuplicateAccount, |world| {
            world.rebalance_custody(shard, shard, 9_000)
        });
    }
    // Paying a withdrawal into the shard that it comes from would pay nobody.
    let mut instruction = world.withdraw_ix("ann", 0, 7_000);
    instruction.accounts[5].pubkey = world.addresses.custody_shard(0);
    world.assert_rejected(EngineError::DuplicateAccount, |world| {
        world.send(&[instruction], &["ann".into()])
    });
}

#[test]
fn attack_30_shard_as_depositors_source_is_refused() {
    let stage = Stage::set();
    let mut world = stage.world.clone();
    for (shard, source) in [(0, 0), (0, 1), (1, 0)] {
        let mut instruction = world.deposit_ix("mallory", shard, 5_000);
        instruction.accounts[3].pubkey = world.addresses.custody_shard(source);
        stage.refused(&mut world, "deposit", &instruction, "token: OwnerMismatch");
        // Nor does custody's authority sign for whoever asks.
        instruction.accounts[0].pubkey = world.addresses.custody_authority;
        instruction.accounts[0].is_signer = false;
        stage.refused(
            &mut world,
            "deposit",
            &instruction,
            "anchor: AccountNotSigner",
        );
    }
}

/// Every account of every instruction in every other place of it.
#[test]
fn attack_30_any_account_in_two_places_is_refused() {
    let stage = Stage::set();
    let mut world = stage.world.clone();
    for call in &stage.calls {
        let accounts = &call.instruction.accounts;
        for (to, role) in stage.roles(call.name).iter().enumerate() {
            for from in 0..accounts.len() {
                let same = accounts[from].pubkey == accounts[to].pubkey;
                // Who signs anyway may as well pay.
                let pays = role.name == "payer" && accounts[from].is_signer;
                // What stands for "none" is looked at only when the account has a credit line.
                if same || pays || role.name == NONE {
                    continue;
                }
                let mut changed = with_account(&call.instruction, to, accounts[from].pubkey);
                changed.accounts[to].is_signer &= accounts[from].is_signer;
                let what = format!("{}: account {from} as {} too", call.name, role.name);
                let before = world.snapshot();
                match stage.attempt(&mut world, &changed) {
                    Ok(sent) => panic!("{what}: went through: {:?}", sent.events),
                    Err(rejected) => assert_no_panic(&what, &rejected.logs),
                }
                world.assert_unchanged(&before);
            }
        }
    }
}

/// Changes each account of the program that a call uses, in place, and expects `WrongAccount`.
fn tamper(forge: impl Fn(&World, &Pubkey, &mut solana_account::Account) -> bool) {
    let stage = Stage::set();
    let program = stage.world.addresses.program;
    let mut tampered = 0;
    for call in &stage.calls {
        for (place, meta) in call.instruction.accounts.iter().enumerate() {
            let mut world = stage.world.clone();
            let Some(mut account) = world.svm.get_account(&meta.pubkey) else {
                continue;
            };
            let ours = account.owner == program && account.data.starts_with(&[0; 8]);
            if account.owner != program || ours || account.executable {
                continue;
            }
            // Of the account whose seat is synced only the address counts.
            if call.name == "sync_seat" && place == 0 {
                continue;
            }
            // Nor is the fund opened where an auction is joined: its address is checked.
            if call.name == "join_auction" && place == 1 {
                continue;
            }
            if !forge(&world, &meta.pubkey, &mut account) {
                continue;
            }
            world.svm.set_account(meta.pubkey, account).unwrap();
            let what = format!("{} with account {place} forged", call.name);
            stage.refused(&mut world, &what, &call.instruction, "WrongAccount");
            tampered += 1;
        }
    }
    assert!(tampered > 20, "only {tampered} accounts were forged");
}

#[test]
fn attack_33_account_of_another_kind_is_refused() {
    // The right bytes at the right address under another name.
    tamper(|_, _, account| {
        account.data[0] ^= 1;
        true
    });
    tamper(|_, _, account| {
        account.data[DISCRIMINATOR_SIZE - 1] ^= 0x80;
        true
    });
    tamper(|_, _, account| {
        account.data[..DISCRIMINATOR_SIZE].fill(0);
        true
    });
    // Each kind's name on every other kind.
    for stranger in ["exchange", "fund", "margin", "market", "mark"] {
        tamper(|world, _, account| {
            let avax = world.market_address(AVAX);
            let from = match stranger {
                "exchange" => world.addresses.exchange,
                "fund" => world.addresses.default_fund,
                "margin" => world.margin_address("cid"),
                "market" => avax,
                _ => world.addresses.mark(&avax),
            };
            let name = world.data(&from)[..DISCRIMINATOR_SIZE].to_vec();
            let differs = account.data[..DISCRIMINATOR_SIZE] != name[..];
            account.data[..DISCRIMINATOR_SIZE].copy_from_slice(&name);
            // Kinds are of different lengths, so that the name alone is the lie here only for a longer one.
            differs
        });
    }
}

#[test]
fn attack_33_account_of_another_owner_is_refused() {
    for owner in [Pubkey::default(), Pubkey::new_from_array([9; 32])] {
        tamper(|_, _, account| {
            account.owner = owner;
            true
        });
    }
}

#[test]
fn attack_33_account_of_another_length_is_refused() {
    for (longer, shorter) in [(1, 1), (8, 8), (128, 64)] {
        tamper(|world, address, account| {
            let markets = [AVAX, SOL, LOSSES, LENT, CALLED, CROSSED]
                .map(|symbol| world.market_address(symbol));
            if markets.contains(address) || *address == old_market() {
                account.data.truncate(MARKET_HEADER_SIZE - shorter);
            } else {
                account.data.resize(account.data.len() + longer, 0);
            }
            true
        });
        tamper(|_, _, account| {
            let most = account.data.len().min(MARKET_HEADER_SIZE);
            account.data.truncate(most - shorter);
            true
        });
    }
    for length in [1, 7, 8, 9] {
        tamper(|_, _, account| {
            account.data.truncate(length);
            true
        });
    }
}

/// A market whose arena lost its last blocks, or gained half of one, is read no further than it goes.
#[test]
fn attack_33_arena_shorter_than_its_header_says_is_an_error_not_a_panic() {
    let stage = Stage::set();
    for cut in [1, 127, 128, 128 * 480, 128 * 511, 128 * 512] {
        let mut world = stage.world.clone();
        let market = world.market_address(AVAX);
        world.change_account(&market, |account| {
            let length = account.data.len() - cut;
            account.data.truncate(length);
        });
        for call in &stage.calls {
            let mut world = world.clone();
            if let Err(rejected) = stage.attempt(&mut world, &call.instruction) {
                assert_no_panic(call.name, &rejected.logs);
            }
        }
        let order = world.place_ix("mallory", AVAX, bid(1, 1));
        if let Err(rejected) = stage.attempt(&mut world, &order) {
            assert_no_panic("place_order", &rejected.logs);
        }
    }
}
