//! The client predicts, the chain executes, the bytes are equal: accounts are decoded, the engine runs on
//! the copies in memory, and what it leaves must be what the bytecode leaves, refusals included.

use plimsoll_client::preview::AccountView;
use plimsoll_client::MarketView;
use plimsoll_engine::book::arena::MarketMut;
use plimsoll_engine::cash::{self, account_cash};
use plimsoll_engine::index::FeedInput;
use plimsoll_engine::place::{self, MatchPlan, OrderRequest, SelfTrade, TimeInForce, Trader};
use plimsoll_engine::risk::{self, LegRisk, Resting};
use plimsoll_engine::seats::{self, SeatAddresses};
use plimsoll_engine::state::OrderSide;
use plimsoll_engine::units::{BaseLots, Ticks};
use plimsoll_engine::{halt, mark, position};
use plimsoll_testkit::events::OrderPlaced;
use plimsoll_testkit::{EngineError, OrderArgs, World};
use solana_pubkey::Pubkey;

use crate::sequence::{actor, seed, Op, Sequence, SYMBOLS};

/// Accounts as they should be afterwards.
type Changes = Vec<(Pubkey, Vec<u8>)>;

fn bytes_of<T: bytemuck::Pod>(old: &[u8], state: &T) -> Vec<u8> {
    let mut bytes = old.to_vec();
    bytes[8..8 + std::mem::size_of::<T>()].copy_from_slice(bytemuck::bytes_of(state));
    bytes
}

fn market_bytes(world: &World, market: usize, view: &MarketView) -> (Pubkey, Vec<u8>) {
    let address = world.market_address(SYMBOLS[market]);
    let mut bytes = bytes_of(&world.data(&address), &view.header);
    let arena: &[u8] = bytemuck::cast_slice(&view.blocks);
    bytes[2_048..2_048 + arena.len()].copy_from_slice(arena);
    (address, bytes)
}

fn margin_bytes(world: &World, view: &AccountView) -> (Pubkey, Vec<u8>) {
    let old = world.data(&view.address);
    (view.address, bytes_of(&old, &view.account))
}

fn arena(view: &mut MarketView) -> MarketMut<'_> {
    MarketMut {
        header: &mut view.header,
        blocks: &mut view.blocks,
    }
}

fn request(order: &OrderArgs) -> Result<OrderRequest, EngineError> {
    Ok(OrderRequest {
        side: OrderSide::from_byte(order.side)?,
        price: Ticks(order.price),
        lots: BaseLots(order.lots),
        client_id: order.client_id,
        expires_at: order.expires_at,
        time_in_force: TimeInForce::from_byte(order.time_in_force)?,
        self_trade: SelfTrade::from_byte(order.self_trade)?,
        reduce_only: order.reduce_only,
        steps_max: order.steps_max,
    })
}

/// What the engine makes of a step, on copies.
fn predict(world: &World, op: &Op) -> Result<Changes, EngineError> {
    let env = world.env();
    match op {
        Op::Deposit { who, amount } => {
            let mut view = world.view(actor(*who));
            cash::deposit(&mut view.account, *amount)?;
            Ok(vec![margin_bytes(world, &view)])
        }
        Op::Withdraw { who, amount } => {
            let mut view = world.view(actor(*who));
            let legs = view.legs_risk(None, env.now)?;
            cash::withdraw(&mut view.account, &legs, false, *amount, &env)?;
            Ok(vec![margin_bytes(world, &view)])
        }
        Op::Place { who, market, order } => predict_place(world, *who, *market, &[*order]),
        Op::PlaceMany {
            who,
            market,
            orders,
        } => predict_place(world, *who, *market, orders),
        Op::Settle { who, markets } => predict_settle(world, *who, markets),
        Op::Refresh { market, .. } => predict_refresh(world, *market),
        Op::Sweep { market } => {
            let mut view = world.market(SYMBOLS[*market]);
            let mut fund = world.default_fund();
            cash::sweep_fees(&mut view.header, &world.exchange(), &mut fund, &env)?;
            let address = world.addresses.default_fund;
            let fund = (address, bytes_of(&world.data(&address), &fund));
            Ok(vec![market_bytes(world, *market, &view), fund])
        }
        Op::Release { .. } | Op::Claim { .. } => predict_seat(world, op),
        Op::Cancel { .. }
        | Op::CancelByClientId { .. }
        | Op::CancelAll { .. }
        | Op::RemoveExpired { .. } => predict_cancel(world, op),
    }
}

fn predict_place(
    world: &World,
    who: usize,
    market: usize,
    orders: &[OrderArgs],
) -> Result<Changes, EngineError> {
    let (env, symbol) = (world.env(), SYMBOLS[market]);
    let account = world.view(actor(who));
    let address = world.market_address(symbol);
    let entry = account.account.entry_of(&address.to_bytes());
    let trader = Trader {
        account: account.address.to_bytes(),
        cash: account_cash(&account.account, env.now),
        other_legs: account.legs_risk(entry, env.now)?,
    };
    let mut view = world.market(symbol);
    let mut plan = MatchPlan::default();
    for order in orders {
        let seat = match order.seat {
            0 => world.seat_index(actor(who), symbol),
            seat => seat,
        };
        let request = request(order)?;
        let mut market = arena(&mut view);
        place::place(&mut market, seat, &trader, &request, &env, &mut plan)?;
    }
    Ok(vec![market_bytes(world, market, &view)])
}

fn predict_cancel(world: &World, op: &Op) -> Result<Changes, EngineError> {
    let (Op::Cancel { market, .. }
    | Op::CancelByClientId { market, .. }
    | Op::CancelAll { market, .. }
    | Op::RemoveExpired { market, .. }) = op
    else {
        return Ok(vec![]);
    };
    let mut view = world.market(SYMBOLS[*market]);
    let own = |who: usize| {
        let seat = world.seat_index(actor(who), SYMBOLS[*market]);
        (seat, world.margin_address(actor(who)).to_bytes())
    };
    let mut target = arena(&mut view);
    match op {
        Op::Cancel {
            who,
            order,
            sequence,
            ..
        } => {
            let (seat, owner) = own(*who);
            place::cancel(&mut target, seat, &owner, *order, *sequence)?;
        }
        Op::CancelByClientId { who, client_id, .. } => {
            let (seat, owner) = own(*who);
            place::cancel_by_client_id(&mut target, seat, &owner, *client_id)?;
        }
        Op::CancelAll { who, limit, .. } => {
            let (seat, owner) = own(*who);
            place::cancel_all(&mut target, seat, &owner, place::Which::All, *limit)?;
        }
        Op::RemoveExpired {
            order, sequence, ..
        } => {
            place::remove_expired(&mut target, *order, *sequence, &world.env())?;
        }
        _ => {}
    }
    Ok(vec![market_bytes(world, *market, &view)])
}

fn predict_settle(world: &World, who: usize, markets: &[usize]) -> Result<Changes, EngineError> {
    let env = world.env();
    let mut account = world.view(actor(who));
    let owner = account.address.to_bytes();
    let settled: Vec<Pubkey> = markets
        .iter()
        .map(|market| world.market_address(SYMBOLS[*market]))
        .collect();
    let (mut entries, mut numbers, mut others) = (vec![], vec![], LegRisk::default());
    for (position, entry) in account.account.entries().iter().enumerate() {
        let address = Pubkey::from(entry.market);
        if let Some(at) = settled.iter().position(|key| *key == address) {
            entries.push(position);
            numbers.push(markets[at]);
            continue;
        }
        let view = &account.markets[position];
        let seat = seats::entry_seat(&account.account, position, &view.blocks, &owner)?;
        let held = position::holding(seat, &view.header.sides)?;
        let resting = Resting::from(seat);
        others.add(&risk::leg(&view.header, held, &resting, env.now)?)?;
    }
    if entries.is_empty() {
        return Err(EngineError::WrongMarketAccounts);
    }
    let mut views: Vec<MarketView> = numbers
        .iter()
        .map(|market| world.market(SYMBOLS[*market]))
        .collect();
    let mut legs: Vec<MarketMut<'_>> = views.iter_mut().map(arena).collect();
    cash::settle(
        &mut account.account,
        &owner,
        &mut legs,
        &entries,
        &others,
        &env,
    )?;
    let mut changes = vec![margin_bytes(world, &account)];
    for (market, view) in numbers.into_iter().zip(&views) {
        changes.push(market_bytes(world, market, view));
    }
    Ok(changes)
}

fn predict_refresh(world: &World, market: usize) -> Result<Changes, EngineError> {
    let (env, symbol) = (world.env(), SYMBOLS[market]);
    let mut view = world.market(symbol);
    let feed = world.svm.get_account(&world.feed(symbol, 0)).unwrap();
    let input = FeedInput {
        owner: feed.owner.to_bytes(),
        data: &feed.data,
    };
    place::drop_expired(&mut arena(&mut view), &env, |_| {})?;
    let top = place::book_top(&view.as_ref(), env.now)?;
    let outcome = mark::refresh(&mut view.header, &[input], top, &env)?;
    halt::on_refresh(&mut view.header, &outcome, &env);
    let mut copy = world.mark(symbol);
    copy.copy_from(&view.header, env.slot);
    let address = world.addresses.mark(&world.market_address(symbol));
    let mark = (address, bytes_of(&world.data(&address), &copy));
    Ok(vec![market_bytes(world, market, &view), mark])
}

fn predict_seat(world: &World, op: &Op) -> Result<Changes, EngineError> {
    let (Op::Release { who, market } | Op::Claim { who, market, .. }) = op else {
        return Ok(vec![]);
    };
    let mut account = world.view(actor(*who));
    let mut view = world.market(SYMBOLS[*market]);
    let addresses = SeatAddresses {
        market: world.market_address(SYMBOLS[*market]).to_bytes(),
        margin_account: account.address.to_bytes(),
    };
    let mut target = arena(&mut view);
    match op {
        Op::Claim { slots, .. } => {
            seats::claim(&mut target, &mut account.account, &addresses, *slots)?;
        }
        _ => {
            seats::release(&mut target, &mut account.account, &addresses)?;
        }
    }
    let margin = margin_bytes(world, &account);
    Ok(vec![margin, market_bytes(world, *market, &view)])
}

/// The preview that a trader sees before signing, against what the chain then did.
fn check_preview(before: &World, after: &World, op: &Op, placed: &OrderPlaced) {
    let Op::Place { who, market, order } = op else {
        return;
    };
    let address = before.market_address(SYMBOLS[*market]);
    let preview = before
        .view(actor(*who))
        .preview_order(&address, &request(order).unwrap(), &before.env())
        .unwrap();
    assert_eq!(preview.placed.filled_quote, placed.filled_quote);
    assert_eq!(preview.placed.taker_fee, placed.taker_fee);
    assert_eq!(preview.placed.resting_lots, placed.resting_lots);
    assert_eq!(preview.placed.order, placed.order);
    assert_eq!(preview.plan.fills().count(), placed.fills.len());
    let now = after.view(actor(*who)).preview(after.now()).unwrap();
    assert_eq!(preview.after, now);
}

fn run(seed: u64, steps: usize) {
    let mut sequence = Sequence::new(seed);
    for step in 0..steps {
        let op = sequence.next_op();
        sequence.ready(&op);
        let before = sequence.world.clone();
        let predicted = predict(&before, &op);
        let outcome = sequence.run(&op);
        let at = format!("seed {seed}, step {step}: {op:?}");
        match (predicted, outcome) {
            (Ok(changes), Ok(sent)) => {
                for (address, bytes) in changes {
                    let name = before.name_of(&address);
                    assert!(
                        sequence.world.data(&address) == bytes,
                        "{at}: {name} differs"
                    );
                }
                if let [placed] = &sent.events_of::<OrderPlaced>()[..] {
                    check_preview(&before, &sequence.world, &op, placed);
                }
            }
            (Err(error), Err(rejected)) => {
                assert_eq!(rejected.engine, Some(error), "{at}: {rejected:?}");
            }
            // The engine knows no tokens: a shard may hold too little.
            (Ok(_), Err(rejected)) => assert_eq!(rejected.code(), Some(1), "{at}: {rejected:?}"),
            (Err(error), Ok(_)) => panic!("{at}: predicted {error:?}, went through"),
        }
    }
}

#[test]
fn chain_leaves_the_bytes_that_the_client_predicted() {
    run(seed(11), 500);
}

/// Hours: for `make soak`.
#[test]
#[ignore = "long"]
fn soak_of_predictions_against_the_bytecode() {
    let first = seed(5_000);
    for number in 0..2_000 {
        run(first + number, 2_000);
    }
}
