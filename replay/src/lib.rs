//! A recorded day through the program's real bytecode, second by second, with the keeper's own decisions and with the
//! rules switched one by one.

pub mod actors;
pub mod adl;
pub mod baseline;
pub mod chain;
pub mod day;
pub mod events;
pub mod hands;
pub mod ledger;
pub mod operator;
pub mod outcome;
pub mod population;
pub mod report;
pub mod rules;
pub mod scenario;
pub mod sight;
pub mod stage;
pub mod study;
pub mod summary;
pub mod sweep;
pub mod tapes;
pub mod venue;
pub mod waves;
