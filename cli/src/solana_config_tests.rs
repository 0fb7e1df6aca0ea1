use super::*;

const WRITTEN_BY_SOLANA: &str = "---
json_rpc_url: https://api.devnet.solana.com
websocket_url: ''
keypair_path: ~/.config/solana/id.json
address_labels:
  '11111111111111111111111111111111': System Program
commitment: confirmed
";

#[test]
fn the_two_keys_that_matter_are_read() {
    let config = SolanaConfig::parse(WRITTEN_BY_SOLANA, Path::new("/home/trader"));
    assert_eq!(
        config.json_rpc_url.as_deref(),
        Some("https://api.devnet.solana.com")
    );
    assert_eq!(
        config.keypair_path,
        Some(PathBuf::from("/home/trader/.config/solana/id.json"))
    );
}

#[test]
fn quotes_are_taken_off_and_an_empty_value_is_none() {
    let text = "json_rpc_url: \"http://localhost:8899\"\nkeypair_path: ''\n";
    let config = SolanaConfig::parse(text, Path::new("/home/trader"));
    assert_eq!(
        config.json_rpc_url.as_deref(),
        Some("http://localhost:8899")
    );
    assert_eq!(config.keypair_path, None);
}

#[test]
fn without_a_home_or_a_file_the_configuration_is_empty() {
    let nothing = SolanaConfig::default();
    assert_eq!(SolanaConfig::load(None).expect("no home"), nothing);
    let empty = Path::new("/nonexistent/home");
    assert_eq!(SolanaConfig::load(Some(empty)).expect("no file"), nothing);
}
