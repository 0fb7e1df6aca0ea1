//! A recorded day through the program's real bytecode, second by second, with the keeper's own decisions and with the
//! rules switched one by one.

pub mod outcome;
pub mod rules;
