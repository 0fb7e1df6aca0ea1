//! Accounts as they were at one moment, and answers out of them.

use std::collections::BTreeMap;

use base64::engine::general_purpose::STANDARD as BASE64;
use base64::Engine as _;
use plimsoll_keeper::mirror::{Mirror, RawAccount, Snapshot, Sync};
use serde_json::{json, Value};
use solana_client::nonblocking::rpc_client::RpcClient;
use solana_client::rpc_request::RpcRequest;
use solana_pubkey::Pubkey;
use solana_sdk_ids::sysvar::clock::ID as CLOCK;

/// Accounts of the program, and those beside them that were named.
#[derive(Clone, Debug)]
pub struct Past {
    program: String,
    accounts: BTreeMap<String, Value>,
    /// Whether the clock's account follows the slot that is claimed, as a fork's own would.
    forked: bool,
}

fn bytes_of(account: &Value) -> Vec<u8> {
    let text = account["data"][0].as_str().unwrap_or_default();
    BASE64.decode(text).unwrap_or_default()
}

impl Past {
    /// As the chain is now: `program`'s accounts and those of `others`.
    pub async fn record(rpc: &RpcClient, program: &Pubkey, others: &[Pubkey]) -> Self {
        let config = json!({"encoding": "base64", "commitment": "confirmed"});
        let params = json!([program.to_string(), config]);
        let listed: Vec<Value> = rpc
            .send(RpcRequest::GetProgramAccounts, params)
            .await
            .expect("the program's accounts");
        let listed = listed.into_iter().filter_map(|keyed| {
            let address = keyed["pubkey"].as_str()?.to_owned();
            Some((address, keyed["account"].clone()))
        });
        let mut accounts: BTreeMap<String, Value> = listed.collect();
        let others: Vec<String> = others
            .iter()
            .chain([&CLOCK])
            .map(Pubkey::to_string)
            .collect();
        let answer: Value = rpc
            .send(RpcRequest::GetMultipleAccounts, json!([others, config]))
            .await
            .expect("accounts");
        let found = answer["value"].as_array().expect("a list").iter();
        for (address, account) in others.into_iter().zip(found) {
            accounts.insert(address, account.clone());
        }
        Self {
            program: program.to_string(),
            accounts,
            forked: false,
        }
    }

    /// The same as a fork of the chain that is going on.
    #[must_use]
    pub fn forked(mut self) -> Self {
        self.forked = true;
        self
    }

    /// What a subscriber to the program would be told of.
    pub(super) fn notices(&self) -> Vec<Value> {
        let own = self
            .accounts
            .iter()
            .filter(|(_, account)| account["owner"] == self.program.as_str());
        own.map(|(address, account)| json!({"pubkey": address, "account": account}))
            .collect()
    }

    /// These accounts as a mirror that was told of them.
    pub fn mirror(&self, mut mirror: Mirror) -> Mirror {
        let raw = |account: &Value| {
            let owner = account["owner"].as_str()?.parse().ok()?;
            let data = bytes_of(account);
            Some(RawAccount { owner, data })
        };
        let accounts = self.accounts.iter();
        let accounts =
            accounts.filter_map(|(address, account)| Some((address.parse().ok()?, raw(account)?)));
        let snapshot = Snapshot {
            slot: 1,
            accounts: accounts.collect(),
        };
        mirror.sync(&snapshot, Sync::Replace);
        mirror
    }

    fn account(&self, address: &str, slot: u64) -> Option<Value> {
        let mut account = self.accounts.get(address)?.clone();
        if self.forked && address == CLOCK.to_string() {
            let mut data = bytes_of(&account);
            data[..8].copy_from_slice(&slot.to_le_bytes());
            account["data"][0] = json!(BASE64.encode(data));
        }
        Some(account)
    }

    /// Puts these accounts into an answer as of `slot`; what is not known here stays as it is.
    pub(super) fn answer(&self, method: &str, params: &Value, slot: u64, value: &mut Value) {
        match method {
            "getAccountInfo" => {
                if let Some(account) = self.account(params[0].as_str().unwrap_or_default(), slot) {
                    *value = account;
                }
            }
            "getMultipleAccounts" => {
                let (Some(asked), Some(found)) = (params[0].as_array(), value.as_array_mut())
                else {
                    return;
                };
                for (address, found) in asked.iter().zip(found) {
                    let address = address.as_str().unwrap_or_default();
                    if let Some(account) = self.account(address, slot) {
                        *found = account;
                    }
                }
            }
            // The same accounts as now are listed: none is opened or closed in the tests that go back.
            "getProgramAccounts" => {
                for keyed in value.as_array_mut().into_iter().flatten() {
                    let address = keyed["pubkey"].as_str().unwrap_or_default().to_owned();
                    if let Some(account) = self.account(&address, slot) {
                        keyed["account"] = account;
                    }
                }
            }
            _ => {}
        }
    }
}
