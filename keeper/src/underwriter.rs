//! An underwriter's own desk: what its policy file lets it do by itself for the lines of its vaults. It extends
//! margin calls, consents to draws, pays into the vault's junior stake, recalls lines and withdraws offers; it
//! signs with the underwriter's key and nothing else does.
//!
//! [`policy`] is the file, [`facts`] what is known of a vault and its borrowers, by the engine's functions,
//! [`history`] what was seen and done before. [`judge::judge`] joins the three and is pure: the running desk and
//! the trial on past data ask the same function.
//!
//! What no desk can do, because the program gives an underwriter no such power: raise the limit of an accepted
//! line or change its terms, shorten a call, take a recall back, draw by itself where no draw is due, take cash
//! out of a borrower's account, or delay a liquidation.

pub mod command;
pub mod facts;
pub mod history;
mod journal;
pub mod judge;
pub mod live;
pub mod policy;
pub mod trial;

pub use facts::{BorrowerFacts, LineFacts, State, VaultFacts};
pub use history::{History, Past};
pub use journal::Journal;
pub use judge::{judge, Decision, Deed, Input};
pub use live::{Desk, Underwriter};
pub use policy::Policy;
