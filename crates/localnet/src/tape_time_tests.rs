use super::*;

/// 2025-10-10 21:00:07 UTC.
const TAPE_START: i64 = 1_760_130_007;

#[test]
fn a_tape_starts_strictly_after_the_chains_clock_and_at_most_one_alignment_later() {
    for chain_now in [TAPE_START, TAPE_START + 59, TAPE_START + 60, 1_800_000_123] {
        let shift = TapeShift::after(chain_now, TAPE_START, 60).expect("shift");
        assert!(shift.chain_start > chain_now, "{shift:?}");
        assert!(shift.chain_start <= chain_now + 60, "{shift:?}");
    }
}

#[test]
fn a_shift_by_whole_minutes_keeps_the_second_within_the_minute() {
    let shift = TapeShift::after(1_800_000_123, TAPE_START, 60).expect("shift");
    assert_eq!(shift.seconds() % 60, 0);
    assert_eq!(shift.chain_start.rem_euclid(60), TAPE_START.rem_euclid(60));
}

#[test]
fn a_chain_younger_than_the_tape_is_shifted_back() {
    let shift = TapeShift::after(1_000_000, TAPE_START, 60).expect("shift");
    assert!(shift.chain_start > 1_000_000 && shift.chain_start <= 1_000_060);
}

#[test]
fn chain_time_and_tape_time_are_inverse() {
    let shift = TapeShift::after(1_800_000_123, TAPE_START, 3_600).expect("shift");
    assert_eq!(shift.to_chain(TAPE_START), shift.chain_start);
    assert_eq!(
        shift.to_tape(shift.to_chain(TAPE_START + 77)),
        TAPE_START + 77
    );
}

#[test]
fn an_alignment_below_one_second_is_refused() {
    let error = TapeShift::after(1, 2, 0).expect_err("no alignment");
    assert_eq!(
        error.to_string(),
        "a tape cannot be aligned to 0 s: at least 1"
    );
}

#[test]
fn times_too_far_apart_are_an_error_and_not_a_wrapped_number() {
    assert!(TapeShift::after(i64::MAX, -2, 60).is_err());
    assert!(TapeShift::after(i64::MAX, 0, 60).is_err());
}

fn pace(speed: u32) -> Pace {
    Pace {
        tape_start: TAPE_START,
        tape_end: TAPE_START + 2_400,
        speed,
        step: Duration::from_millis(100),
    }
}

#[test]
fn at_speed_sixty_a_second_of_wall_time_is_a_minute_of_tape() {
    let pace = pace(60);
    assert_eq!(pace.tape_time_after(Duration::ZERO), TAPE_START);
    assert_eq!(
        pace.tape_time_after(Duration::from_millis(999)),
        TAPE_START + 59
    );
    assert_eq!(
        pace.tape_time_after(Duration::from_secs(1)),
        TAPE_START + 60
    );
}

#[test]
fn a_tape_is_never_played_past_its_end() {
    assert_eq!(
        pace(60).tape_time_after(Duration::from_secs(41)),
        TAPE_START + 2_400
    );
    assert_eq!(
        pace(u32::MAX).tape_time_after(Duration::MAX),
        TAPE_START + 2_400
    );
}

#[test]
fn a_pace_that_never_ends_is_refused() {
    assert!(pace(0).validate().is_err());
    let backwards = Pace {
        tape_end: TAPE_START - 1,
        ..pace(1)
    };
    assert!(backwards.validate().is_err());
    assert!(pace(1).validate().is_ok());
}
