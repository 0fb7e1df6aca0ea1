//! What became of a line in a trial.

use serde::Serialize;

/// Counts, amounts in quote atoms, times in unix seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Margin calls that began, those that ended with everything repaid, and those that ran out.
    pub calls: u64,
    pub cured: u64,
    pub lapsed: u64,
    pub extensions: u64,
    pub consents: u64,
    pub draws: u64,
    pub drawn: u64,
    /// Repaid out of the account's cash, and with money from elsewhere; interest included.
    pub repaid_from_cash: u64,
    pub repaid: u64,
    /// Steps in which positions were taken over, and torn up.
    pub taken_over: u64,
    pub torn_up: u64,
    pub written_off: u64,
    /// Interest booked.
    pub interest: u64,
    /// Largest principal over the vault's face value, ppm, rounded up.
    pub peak_concentration_ppm: u64,
    pub recalled_at: Option<i64>,
    pub closed_at: Option<i64>,
}

impl Tally {
    /// What the line brought the vault, quote atoms: interest less what was written off of principal and interest.
    pub fn pnl(&self) -> i64 {
        let (interest, loss) = (
            i64::try_from(self.interest),
            i64::try_from(self.written_off),
        );
        interest
            .unwrap_or(i64::MAX)
            .saturating_sub(loss.unwrap_or(i64::MAX))
    }
}
