//! The table here against the table in docs/spec.md.
#![allow(clippy::unwrap_used)]

use std::string::{String, ToString};
use std::vec::Vec;

use super::*;

const COLUMNS: [(&str, Column); 7] = [
    ("open", Column::Open),
    ("stale index", Column::StaleIndex),
    ("reduce-only", Column::ReduceOnly),
    ("CALL", Column::Call),
    ("FREEZE", Column::Freeze),
    ("UNCROSS", Column::Uncross),
    ("RESOLVE", Column::Resolve),
];

const ROWS: [(&str, Action); 14] = [
    ("deposit, repay", Action::Deposit),
    ("cancel, an expired order leaves", Action::Cancel),
    ("order that may rest", Action::Rest),
    ("IOC, FOK", Action::Take),
    ("continuous matching", Action::Match),
    ("settle a leg with a position", Action::Settle),
    (
        "withdraw (holder of a position or order there)",
        Action::Withdraw,
    ),
    ("draw of credit", Action::Draw),
    ("liquidation in the book", Action::Liquidate),
    ("liquidation interest joins the auction", Action::Join),
    ("takeover, tear-up", Action::Close),
    ("refresh of index and mark", Action::Refresh),
    ("funding, samples", Action::Sample),
    ("parameter change", Action::Change),
];

fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_matches('|');
    inner
        .split('|')
        .map(|cell| cell.trim().to_string())
        .collect()
}

#[test]
fn the_table_is_the_specs() {
    let spec = include_str!("../../../../docs/spec.md");
    let mut lines = spec
        .lines()
        .skip_while(|line| !line.starts_with("| | open |"));
    let header = cells(lines.next().unwrap());
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    assert_eq!(header.get(1..).unwrap(), names);
    let rows: Vec<Vec<String>> = lines
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(cells)
        .collect();
    assert_eq!(rows.len(), ROWS.len());
    for (row, (name, action)) in rows.iter().zip(ROWS) {
        assert_eq!(row.first().unwrap(), name);
        for (cell, (column_name, column)) in row.iter().skip(1).zip(COLUMNS) {
            let said = match cell.as_str() {
                "y" => Verdict::Yes,
                "reducing" => Verdict::ReduceOnly,
                "–" => Verdict::No,
                other => panic!("{name}, {column_name}: {other}"),
            };
            assert_eq!(said, admits(column, action), "{name}, {column_name}");
        }
    }
}
