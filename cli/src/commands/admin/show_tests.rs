//! What `plimsoll admin show` says of a change.

use bytemuck::Zeroable;
use plimsoll_client::engine::state::PendingChange;

use super::*;
use crate::cluster::ClusterConfig;

fn told(change: &PendingChange) -> Vec<(String, String, String)> {
    differences(change)
        .into_iter()
        .map(|one| (one.field, one.in_force, one.to_be))
        .collect()
}

#[test]
fn only_what_differs_is_shown_in_the_files_words() {
    let config = ClusterConfig::load("localnet").expect("the built-in file");
    let params = config.markets[0].params;
    let mut change = PendingChange::zeroed();
    (change.params_before, change.params_after) = (params, params);
    change.params_after.taker_fee_ppm = 400;
    change.params_after.open_interest_max /= 2;
    let expected = [
        ("open_interest_max", "2000000", "1000000"),
        ("taker_fee", "0.05%", "0.04%"),
    ]
    .map(|(field, before, after)| (field.to_owned(), before.to_owned(), after.to_owned()));
    let found = told(&change);
    let fields: Vec<&String> = found.iter().map(|one| &one.0).collect();
    assert_eq!(fields, ["open_interest_max", "taker_fee"]);
    assert_eq!(found[1], expected[1]);
    assert!(
        found[0].1.replace(',', "").starts_with("2000000"),
        "{found:?}"
    );
}

#[test]
fn a_split_is_shown_in_percent_and_a_key_as_an_address() {
    let mut change = PendingChange::zeroed();
    change.kind = ChangeKind::FeeSplit.byte();
    change.values_before = [400_000, 200_000, 400_000];
    change.values_after = [500_000, 200_000, 300_000];
    let found = told(&change);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].2, "50%");
    change.kind = ChangeKind::Guardian.byte();
    change.address_after = [7; 32];
    assert_eq!(told(&change)[0].2, Pubkey::from([7; 32]).to_string());
}

#[test]
fn a_change_waits_is_due_and_is_void() {
    let mut change = PendingChange::zeroed();
    (change.applies_from, change.expires_at) = (100, 200);
    let states = [99, 100, 199, 200].map(|now| of(&change, String::new(), now).state);
    assert_eq!(states, ["waits", "due", "due", "void"]);
}
