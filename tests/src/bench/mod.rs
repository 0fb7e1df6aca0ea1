//! Compute units of the instructions on the real bytecode: whole transactions, margin check included, in a
//! book of a thousand orders a side. Deterministic: the same bytecode gives the same figures.

mod halts;
mod losses;
mod report;
mod scenes;

pub use report::{compare, read, to_json, Figures, Report, GOALS};
pub use scenes::measure_all;
