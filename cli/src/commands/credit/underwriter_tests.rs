use bytemuck::Zeroable;
use plimsoll_client::engine::state::LineState;

use super::*;

const NOW: i64 = 10_000;

/// 100 USDC of cash, 30 of them reserved, 20 drawn on one of two lines, valued at 15.
fn vault() -> CreditVault {
    let mut vault = CreditVault::zeroed();
    vault.cash = 100_000_000;
    vault.reserved_cash = 30_000_000;
    vault.drawn = 20_000_000;
    vault.limits = 50_000_000;
    vault.shares = 120_000_000_000;
    vault.junior_shares = 12_000_000_000;
    vault.slots[3] = LineSlot {
        limit: 20_000_000,
        drawn: 20_000_000,
        value: 15_000_000,
        valued_at: NOW - 20,
        ..LineSlot::default()
    };
    vault.slots[5].limit = 30_000_000;
    vault
}

fn line(slot: u16, limit: u64, drawn: u64, loss: Result<u64>) -> Read {
    let mut line = CreditLine::zeroed();
    line.state = LineState::Active.byte();
    (line.slot, line.limit, line.drawn) = (slot, limit, drawn);
    Read {
        address: Pubkey::from([u8::try_from(slot).expect("a small number"); 32]),
        line,
        stressed: loss.map(|loss| Stressed {
            principal: drawn,
            equity_with_credit: 4_000_000,
            loss,
            maintenance_margin: 1,
        }),
    }
}

#[test]
fn values_concentration_and_the_loss_in_a_fall_are_shown() {
    let lines = [
        line(3, 20_000_000, 20_000_000, Ok(16_000_000)),
        line(5, 30_000_000, 0, Ok(0)),
    ];
    let shown = shown(&Pubkey::default(), &vault(), &lines, 200_000, NOW).expect("a view");
    assert_eq!(
        (&*shown.nav_face, shown.nav_conservative.as_deref()),
        ("120.00", Some("115.00"))
    );
    assert_eq!((&*shown.free, &*shown.junior_required), ("70.00", "5.00"));
    assert_eq!(shown.loss_in_fall.as_deref(), Some("16.00"));
    assert_eq!(shown.loss_in_fall_of_nav.as_deref(), Some("13.3333%"));
    let [first, second] = &shown.lines[..] else {
        panic!("two lines");
    };
    assert_eq!((&*first.free, &*first.drawn_share), ("0.00", "16.6666%"));
    assert_eq!((&*second.free, &*second.limit_share), ("30.00", "25%"));
    assert_eq!(
        (&*first.conservative_value, first.valued_seconds_ago),
        ("15.00", Some(20))
    );
    assert_eq!(second.valued_seconds_ago, None);
    let text = text(&shown);
    assert!(
        text.contains("16.00 USDC, 13.3333% of the face value"),
        "{text}"
    );
}

#[test]
fn a_stale_valuation_and_an_unread_borrower_are_said_and_not_guessed() {
    let lines = [line(
        3,
        20_000_000,
        20_000_000,
        Err(anyhow::anyhow!("no account")),
    )];
    let later = NOW + 1_000;
    let shown = shown(&Pubkey::default(), &vault(), &lines, 200_000, later).expect("a view");
    assert_eq!(
        (&shown.nav_conservative, &shown.junior_value),
        (&None, &None)
    );
    assert_eq!(shown.loss_in_fall, None);
    let text = text(&shown);
    assert!(text.contains("`plimsoll credit value`"), "{text}");
    assert!(
        text.contains("not known: a borrower cannot be read"),
        "{text}"
    );
    assert!(text.contains("no account"), "{text}");
}
