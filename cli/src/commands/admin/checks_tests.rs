//! What `plimsoll admin` refuses before it sends.

use bytemuck::Zeroable;

use super::*;

fn refusal(checked: Result<()>) -> String {
    checked.expect_err("a refusal").to_string()
}

#[test]
fn who_may_act_is_named_beside_who_signs() {
    let (ann, bob) = (Pubkey::from([1; 32]), Pubkey::from([2; 32]));
    let roles = [("guardian", ann.to_bytes()), ("authority", [3; 32])];
    assert!(authorized(&ann, &roles).is_ok());
    let refused = refusal(authorized(&bob, &roles));
    assert!(refused.starts_with("NotAuthorized: the guardian is"));
    assert!(refused.contains(&ann.to_string()) && refused.contains(&bob.to_string()));
}

#[test]
fn an_offer_is_accepted_by_whom_it_names() {
    let ann = Pubkey::from([1; 32]);
    assert!(offered(&ann, &[1; 32]).is_ok());
    let other = refusal(offered(&ann, &[2; 32]));
    assert!(other.contains(&Pubkey::from([2; 32]).to_string()));
    let nobody = refusal(offered(&Pubkey::default(), &[0; 32]));
    assert!(nobody.contains("offered to nobody"), "{nobody}");
}

#[test]
fn shares_are_the_whole() {
    assert!(fee_split(&[500_000, 200_000, 300_000]).is_ok());
    let refused = refusal(fee_split(&[500_000, 200_000, 400_000]));
    assert!(refused.contains("add up to 110%"), "{refused}");
    assert!(fee_split(&[u32::MAX; 3]).is_err());
}

#[test]
fn timelocks_have_bounds() {
    assert!(timelocks(172_800, 3_600).is_ok());
    assert!(refusal(timelocks(100, 3_600)).contains("172800 to 2592000 s, not 100"));
    assert!(refusal(timelocks(172_800, 10)).contains("3600 to 172800 s, not 10"));
}

#[test]
fn a_guardian_pauses_as_long_as_it_guarded() {
    let mut header = MarketHeader::zeroed();
    assert!(guard(&header, "AVAX", 1_800_000_000).is_ok());
    (header.guardian_from, header.guardian_until) = (100_000, 107_200);
    assert!(guard(&header, "AVAX", 107_199).is_ok());
    let refused = refusal(guard(&header, "AVAX", 114_399));
    assert!(
        refused.contains("again from 1970-01-02 07:46:40 UTC"),
        "{refused}"
    );
    assert!(guard(&header, "AVAX", 114_400).is_ok());
    header.guardian_from = 107_000;
    assert!(guard(&header, "AVAX", 110_799).is_err());
    assert!(guard(&header, "AVAX", 110_800).is_ok());
}

#[test]
fn an_index_is_dead_after_both_times() {
    let mut header = MarketHeader::zeroed();
    header.prices.index_time = 1_000;
    header.params.index_age_seconds_max = 15;
    header.params.index_dead_seconds = 604_800;
    let refused = refusal(wind_up(&header, "AVAX", 605_815));
    assert!(refused.starts_with("IndexNotDead: "), "{refused}");
    assert!(
        refused.contains("after 1970-01-08 00:16:55 UTC"),
        "{refused}"
    );
    assert!(wind_up(&header, "AVAX", 605_816).is_ok());
}
