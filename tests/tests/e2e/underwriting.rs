//! What a fall of every mark would cost a lender, against what the bytecode shows once the marks have fallen.

use plimsoll_client::underwriting::stressed;

use super::credit_stage::{drawn, lending, AVAX, TRIGGERED};

const PPM: u64 = 1_000_000;

#[test]
fn the_loss_in_a_fall_is_what_equity_leaves_uncovered_when_the_marks_have_fallen() {
    let world = drawn(|_| ());
    let principal = world.account("ann").credit_principal;
    let unmoved = stressed(&world.view("ann"), PPM, world.now()).unwrap();
    assert_eq!((unmoved.principal, unmoved.loss), (principal, 0));
    let mut in_part = false;
    for fall in [50_000, 57_500, 60_000, 62_500, 200_000] {
        let found = stressed(&world.view("ann"), PPM - fall, world.now()).unwrap();
        let mut fallen = world.clone();
        let ticks = TRIGGERED * (PPM - fall) / PPM;
        fallen.move_index(AVAX, ticks);
        let risk = fallen.view("ann").risk(fallen.now()).unwrap();
        let with_credit = risk.equity_with_credit().unwrap();
        // The index moves by whole ticks, the stress by the mark's own bits.
        let tick = 10 * 1_000;
        assert!(
            found.equity_with_credit.abs_diff(with_credit) <= tick,
            "{found:?}, {with_credit}"
        );
        let left = principal.saturating_sub(u64::try_from(with_credit).unwrap_or(0));
        assert!(found.loss.abs_diff(left.min(principal)) <= tick);
        in_part |= found.loss != 0 && found.loss < principal;
    }
    let whole = stressed(&world.view("ann"), PPM - 200_000, world.now()).unwrap();
    assert_eq!(whole.loss, principal, "all of it");
    assert!(in_part, "no fall of the test leaves a part uncovered");
}

#[test]
fn nothing_drawn_is_nothing_lost() {
    let world = lending(|_| ());
    let found = stressed(&world.view("ann"), PPM / 2, world.now()).unwrap();
    assert_eq!((found.principal, found.loss), (0, 0));
    assert!(found.equity_with_credit < 0);
}
