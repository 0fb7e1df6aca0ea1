use plimsoll_localnet::faucet::{airdrop, Faucet, USDC_DECIMALS};
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::fixture::Fixture;

async fn balance(fixture: &Fixture, account: &solana_pubkey::Pubkey) -> (String, u8) {
    let amount = fixture
        .rpc
        .get_token_account_balance(account)
        .await
        .expect("a token account");
    (amount.amount, amount.decimals)
}

#[tokio::test]
async fn the_faucet_mints_to_accounts_it_creates_and_to_those_that_exist() {
    let fixture = Fixture::start();
    let mint = Keypair::new();
    let url = fixture.localnet.rpc_url();
    let faucet = Faucet::create(&url, &fixture.payer, &mint)
        .await
        .expect("a mint");
    assert_eq!(faucet.mint(), mint.pubkey());
    let owner = Keypair::new().pubkey();
    let account = faucet.mint_to(&owner, 123_456_789).await.expect("minted");
    assert_eq!(account, faucet.token_account(&owner));
    faucet.mint_to(&owner, 11).await.expect("minted again");
    assert_eq!(
        balance(&fixture, &account).await,
        ("123456800".to_owned(), USDC_DECIMALS)
    );
}

#[tokio::test]
async fn creating_the_same_mint_again_changes_nothing_and_another_authority_is_refused() {
    let fixture = Fixture::start();
    let mint = Keypair::new();
    let url = fixture.localnet.rpc_url();
    let first = Faucet::create(&url, &fixture.payer, &mint)
        .await
        .expect("a mint");
    let owner = Keypair::new().pubkey();
    let account = first.mint_to(&owner, 5).await.expect("minted");
    Faucet::create(&url, &fixture.payer, &mint)
        .await
        .expect("the same mint");
    assert_eq!(balance(&fixture, &account).await.0, "5");

    let stranger = Keypair::new();
    let error = Faucet::create(&url, &stranger, &mint)
        .await
        .expect_err("not its mint");
    assert!(error.to_string().contains("is not minted by"), "{error:#}");
}

#[tokio::test]
async fn an_airdrop_has_arrived_when_it_returns() {
    let fixture = Fixture::start();
    let account = Keypair::new().pubkey();
    airdrop(&fixture.localnet.rpc_url(), &account, 3_000_000_007)
        .await
        .expect("airdrop");
    let balance = fixture.rpc.get_balance(&account).await.expect("balance");
    assert_eq!(balance, 3_000_000_007);
}
