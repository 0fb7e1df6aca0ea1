//! `initialize_exchange`: once for a mint and an authority, and only of a plain mint.

use plimsoll_client::ExchangeArgs;
use plimsoll_testkit::events::ExchangeInitialized;
use plimsoll_testkit::{Actor, EngineError, World};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_system_interface::instruction as system;

fn send(world: &mut World, instruction: Instruction) -> plimsoll_testkit::Outcome {
    world.send(&[instruction], &["authority".into()])
}

#[test]
fn exchange_and_default_fund_begin_empty_with_the_parameters_asked_for() {
    let mut world = World::bare();
    let authority = Actor::from("authority").key();
    let event = world
        .initialize_exchange()
        .unwrap()
        .event::<ExchangeInitialized>();
    assert_eq!(
        event,
        ExchangeInitialized {
            version: 1,
            exchange: world.addresses.exchange,
            collateral_mint: world.addresses.collateral_mint,
            authority,
            treasury: world.treasury(),
        }
    );
    let exchange = world.exchange();
    assert_eq!((exchange.version, exchange.collateral_decimals), (1, 6));
    assert_eq!(Pubkey::from(exchange.authority), authority);
    assert_eq!(
        Pubkey::from(exchange.guardian),
        Actor::from("guardian").key()
    );
    assert_eq!(
        Pubkey::from(exchange.default_fund),
        world.addresses.default_fund
    );
    assert_eq!(
        Pubkey::from(exchange.custody_authority),
        world.addresses.custody_authority
    );
    assert_eq!((exchange.custody_shards_len, exchange.markets), (0, 0));
    assert_eq!(exchange.fee_keeper_pool_ppm, 200_000);
    assert_eq!(
        (exchange.timelock_seconds, exchange.created_at),
        (172_800, world.now())
    );
    let fund = world.default_fund();
    assert_eq!(Pubkey::from(fund.exchange), world.addresses.exchange);
    assert_eq!((fund.balance, fund.keeper_pool, fund.treasury), (0, 0, 0));
}

#[test]
fn second_initialisation_is_rejected() {
    let mut world = World::new();
    world.assert_rejected(EngineError::AlreadyInitialized, World::initialize_exchange);
}

#[test]
fn parameters_out_of_their_bounds_are_rejected() {
    let mut world = World::bare();
    let changes: [fn(&mut ExchangeArgs); 6] = [
        |args| args.fee_treasury_ppm += 1,
        |args| args.fee_treasury_ppm -= 1,
        |args| args.timelock_seconds = 172_799,
        |args| args.timelock_seconds = 2_592_001,
        |args| args.timelock_tightening_seconds = 3_599,
        |args| args.timelock_tightening_seconds = 172_801,
    ];
    for change in changes {
        let mut args = World::exchange_args();
        change(&mut args);
        let instruction = world.initialize_exchange_ix(args);
        world.assert_rejected(EngineError::ParameterOutOfBounds, |world| {
            send(world, instruction)
        });
    }
}

#[test]
fn mint_that_is_none_is_rejected() {
    let mut world = World::bare();
    let mint = world.addresses.collateral_mint;
    let [instruction, by_another_program] =
        [(); 2].map(|()| world.initialize_exchange_ix(World::exchange_args()));
    let sound = world.data(&mint);
    let mut uninitialized = sound.clone();
    uninitialized[45] = 0;
    let token_program = world.addresses.token_program;
    for (owner, data) in [
        (token_program, uninitialized),
        (token_program, sound[..81].to_vec()),
        (world.addresses.program, sound),
    ] {
        world.write_account(mint, &owner, data);
        let instruction = instruction.clone();
        world.assert_rejected(EngineError::MintNotPlain, |world| send(world, instruction));
    }
    let mut by_another_program = by_another_program;
    by_another_program.accounts[6].pubkey = world.addresses.program;
    world.assert_rejected(EngineError::MintNotPlain, |world| {
        send(world, by_another_program)
    });
}

#[test]
fn treasury_that_is_no_token_account_of_the_mint_is_rejected() {
    let mut world = World::bare();
    let instruction = world.initialize_exchange_ix(World::exchange_args());
    let treasury = world.treasury();
    let other_mint = Pubkey::new_unique();
    world.write_tokens_of(treasury, &Actor::from("authority").key(), other_mint, 0);
    world.assert_rejected(EngineError::WrongAccount, |world| send(world, instruction));
}

/// The bytes of a token account, in an account of another program.
#[test]
fn treasury_of_another_program_than_the_token_program_is_rejected() {
    let mut world = World::bare();
    let instruction = world.initialize_exchange_ix(World::exchange_args());
    let treasury = world.treasury();
    let (owner, data) = (Pubkey::new_from_array([9; 32]), world.data(&treasury));
    world.write_account(treasury, &owner, data);
    world.assert_rejected(EngineError::WrongAccount, |world| send(world, instruction));
}

#[test]
fn exchange_or_fund_at_another_address_is_rejected() {
    let mut world = World::bare();
    let sound = world.initialize_exchange_ix(World::exchange_args());
    for position in [3, 4] {
        let mut instruction = sound.clone();
        instruction.accounts[position].pubkey = world.addresses.custody_authority;
        world.assert_rejected(EngineError::WrongAccount, |world| send(world, instruction));
    }
}

#[test]
fn admin_instruction_behind_a_durable_nonce_is_rejected() {
    let mut world = World::bare();
    let authority = Actor::from("authority");
    world.fund_wallet(authority);
    let (nonce, key) = (Keypair::new_from_array([77; 32]), authority.key());
    let rent = world.svm.minimum_balance_for_rent_exemption(80);
    let create = system::create_nonce_account(&key, &nonce.pubkey(), &key, rent);
    world
        .send_signed(&create, &[&authority.keypair(), &nonce])
        .unwrap();
    let advance = system::advance_nonce_account(&nonce.pubkey(), &key);
    let initialize = world.initialize_exchange_ix(World::exchange_args());
    let both = [advance, initialize];
    world.assert_rejected(EngineError::DurableNonceRefused, |world| {
        world.send(&both, &[authority])
    });
    world.initialize_exchange().unwrap();
}
