//! All bytes that the program answers for, to be compared after a rejection.

use std::collections::BTreeMap;

use solana_account::Account;
use solana_pubkey::Pubkey;

use crate::world::World;

/// Accounts of the program and token accounts of both token programs: data, lamports and owner. Wallets
/// are left out, since a refused transaction still pays its fee.
#[derive(Clone, Debug)]
pub struct Snapshot {
    program: BTreeMap<Pubkey, Account>,
    tokens: BTreeMap<Pubkey, Account>,
}

impl World {
    /// The state as of now.
    pub fn snapshot(&self) -> Snapshot {
        let of = |owner: &Pubkey| self.svm.get_program_accounts(owner).into_iter();
        let [token, token_2022] = crate::world::TOKEN_PROGRAMS;
        Snapshot {
            program: of(&self.addresses.program).collect(),
            tokens: of(&token).chain(of(&token_2022)).collect(),
        }
    }

    /// Not a byte differs from `before`. Wallets that were opened since do not count.
    #[track_caller]
    pub fn assert_unchanged(&self, before: &Snapshot) {
        let differences = before.differences(&self.snapshot());
        assert!(
            differences.is_empty(),
            "the state has changed:\n    {}",
            differences
                .iter()
                .map(|(address, what)| format!("{}: {what}", self.name_of(address)))
                .collect::<Vec<_>>()
                .join("\n    ")
        );
    }
}

impl Snapshot {
    /// All of them.
    pub fn accounts(&self) -> impl Iterator<Item = (&Pubkey, &Account)> {
        self.program.iter().chain(&self.tokens)
    }

    /// The account at `address`, if it is the program's or a token account.
    pub fn account(&self, address: &Pubkey) -> Option<&Account> {
        self.program
            .get(address)
            .or_else(|| self.tokens.get(address))
    }

    /// Addresses whose bytes, lamports or owner differ in `later`, and in what.
    pub fn differences(&self, later: &Self) -> Vec<(Pubkey, String)> {
        let mut found = Vec::new();
        for (address, account) in self.program.iter().chain(&self.tokens) {
            match later.account(address) {
                None => found.push((*address, "is gone or has another owner".into())),
                Some(now) => found.extend(difference(account, now).map(|what| (*address, what))),
            }
        }
        for address in later.program.keys() {
            if !self.program.contains_key(address) {
                found.push((*address, "is new".into()));
            }
        }
        found
    }
}

fn difference(before: &Account, after: &Account) -> Option<String> {
    if before.data.len() != after.data.len() {
        let (from, to) = (before.data.len(), after.data.len());
        return Some(format!("{from} bytes became {to}"));
    }
    let at = before
        .data
        .iter()
        .zip(&after.data)
        .position(|(a, b)| a != b);
    if let Some(at) = at {
        return Some(format!("the first byte that differs is {at}"));
    }
    if before.lamports != after.lamports {
        let (from, to) = (before.lamports, after.lamports);
        return Some(format!("{from} lamports became {to}"));
    }
    (before.owner != after.owner).then(|| "has another owner".into())
}
