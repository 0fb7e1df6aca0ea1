//! Every instruction on the real bytecode, and every attack of `docs/attacks.md` that the program can meet.
//!
//! One binary, so that the SVM is linked once. A module holds one instruction or one attack family; what
//! they share is in `plimsoll-testkit`, which finds the bytecode in `PLIMSOLL_PROGRAM_SO`, in
//! `target/deploy/plimsoll.so` or in `artifacts/plimsoll.so`.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed: the panic names the line"
)]

mod attacks_accounts;
mod attacks_authority;
mod attacks_crowd;
mod attacks_edges;
mod attacks_extremes;
mod attacks_fund;
mod attacks_funding;
mod attacks_halts;
mod attacks_identity;
mod attacks_keepers;
mod attacks_liquidation;
mod attacks_losses;
mod attacks_mints;
mod attacks_numbers;
mod attacks_oracle;
mod attacks_passing_on;
mod attacks_roles;
mod attacks_roles_of_cash;
mod attacks_roles_of_credit;
mod attacks_rounding;
mod attacks_shapes;
mod attacks_stage;
mod attacks_stage_admin;
mod attacks_stage_credit;
mod attacks_stage_halts;
mod attacks_stage_losses;
mod attacks_storm;
mod attacks_tokens;
mod attacks_trading;
mod auctions;
mod auctions_joined;
mod audit_adl;
mod cancel;
mod close_remainder;
mod conformance;
mod create_market;
mod credit_draw;
mod credit_line;
mod credit_redemption;
mod credit_repay;
mod credit_stage;
mod credit_unusable;
mod credit_vault;
mod custody;
mod deposit;
mod error_codes;
mod farmers_night;
mod feeds;
mod governance;
mod governance_guardian;
mod governance_guards;
mod governance_hand_over;
mod governance_multisig;
mod halts_course;
mod halts_scenes;
mod halts_trips;
mod initialize_exchange;
mod liquidate;
mod liquidate_rejections;
mod losses_scenes;
mod margin_accounts;
mod night_stage;
mod no_power_to_stop;
mod order_kinds;
mod place_order;
mod place_order_admission;
mod place_order_rejections;
mod place_order_risk;
mod place_orders;
mod random_bytecode;
mod refresh_mark;
mod removals;
mod seats;
mod sequence;
mod sequence_steps;
mod settle;
mod sweep_fees;
mod take_over;
mod tear_up;
mod underwriting;
mod wind_up;
mod withdraw;
