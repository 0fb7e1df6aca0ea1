//! One world in which every instruction of the program would go through right now, and those calls: the
//! attacks on signatures, accounts and numbers change one thing about a call and expect a refusal.

use plimsoll_client::instructions::{self, NewMarket};
use plimsoll_client::ExchangeAddresses;
use plimsoll_testkit::{ask, bid, Actor, MarketSpec, OrderExt, Outcome, Rejected, World};
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

use super::attacks_stage_admin::set_governance;
use super::attacks_stage_credit::{set_credit, value_lines};
use super::attacks_stage_halts::set_halts;
use super::attacks_stage_losses::set_losses;

pub const AVAX: &str = "AVAX";
pub const SOL: &str = "SOL";
const MILLION: u64 = 1_000_000_000_000;

/// The source of the program: every instruction it declares must stand among the calls.
const PROGRAM_SOURCE: &str = include_str!("../../../programs/plimsoll/src/lib.rs");

/// A sound call of one instruction.
pub struct Call {
    pub name: &'static str,
    pub instruction: Instruction,
}

/// The world, the calls, and who could sign what.
pub struct Stage {
    pub world: World,
    pub calls: Vec<Call>,
    /// Another exchange of the same mint, with a market, a margin account and a seat of `mallory`'s.
    pub rival: ExchangeAddresses,
    pub rival_market: Pubkey,
    /// A plain mint that is nobody's collateral, and `ann`'s and `mallory`'s tokens of it.
    pub other_mint: Pubkey,
    pub other_tokens: Pubkey,
    /// An account that was created for a market and is none yet, and a second one.
    pub blank_markets: [Pubkey; 2],
    keyring: Vec<Keypair>,
}

fn key(name: &str) -> Pubkey {
    Actor::from(name).key()
}

/// Names of the instructions that the program declares, in its order.
pub fn declared_instructions() -> Vec<&'static str> {
    let (_, module) = PROGRAM_SOURCE.split_once("#[program]").unwrap();
    module
        .lines()
        .filter_map(|line| line.strip_prefix("    pub fn "))
        .map(|line| line.split(['(', '<']).next().unwrap())
        .collect()
}

impl Stage {
    /// Every call that follows is sound in this world.
    pub fn set() -> Self {
        let mut world = World::trading(&[AVAX, SOL]);
        set_governance(&mut world);
        set_credit(&mut world);
        world.trader("ann", MILLION, &[AVAX, SOL]);
        world.trader("bob", MILLION, &[SOL, AVAX]);
        world.trader("mallory", MILLION, &[AVAX]);
        world.trader("cid", MILLION, &[]);
        world.deposit_through("cid", 1, MILLION).unwrap();
        world.trader("eve", 0, &[AVAX]);
        world.trader("fay", 0, &[]);
        for wallet in ["gus", "dan", "keeper", "rival", "third"] {
            world.fund_wallet(wallet);
        }
        world.set_delegate("ann", "dan").unwrap();
        trade_and_settle(&mut world);
        world.sweep_fees(AVAX).unwrap();
        trade_and_settle(&mut world);
        world
            .place("ann", AVAX, bid(19_000, 2).client_id(7))
            .unwrap();
        let expires_at = world.now() + 5;
        world
            .place("bob", AVAX, bid(18_000, 2).expires_at(expires_at))
            .unwrap();
        let [rent, _] = world.grow_market_ix("keeper", AVAX);
        world.send(&[rent], &["keeper".into()]).unwrap();
        let mut stage = Self {
            rival: world.addresses,
            rival_market: Pubkey::default(),
            other_mint: Pubkey::new_from_array([0xA7; 32]),
            other_tokens: Pubkey::new_from_array([0xA8; 32]),
            blank_markets: [Pubkey::default(); 2],
            keyring: keyring(),
            calls: Vec::new(),
            world,
        };
        stage.open_rival();
        stage.set_blank_markets();
        set_losses(&mut stage.world);
        set_halts(&mut stage.world);
        let token_program = stage.world.addresses.token_program;
        let (mint, tokens) = (stage.other_mint, stage.other_tokens);
        stage.world.write_mint(mint, &token_program);
        stage
            .world
            .write_tokens_of(tokens, &key("ann"), mint, MILLION);
        stage.world.advance_fresh(6);
        value_lines(&mut stage.world);
        stage.guard_old();
        stage.world.advance(1);
        stage.world.publish(AVAX, 20_001);
        stage.calls = stage.all_calls();
        stage.calls.extend(stage.loss_calls());
        stage.calls.extend(stage.credit_calls());
        stage.calls.extend(stage.admin_calls());
        stage.calls.extend(stage.halt_calls());
        stage
    }

    /// A second exchange for the same mint: everything there is of the right kind and of the wrong place.
    fn open_rival(&mut self) {
        let world = &mut self.world;
        let home = world.addresses;
        let (rival, mallory) = (key("rival"), Actor::from("mallory"));
        let (program, mint) = (home.program, home.collateral_mint);
        self.rival = ExchangeAddresses::new(program, mint, home.token_program, &rival);
        let market = World::market_keypair("rival");
        self.rival_market = market.pubkey();
        let args = World::exchange_args();
        let treasury = world.treasury();
        let exchange = instructions::initialize_exchange(&self.rival, rival, rival, treasury, args);
        let shard = instructions::create_custody_shard(&self.rival, rival, rival, 0);
        world.send(&[exchange, shard], &["rival".into()]).unwrap();
        let spec = MarketSpec::preset(AVAX);
        let size = spec.size();
        let new = NewMarket {
            payer: rival,
            authority: rival,
            market: self.rival_market,
            symbol: instructions::symbol("RIVAL").unwrap(),
            size: u64::try_from(size).unwrap(),
            rent_lamports: world.svm.minimum_balance_for_rent_exemption(size),
            params: spec.params,
        };
        let built = instructions::create_market(&self.rival, &new);
        let payer = Actor::from("rival").keypair();
        world.send_signed(&built, &[&payer, &market]).unwrap();
        let refresh =
            instructions::refresh_mark(&self.rival, self.rival_market, &[world.feed(AVAX, 0)]);
        let margin = self.rival.margin_account(&mallory.key(), 0);
        let account = instructions::create_margin_account(&self.rival, mallory.key(), 0);
        let seat = instructions::claim_seat(&program, mallory.key(), margin, self.rival_market, 16);
        let mut all = vec![refresh, account];
        all.extend(seat);
        world.send(&all, &[mallory]).unwrap();
    }

    fn set_blank_markets(&mut self) {
        for (number, name) in ["NEW", "NEWER"].into_iter().enumerate() {
            let spec = MarketSpec {
                symbol: name.into(),
                ..MarketSpec::preset(AVAX)
            };
            let [create, _] = self.world.create_market_ix(&spec);
            let (payer, market) = (Actor::from("authority"), World::market_keypair(name));
            self.world
                .send_signed(&[create], &[&payer.keypair(), &market])
                .unwrap();
            self.blank_markets[number] = market.pubkey();
        }
    }

    fn all_calls(&self) -> Vec<Call> {
        let world = &self.world;
        let ann = world.trade_accounts("ann", AVAX);
        let seat = world.seat_index("ann", AVAX);
        let order = bid(19_500, 3).seat(seat);
        let (block, resting) = world.market(AVAX).orders_of_seat(seat)[0];
        let bobs = world.seat_index("bob", AVAX);
        let (old_block, old) = world.market(AVAX).orders_of_seat(bobs)[0];
        let third = ExchangeAddresses::new(
            world.addresses.program,
            world.addresses.collateral_mint,
            world.addresses.token_program,
            &key("third"),
        );
        let args = World::exchange_args();
        let spec = MarketSpec {
            symbol: "NEW".into(),
            ..MarketSpec::preset(AVAX)
        };
        let [_, create_market] = world.create_market_ix(&spec);
        let [_, claim] = world.claim_seat_ix("cid", AVAX, 4);
        let [_, grow] = world.grow_market_ix("keeper", AVAX);
        let call = |name, instruction| Call { name, instruction };
        vec![
            call("place_order", ann.place_order(order)),
            call("place_orders", ann.place_orders(vec![order, order])),
            call(
                "cancel_order",
                ann.cancel_order(seat, block, resting.sequence),
            ),
            call(
                "cancel_order_by_client_id",
                ann.cancel_order_by_client_id(seat, 7),
            ),
            call("cancel_all_orders", ann.cancel_all_orders(seat, 8)),
            call("deposit", world.deposit_ix("ann", 0, 5_000)),
            call("refresh_mark", world.refresh_ix(AVAX)),
            call("settle", world.settle_ix("ann", &[AVAX, SOL])),
            call("withdraw", world.withdraw_ix("ann", 0, 7_000)),
            call(
                "remove_expired_order",
                world.remove_expired_ix(AVAX, old_block, old.sequence),
            ),
            call("claim_seat", claim),
            call("release_seat", world.release_seat_ix("eve", AVAX)),
            call(
                "create_margin_account",
                world.create_margin_account_ix("gus"),
            ),
            call("set_delegate", world.set_delegate_ix("ann", &key("dan"))),
            call("close_margin_account", world.close_margin_account_ix("fay")),
            call("sweep_fees", world.sweep_fees_ix(AVAX)),
            call("collect_treasury", world.collect_treasury_ix(0)),
            call("rebalance_custody", world.rebalance_custody_ix(0, 1, 9_000)),
            call("grow_market", grow),
            call(
                "initialize_exchange",
                instructions::initialize_exchange(
                    &third,
                    key("authority"),
                    key("third"),
                    world.treasury(),
                    args,
                ),
            ),
            call("create_custody_shard", world.create_custody_shard_ix(2)),
            call("create_market", create_market),
        ]
    }

    /// The call of that name.
    pub fn call(&self, name: &str) -> &Call {
        self.calls.iter().find(|call| call.name == name).unwrap()
    }

    /// Sends, signed by whoever the instruction says signs; a keeper pays.
    pub fn attempt(&self, world: &mut World, instruction: &Instruction) -> Outcome {
        let mut signers = vec![self.signer(&key("keeper"))];
        for meta in instruction.accounts.iter().filter(|meta| meta.is_signer) {
            signers.push(self.signer(&meta.pubkey));
        }
        world.send_signed(std::slice::from_ref(instruction), &signers)
    }

    fn signer(&self, wanted: &Pubkey) -> &Keypair {
        let found = self.keyring.iter().find(|pair| pair.pubkey() == *wanted);
        found.unwrap_or_else(|| panic!("nobody here signs for {wanted}"))
    }

    /// Sends a changed call: it must be refused by that name, and nothing may move.
    #[track_caller]
    pub fn refused(&self, world: &mut World, what: &str, changed: &Instruction, expected: &str) {
        let before = world.snapshot();
        match self.attempt(world, changed) {
            Ok(sent) => panic!("{what}: went through: {:?}", sent.events),
            Err(rejected) => {
                let name = reason(&rejected);
                assert_no_panic(what, &rejected.logs);
                assert_eq!(name, expected, "{what}: {rejected:?}");
                world.assert_unchanged(&before);
            }
        }
    }
}

/// A sound trade, and both parties' claims turned into cash.
fn trade_and_settle(world: &mut World) {
    world.place("bob", AVAX, ask(20_000, 5_000)).unwrap();
    world.place("ann", AVAX, bid(20_000, 5_000)).unwrap();
    for name in ["ann", "bob"] {
        world.settle(name, &[AVAX]).unwrap();
    }
}

fn keyring() -> Vec<Keypair> {
    let names = [
        "ann",
        "bob",
        "mallory",
        "cid",
        "eve",
        "fay",
        "gus",
        "cat",
        "dan",
        "keeper",
        "rival",
        "third",
        "authority",
        "guardian",
        "uma",
        "vic",
        "pia",
        "pam",
        "dru",
        "jon",
        "nat",
    ];
    let mut ring: Vec<Keypair> = names
        .iter()
        .map(|name| Actor::from(*name).keypair())
        .collect();
    for market in ["NEW", "NEWER", AVAX, SOL, "rival"] {
        ring.push(World::market_keypair(market));
    }
    ring
}

/// A refusal's name: the program's, Anchor's, the token program's, or the runtime's.
pub fn reason(rejected: &Rejected) -> String {
    let named = match (rejected.engine, rejected.code()) {
        (Some(error), _) => return format!("{error:?}"),
        (None, Some(code)) => match code {
            1 => "token: InsufficientFunds",
            3 => "token: MintMismatch",
            4 => "token: OwnerMismatch",
            17 => "token: AccountFrozen",
            2_000 => "anchor: ConstraintMut",
            3_008 => "anchor: InvalidProgramId",
            3_010 => "anchor: AccountNotSigner",
            _ => return format!("code {code}"),
        },
        (None, None) => return format!("{:?}", rejected.error),
    };
    named.into()
}

/// A refusal is an error that the program returns, never a crash.
#[track_caller]
pub fn assert_no_panic(what: &str, logs: &[String]) {
    for line in logs {
        let crashed = line.contains("panicked") || line.contains("Program failed to complete");
        assert!(!crashed, "{what}: {logs:#?}");
    }
}

/// The call with another account at a place; signatures and locks stay as they are.
pub fn with_account(instruction: &Instruction, place: usize, account: Pubkey) -> Instruction {
    let mut changed = instruction.clone();
    changed.accounts[place].pubkey = account;
    changed
}

/// The call with one more account behind the others.
pub fn with_extra(instruction: &Instruction, account: Pubkey) -> Instruction {
    let mut changed = instruction.clone();
    changed
        .accounts
        .push(AccountMeta::new_readonly(account, false));
    changed
}
