//! `close_remainder` and `sync_seat` (spec §4, §9): what they refuse, by name, with nothing moved.

use plimsoll_testkit::{EngineError, MarketSpec, World};

use super::attacks_stage_losses::{set_losses, LOSSES};
use super::losses_scenes::{equity, leave_with, torn_up, trade, AVAX, RICH};

/// `kim` holds a remainder, `lou`'s seat is an epoch behind, `jan` holds one lot.
fn stage() -> World {
    let mut world = World::trading(&[AVAX, "SOL"]);
    set_losses(&mut world);
    world
}

#[test]
fn a_lot_or_more_and_nothing_at_all_are_no_remainder() {
    let mut world = stage();
    for name in ["jan", "eli", "joe", "cat"] {
        world.assert_rejected(EngineError::PositionNotARemainder, |world| {
            world.close_remainder(name, LOSSES)
        });
    }
    let before = equity(&world, "kim");
    world.close_remainder("kim", LOSSES).unwrap();
    assert_eq!(world.holding("kim", LOSSES).base, 0);
    assert!(equity(&world, "kim") < before, "it pays the fee");
    world.assert_rejected(EngineError::PositionNotARemainder, |world| {
        world.close_remainder("kim", LOSSES)
    });
    world.assert_sound();
}

#[test]
fn an_old_price_closes_no_remainder() {
    let mut world = stage();
    world.advance(16);
    world.assert_rejected(EngineError::IndexStale, |world| {
        world.close_remainder("kim", LOSSES)
    });
}

/// What a loss event leaves brings the treasury nothing (INV-9).
#[test]
fn its_fee_is_no_fee_of_the_treasury() {
    let mut world = stage();
    let before = world.market(LOSSES).header.cash;
    world.close_remainder("kim", LOSSES).unwrap();
    let after = world.market(LOSSES).header.cash;
    assert_eq!(after.fees_accrued, before.fees_accrued);
    assert!(after.liquidation_fees_accrued > before.liquidation_fees_accrued);
}

#[test]
fn a_remainder_needs_its_own_market_and_mark() {
    let mut world = stage();
    world.open_market(&MarketSpec::preset("AVAX-B"));
    let kim = world.margin_address("kim");
    let market = world.market_address(LOSSES);
    let sound = plimsoll_client::instructions::close_remainder(&world.addresses, kim, market);
    let twin = world.market_address("AVAX-B");
    for (place, account, error) in [
        (1, twin, EngineError::WrongSeat),
        (2, world.addresses.mark(&twin), EngineError::WrongAccount),
        (2, world.addresses.exchange, EngineError::WrongAccount),
        (
            0,
            world.margin_address("bob-without"),
            EngineError::WrongAccount,
        ),
    ] {
        let mut call = sound.clone();
        call.accounts[place].pubkey = account;
        world.assert_rejected(error, |world| world.send(&[call], &["keeper".into()]));
    }
}

#[test]
fn a_seat_is_synced_from_the_end_of_its_own_epoch_and_no_other() {
    let mut world = stage();
    let end = world.market(LOSSES).header.sides[1].newest_end;
    let seats = [
        world.seat_index("lou", LOSSES),
        world.seat_index("kim", LOSSES),
        0,
    ];
    for hint in seats.into_iter().chain([end + 1, u32::MAX, 511, 512]) {
        let refused = world.assert_refused(|world| world.sync_seat("lou", LOSSES, hint));
        let named = [Some(EngineError::EpochBehind), Some(EngineError::WrongSeat)];
        assert!(named.contains(&refused.engine), "hint {hint}: {refused:?}");
    }
    // Seats that are behind nothing: one of this epoch, and one without a position.
    for name in ["eli", "joe", "jan"] {
        world.assert_rejected(EngineError::EpochBehind, |world| {
            world.sync_seat(name, LOSSES, end)
        });
    }
    let before = (equity(&world, "lou"), world.holding("lou", LOSSES));
    world.sync_seat("lou", LOSSES, end).unwrap();
    assert_eq!(
        before,
        (equity(&world, "lou"), world.holding("lou", LOSSES))
    );
    world.assert_rejected(EngineError::EpochBehind, |world| {
        world.sync_seat("lou", LOSSES, end)
    });
    world.assert_sound();
}

#[test]
fn a_seat_of_another_account_is_not_synced() {
    let mut world = stage();
    let end = world.market(LOSSES).header.sides[1].newest_end;
    let call = |world: &World, owner: &str, seat: u32| {
        plimsoll_client::instructions::sync_seat(
            &world.addresses.program,
            world.margin_address(owner),
            world.market_address(LOSSES),
            seat,
            end,
        )
    };
    let lou = world.seat_index("lou", LOSSES);
    for (owner, seat) in [("kim", lou), ("lou", 0), ("lou", end), ("lou", u32::MAX)] {
        let instruction = call(&world, owner, seat);
        world.assert_rejected(EngineError::WrongSeat, |world| {
            world.send(&[instruction], &["keeper".into()])
        });
    }
}

/// Of two ends only that of the seat's own epoch is where its walk begins: another would skip what lies between.
#[test]
fn a_seat_two_epochs_behind_is_not_synced_from_the_second_end() {
    let mut world = stage();
    let first = world.market(LOSSES).header.sides[1].newest_end;
    trade(&mut world, LOSSES, "eli", "jan", 20_000, 1);
    world.trader("late", RICH, &[LOSSES]);
    trade(&mut world, LOSSES, "eli", "late", 20_000, 90_000);
    leave_with(&mut world, "late", 0, "jan");
    for name in ["hal", "ivy"] {
        world.deposit(name, RICH).unwrap();
    }
    trade(&mut world, LOSSES, "hal", "eli", 20_000, 299);
    trade(&mut world, LOSSES, "ivy", "eli", 20_000, 299);
    assert_eq!(torn_up(&mut world, "late", LOSSES).epoch_ended, 1);
    let second = world.market(LOSSES).header.sides[1].newest_end;
    assert!(first != second);
    let held = (equity(&world, "lou"), world.holding("lou", LOSSES));
    world.assert_rejected(EngineError::EpochBehind, |world| {
        world.sync_seat("lou", LOSSES, second)
    });
    world.sync_seat("lou", LOSSES, first).unwrap();
    assert_eq!(held, (equity(&world, "lou"), world.holding("lou", LOSSES)));
    world.assert_sound();
}
