//! Instructions into transactions: as many as fit, in their order.

use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_message::v0;
use solana_pubkey::Pubkey;

/// Bytes of a transaction at most.
pub const TRANSACTION_BYTES_MAX: usize = 1_232;
/// What the executor puts before every action: limit and price of compute units, and their program.
const COMPUTE_BUDGET_BYTES: usize = 32 + (3 + 5) + (3 + 9);
const SIGNATURE_BYTES: usize = 64;

/// Bytes of a list's length.
const fn prefix(count: usize) -> usize {
    match count {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        _ => 3,
    }
}

/// Bytes of a signed transaction with these instructions and the executor's own; `None` when they cannot be one.
pub fn size(payer: &Pubkey, instructions: &[Instruction]) -> Option<usize> {
    let message = v0::Message::try_compile(payer, instructions, &[], Hash::default()).ok()?;
    let signers = usize::from(message.header.num_required_signatures);
    let keys = message.account_keys.len().saturating_add(1);
    let bodies = message.instructions.iter().map(|built| {
        let (accounts, data) = (built.accounts.len(), built.data.len());
        1 + prefix(accounts) + accounts + prefix(data) + data
    });
    let count = instructions.len().saturating_add(2);
    // The version, three counts of the header, the blockhash, no lookup table.
    let fixed = 1 + 3 + Hash::default().as_ref().len() + prefix(0);
    Some(
        fixed
            + prefix(signers)
            + signers * SIGNATURE_BYTES
            + prefix(keys)
            + message.account_keys.len() * 32
            + prefix(count)
            + bodies.sum::<usize>()
            + COMPUTE_BUDGET_BYTES,
    )
}

/// Splits instructions into transactions that fit, each as full as the order allows. An instruction that fits into
/// none has one of its own, which the chain will refuse.
pub fn transactions(payer: &Pubkey, instructions: &[Instruction]) -> Vec<Vec<Instruction>> {
    let mut all: Vec<Vec<Instruction>> = Vec::new();
    for instruction in instructions {
        let joined = all.last().map(|last| {
            let mut joined = last.clone();
            joined.push(instruction.clone());
            joined
        });
        let fits = joined
            .filter(|joined| size(payer, joined).is_some_and(|size| size <= TRANSACTION_BYTES_MAX));
        match (fits, all.last_mut()) {
            (Some(joined), Some(last)) => *last = joined,
            _ => all.push(vec![instruction.clone()]),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use solana_compute_budget_interface::ComputeBudgetInstruction;
    use solana_instruction::AccountMeta;
    use solana_message::VersionedMessage;

    fn instruction(program: u8, keys: &[u8], data: usize) -> Instruction {
        let account = |key: &u8| AccountMeta::new(Pubkey::new_from_array([*key; 32]), false);
        Instruction {
            program_id: Pubkey::new_from_array([program; 32]),
            accounts: keys.iter().map(account).collect(),
            data: vec![7; data],
        }
    }

    #[test]
    fn the_size_is_that_of_the_transaction_as_it_is_sent() {
        let payer = Pubkey::new_from_array([1; 32]);
        for (keys, data) in [
            (&[2, 3][..], 0),
            (&[2, 2, 4][..], 100),
            (&[][..], 127),
            (&[1, 9][..], 128),
        ] {
            let built = [instruction(8, keys, data), instruction(9, keys, 3)];
            let mut all = vec![
                ComputeBudgetInstruction::set_compute_unit_limit(1),
                ComputeBudgetInstruction::set_compute_unit_price(1),
            ];
            all.extend_from_slice(&built);
            let message =
                v0::Message::try_compile(&payer, &all, &[], Hash::default()).expect("compiled");
            let sent = VersionedMessage::V0(message).serialize();
            assert_eq!(
                size(&payer, &built),
                Some(1 + 64 + sent.len()),
                "{keys:?} {data}"
            );
        }
    }

    #[test]
    fn transactions_are_full_and_in_order_and_never_too_large() {
        let payer = Pubkey::new_from_array([1; 32]);
        let built: Vec<Instruction> = (0..12)
            .map(|number| instruction(8, &[2, 3], 100 + number))
            .collect();
        let packed = transactions(&payer, &built);
        assert_eq!(packed.concat(), built);
        let sizes: Vec<usize> = packed
            .iter()
            .filter_map(|part| size(&payer, part))
            .collect();
        assert_eq!(sizes.len(), 2, "{sizes:?}");
        assert!(
            sizes.iter().all(|size| *size <= TRANSACTION_BYTES_MAX),
            "{sizes:?}"
        );
        // One more would not have fitted.
        let mut more = packed[0].clone();
        more.push(packed[1][0].clone());
        assert!(size(&payer, &more) > Some(TRANSACTION_BYTES_MAX));
    }

    #[test]
    fn what_is_too_large_for_any_transaction_stands_alone() {
        let payer = Pubkey::new_from_array([1; 32]);
        let built = [
            instruction(8, &[2], 10),
            instruction(8, &[2], 2_000),
            instruction(8, &[2], 10),
        ];
        let parts: Vec<usize> = transactions(&payer, &built).iter().map(Vec::len).collect();
        assert_eq!(parts, [1, 1, 1]);
    }
}
