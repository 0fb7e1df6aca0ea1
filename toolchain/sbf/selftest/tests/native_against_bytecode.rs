//! Runs every group natively and as bytecode and compares, and puts the bytecode through the checks of a deployment.
//!
//! `make selftest` builds the bytecode first; PLIMSOLL_SBF_SELFTEST_SO names the file.

use std::{collections::BTreeSet, env, fs, path::PathBuf, sync::Arc};

use litesvm::LiteSVM;
use plimsoll_sbf_selftest::{run, GROUPS};
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::Message;
use solana_program_runtime::invoke_context::InvokeContext;
use solana_pubkey::Pubkey;
use solana_sbpf::{
    ebpf,
    elf::Executable,
    program::{BuiltinProgram, SBPFVersion},
    verifier::RequisiteVerifier,
};
use solana_signer::Signer;
use solana_transaction::Transaction;

const SEEDS_PER_GROUP: u64 = 400;
const HEAP_BYTES: u32 = 256 * 1024; // `HEAP_BYTES` of the program
const COMPUTE_UNITS_MAX: u32 = 1_400_000;

fn bytecode() -> (PathBuf, Vec<u8>) {
    let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/../../..");
    let file = env::var_os("PLIMSOLL_SBF_SELFTEST_SO").map_or_else(
        || PathBuf::from(workspace).join("target/deploy/plimsoll_sbf_selftest.so"),
        PathBuf::from,
    );
    let bytes = fs::read(&file).unwrap_or_else(|error| {
        panic!(
            "{} cannot be read ({error}); `make selftest` builds it",
            file.display()
        )
    });
    (file, bytes)
}

struct Machine {
    svm: LiteSVM,
    payer: Keypair,
    program: Pubkey,
}

impl Machine {
    fn new(bytecode: &[u8]) -> Self {
        let mut svm = LiteSVM::new()
            .with_sigverify(false)
            .with_blockhash_check(false)
            .with_transaction_history(0);
        let payer = Keypair::new();
        svm.airdrop(&payer.pubkey(), 500_000_000_000)
            .expect("the faucet has this much");
        let program = Pubkey::new_unique();
        svm.add_program(program, bytecode)
            .expect("the bytecode loads");
        Machine {
            svm,
            payer,
            program,
        }
    }

    /// The digest that the bytecode returns, or why it returned none.
    fn run(&mut self, group: usize, seed: u64) -> Result<u64, String> {
        let mut data = seed.to_le_bytes().to_vec();
        data.push(group as u8);
        let instructions = [
            ComputeBudgetInstruction::set_compute_unit_limit(COMPUTE_UNITS_MAX),
            ComputeBudgetInstruction::request_heap_frame(HEAP_BYTES),
            Instruction {
                program_id: self.program,
                accounts: vec![],
                data,
            },
        ];
        let message = Message::new(&instructions, Some(&self.payer.pubkey()));
        let transaction = Transaction::new(&[&self.payer], message, self.svm.latest_blockhash());
        let outcome = self
            .svm
            .send_transaction(transaction)
            .map_err(|failed| format!("{:?}: {:?}", failed.err, failed.meta.logs))?;
        // The runtime strips trailing zeros from what a program returns.
        let mut digest = outcome.return_data.data;
        digest.resize(8, 0);
        Ok(u64::from_le_bytes(digest.try_into().expect("eight bytes")))
    }
}

#[test]
fn bytecode_computes_what_the_host_computes() {
    let mut machine = Machine::new(&bytecode().1);
    let mut differences = Vec::new();
    for (group, (name, _)) in GROUPS.iter().enumerate() {
        let before = differences.len();
        for ordinal in 1..=SEEDS_PER_GROUP {
            let seed = ordinal.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let native = run(group, seed);
            match machine.run(group, seed) {
                Ok(digest) if digest == native => {}
                Ok(digest) => differences.push(format!(
                    "{name}, seed {seed:#x}: {digest:#x}, native {native:#x}"
                )),
                Err(failure) => differences.push(format!("{name}, seed {seed:#x}: {failure}")),
            }
        }
        let equal = SEEDS_PER_GROUP - (differences.len() - before) as u64;
        println!("{equal} of {SEEDS_PER_GROUP} equal: {name}");
    }
    let shown = &differences[..differences.len().min(10)];
    assert!(
        differences.is_empty(),
        "{} runs differ, among them {shown:#?}",
        differences.len()
    );
}

/// LiteSVM loads leniently; a deployment is refused for what this refuses. `make test` names the program's file, too.
#[test]
fn bytecode_passes_the_checks_of_a_deployment() {
    let (selftest, _) = bytecode();
    let program = env::var_os("PLIMSOLL_PROGRAM_SO").map(PathBuf::from);
    for file in [Some(selftest), program].into_iter().flatten() {
        let bytes = fs::read(&file)
            .unwrap_or_else(|error| panic!("{} cannot be read: {error}", file.display()));
        let executable = Executable::<InvokeContext>::load(&bytes, environment())
            .unwrap_or_else(|error| panic!("{} does not load: {error}", file.display()));
        // With SIMD-0500 a loader takes nothing older.
        assert_eq!(executable.get_sbpf_version(), SBPFVersion::V3);
        executable
            .verify::<RequisiteVerifier>()
            .unwrap_or_else(|error| panic!("{} does not verify: {error}", file.display()));
        check_instructions(&executable);
    }
}

fn environment() -> Arc<BuiltinProgram<InvokeContext<'static, 'static>>> {
    let budget =
        solana_compute_budget::compute_budget::ComputeBudget::new_with_defaults(false).to_budget();
    let features = agave_feature_set::FeatureSet::all_enabled().runtime_features();
    let (reject_broken_elfs, debugging) = (true, false);
    let environment = solana_syscalls::create_program_runtime_environment(
        &features,
        &budget,
        reject_broken_elfs,
        debugging,
    )
    .expect("the environment of all features");
    Arc::clone(&*environment)
}

/// What neither the loader nor the verifier of v3 looks at, and a transaction would stumble over later.
fn check_instructions(executable: &Executable<InvokeContext>) {
    const NO_OBJECT_BELOW: u64 = 16;
    let system_calls = executable.get_loader().get_function_registry();
    let (_, code) = executable.get_text_bytes();
    let count = code.len() / ebpf::INSN_SIZE;
    let (mut at, mut names) = (0, BTreeSet::new());
    while at < count {
        let mut instruction = ebpf::get_insn(code, at);
        match instruction.opc {
            ebpf::LD_DW_IMM => {
                ebpf::augment_lddw_unchecked(code, &mut instruction);
                // A number this small needs no 64 bits: it is an address, and a null reference to Rust.
                assert!(
                    instruction.imm as u64 >= NO_OBJECT_BELOW,
                    "instruction {at} refers to address {}",
                    instruction.imm
                );
                at += 1;
            }
            ebpf::CALL_IMM if instruction.src == 0 => {
                let key = instruction.imm as u32;
                let (name, _) = system_calls
                    .lookup_by_key(key)
                    .unwrap_or_else(|| panic!("instruction {at} calls {key:#x}: no system call"));
                names.insert(String::from_utf8_lossy(name).into_owned());
            }
            ebpf::CALL_IMM => {
                let target = at as i64 + 1 + instruction.imm;
                assert!(
                    (0..count as i64).contains(&target),
                    "instruction {at} calls instruction {target}"
                );
            }
            _ => {}
        }
        at += 1;
    }
    println!("{count} instructions; system calls {names:?}");
}
