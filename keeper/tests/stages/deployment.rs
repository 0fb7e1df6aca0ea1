//! The program on a chain through the loader, as an operator deploys it.

use plimsoll_localnet::deploy::{deploy, DeployRequest};
use plimsoll_localnet::Localnet;
use plimsoll_testkit::program_bytes;
use solana_keypair::Keypair;

/// Deploys it at its address; `deployer` pays and stays the upgrade authority.
pub async fn deploy_program(localnet: &Localnet, deployer: &Keypair) {
    let program = include_str!("../../../migrations/keys/localnet-program.json");
    let program: Vec<u8> = serde_json::from_str(program).expect("a key");
    let request = DeployRequest {
        rpc_url: &localnet.rpc_url(),
        payer: deployer,
        program: &Keypair::try_from(program.as_slice()).expect("a key"),
        upgrade_authority: deployer,
        program_bytes: program_bytes(),
    };
    deploy(&request, |_| {}).await.expect("deployed");
}
