//! Prints the accounts' part of the IDL. Anchor's own macros describe only accounts that its typed
//! loaders know; ours are the engine's structs behind [`crate::loaders`].

use std::collections::BTreeMap;

use anchor_lang::idl::types::{IdlAccount, IdlTypeDef};
use anchor_lang::IdlBuild;
use plimsoll_engine::state::{
    CreditLine, CreditVault, DefaultFund, EpochEnd, Exchange, MarginAccount, MarkAccount,
    MarketHeader, Order, PendingChange, Seat, VaultStake,
};

use crate::loaders::AccountKind;

fn print<T: AccountKind + IdlBuild>() {
    let account = IdlAccount {
        name: T::get_full_path(),
        discriminator: T::DISCRIMINATOR.to_vec(),
    };
    let types = types_of::<T>();
    let printed = serde_json::json!({ "account": account, "name": T::NAME, "types": types });
    println!("--- IDL begin account ---\n{printed:#}\n--- IDL end account ---");
}

fn types_of<T: IdlBuild>() -> Vec<IdlTypeDef> {
    let mut types = BTreeMap::new();
    T::insert_types(&mut types);
    if let Some(own) = T::create_type() {
        types.insert(T::get_full_path(), own);
    }
    types.into_values().collect()
}

/// Anchor's `declare_id!` would print it; ours is chosen at build time.
#[test]
fn __anchor_private_print_idl_address() {
    println!(
        "--- IDL begin address ---\n{}\n--- IDL end address ---",
        crate::ID
    );
}

#[test]
fn __anchor_private_print_idl_accounts() {
    print::<Exchange>();
    print::<DefaultFund>();
    print::<MarginAccount>();
    print::<MarketHeader>();
    print::<MarkAccount>();
    print::<CreditVault>();
    print::<VaultStake>();
    print::<CreditLine>();
    print::<PendingChange>();
    // What the blocks of a market's arena can be.
    let blocks = [
        types_of::<Order>(),
        types_of::<Seat>(),
        types_of::<EpochEnd>(),
    ]
    .concat();
    println!(
        "--- IDL begin types ---\n{:#}\n--- IDL end types ---",
        serde_json::json!(blocks)
    );
}
