//! The receipts of real loss events, audited from the logs and the accounts that the bytecode left, with
//! what the `plimsoll audit adl` command links (spec §9).

use base64::prelude::{Engine, BASE64_STANDARD};
use plimsoll_client::events::{of_program, Event, ProgramLog};
use plimsoll_client::receipts::{Changes, ReceiptError, Receipts};
use plimsoll_testkit::{ask, bid, events, Sent, World};
use solana_pubkey::Pubkey;

/// A world whose AVAX market has had two loss events, and the logs of everything since before the first.
struct Audited {
    world: World,
    logs: Vec<Vec<String>>,
}

impl Audited {
    fn keep(&mut self, sent: Sent) -> Sent {
        self.logs.push(sent.logs.clone());
        sent
    }

    fn buy(&mut self, buyer: &str, seller: &str, price: u64, lots: u64) {
        let sent = self.world.place(seller, "AVAX", ask(price, lots)).unwrap();
        self.keep(sent);
        let sent = self.world.place(buyer, "AVAX", bid(price, lots)).unwrap();
        self.keep(sent);
    }

    fn tear_up(&mut self, loser: &str) -> events::DeleveragingExecuted {
        let sent = self.world.tear_up(loser, "AVAX").unwrap();
        self.keep(sent).event()
    }

    fn market(&self) -> Pubkey {
        self.world.market_address("AVAX")
    }

    fn read(&self) -> Vec<ProgramLog> {
        let program = self.world.addresses.program;
        let logs = self.logs.iter();
        logs.map(|log| of_program(&program, log)).collect()
    }

    fn receipts(&self, logs: &[ProgramLog]) -> Result<Receipts, ReceiptError> {
        let events = logs.iter().flat_map(|log| &log.events);
        let receipts = events.filter_map(|event| match event {
            Event::DeleveragingExecuted(receipt) => Some(&**receipt),
            _ => None,
        });
        Receipts::of_events(&self.market(), &self.world.market("AVAX").header, receipts)
    }

    fn changes(&self, logs: &[ProgramLog]) -> Changes {
        let mut changes = Changes::of(self.market());
        for log in logs {
            log.events.iter().for_each(|event| changes.observe(event));
            if !log.complete {
                changes.gap();
            }
        }
        changes
    }
}

/// Ann and then fay lose on the long side, dan stays on it; bob and eve are short.
fn two_losses() -> Audited {
    let mut world = World::trading(&["AVAX"]);
    for (name, cash) in [
        ("ann", 7_000_000),
        ("fay", 5_500_000),
        ("bob", 100_000_000_000),
        ("dan", 100_000_000_000),
        ("eve", 100_000_000_000),
    ] {
        world.trader(name, cash, &["AVAX"]);
    }
    let mut audited = Audited {
        world,
        logs: Vec::new(),
    };
    audited.buy("ann", "bob", 20_000, 300);
    audited.buy("dan", "bob", 20_000, 400);
    audited.buy("dan", "eve", 20_000, 333);
    audited.world.move_index("AVAX", 17_000);
    audited.tear_up("ann");
    audited.buy("fay", "eve", 17_000, 250);
    audited.world.move_index("AVAX", 14_000);
    audited.tear_up("fay");
    audited
}

#[test]
fn receipts_of_the_bytecode_are_audited_from_logs_and_accounts() {
    let audited = two_losses();
    let logs = audited.read();
    assert!(logs.iter().all(|log| log.complete));
    let receipts = audited.receipts(&logs).unwrap();
    assert_eq!(receipts.len(), 2);
    assert!(receipts.iter().all(|receipt| receipt.charged != 0));

    let view = audited.world.market("AVAX");
    let changes = audited.changes(&logs);
    let report = |actor: &str| {
        let account = audited.world.margin_address(actor);
        let found = receipts.on_account(&view, &account, Some(&changes));
        found.unwrap()
    };
    // Bob has not traded since before the first: both receipts, and together what he holds now.
    let bob = report("bob");
    assert_eq!((bob.determined_from, bob.undetermined), (Some(1), 0));
    let [first, second] = bob.effects[..] else {
        panic!("{bob:?}");
    };
    assert_eq!(first.base_before, -700_000_000);
    assert_eq!(first.base_after, second.base_before);
    let held = audited.world.holding("bob", "AVAX");
    assert_eq!(second.base_after, held.base);
    // Eve sold between the two: the first met other shares.
    let eve = report("eve");
    assert_eq!((eve.determined_from, eve.undetermined), (Some(2), 1));
    assert_eq!(
        eve.effects[0].base_after,
        audited.world.holding("eve", "AVAX").base
    );
    // One fraction for both.
    let fraction = |before: i64, after: i64| i128::from(after) * 1_000_000 / i128::from(before);
    let [of_eve] = eve.effects[..] else {
        panic!("{eve:?}");
    };
    assert_eq!(
        fraction(second.base_before, second.base_after),
        fraction(of_eve.base_before, of_eve.base_after)
    );
    // The losers are told by their own receipts; dan stood on their side and met neither.
    let (ann, dan) = (report("ann"), report("dan"));
    assert!(ann.effects[0].torn_up && ann.effects[0].base_before == 300_000_000);
    assert_eq!((dan.determined_from, dan.effects.len()), (Some(1), 0));
}

#[test]
fn a_settle_changes_no_shares_and_nothing_of_the_audit() {
    let mut audited = two_losses();
    let sent = audited.world.settle("bob", &["AVAX"]).unwrap();
    audited.keep(sent);
    let logs = audited.read();
    let receipts = audited.receipts(&logs).unwrap();
    let bob = audited.world.margin_address("bob");
    let view = audited.world.market("AVAX");
    let report = receipts.on_account(&view, &bob, Some(&audited.changes(&logs)));
    assert_eq!(report.unwrap().effects.len(), 2);
}

#[test]
fn one_altered_byte_anywhere_in_a_receipts_log_fails_the_audit() {
    let audited = two_losses();
    let at = audited.logs.len() - 1;
    let receipt = audited.logs[at]
        .iter()
        .rposition(|line| line.starts_with("Program data: "))
        .unwrap();
    let text = audited.logs[at][receipt]
        .strip_prefix("Program data: ")
        .unwrap()
        .to_owned();
    let bytes = BASE64_STANDARD.decode(&text).unwrap();
    assert_eq!(bytes.len(), 264);
    for byte in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[byte] ^= 1;
        let mut changed = Audited {
            world: audited.world.clone(),
            logs: audited.logs.clone(),
        };
        changed.logs[at][receipt] = format!("Program data: {}", BASE64_STANDARD.encode(&altered));
        let found = changed.receipts(&changed.read());
        assert!(found.is_err(), "byte {byte}");
    }
}

#[test]
fn a_log_that_was_cut_off_is_a_missing_receipt_by_number() {
    let mut audited = two_losses();
    let last = audited.logs.last_mut().unwrap();
    let receipt = last
        .iter()
        .rposition(|line| line.starts_with("Program data: "))
        .unwrap();
    last.truncate(receipt);
    last.push("Log truncated".to_owned());
    let logs = audited.read();
    assert!(!logs.last().unwrap().complete);
    let found = audited.receipts(&logs).unwrap_err();
    assert_eq!(
        found,
        ReceiptError::Missing {
            number: 2,
            count: 2
        }
    );
}

#[test]
fn a_receipt_that_another_program_wrote_is_none() {
    let mut audited = two_losses();
    let line = audited.logs.last().unwrap();
    let line = line
        .iter()
        .rfind(|line| line.starts_with("Program data: "))
        .unwrap()
        .clone();
    let forger = Pubkey::from([8; 32]);
    audited.logs.push(vec![
        format!("Program {forger} invoke [1]"),
        line,
        format!("Program {forger} success"),
    ]);
    assert_eq!(audited.receipts(&audited.read()).unwrap().len(), 2);
}
