//! The keeper's faults, one test each, named after it: the real keeper against the embedded validator with the
//! real program, through endpoints that go wrong on request and by seed. Each test ends with what matters: who
//! is liquidatable is liquidated, the mirror is the chain's state, custody is exact, nothing is paid twice.

mod behind;
#[path = "../stages/chain.rs"]
mod chain;
mod keeper;
mod market_faults;
mod node_faults;
#[path = "../stages/one_market.rs"]
mod one_market;
mod process_faults;
mod proxy;
mod sending_faults;
mod stage;
mod stream_faults;
