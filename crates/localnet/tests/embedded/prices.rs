use std::{path::Path, time::Duration};

use anchor_lang::AccountDeserialize;
use plimsoll_localnet::{
    oracle::{
        encode_price_update, PriceFeed, PriceUpdate, VerificationLevel, PRICE_UPDATE_LEN,
        RECEIVER_PROGRAM_ID,
    },
    prices::CsvTape,
    Pace, TapeFeed, TapePlayer,
};
use pyth_solana_receiver_sdk::price_update::PriceUpdateV2;
use solana_pubkey::Pubkey;

use crate::fixture::Fixture;

pub fn update(price: i64) -> PriceUpdate {
    PriceUpdate {
        write_authority: Pubkey::default(),
        verification_level: VerificationLevel::Full,
        feed_id: [3; 32],
        price,
        conf: 7,
        exponent: -8,
        publish_time: 1_760_130_123,
        prev_publish_time: 1_760_130_122,
        ema_price: 5,
        ema_conf: 6,
        posted_slot: 0,
    }
}

async fn read(fixture: &Fixture, address: &Pubkey) -> PriceUpdateV2 {
    let account = fixture.rpc.get_account(address).await.expect("an account");
    assert_eq!(account.owner, RECEIVER_PROGRAM_ID);
    assert_eq!(account.data.len(), PRICE_UPDATE_LEN);
    PriceUpdateV2::try_deserialize(&mut account.data.as_slice()).expect("Pyth decodes it")
}

#[tokio::test]
async fn a_posted_price_reads_back_over_rpc_with_pyths_decoder() {
    let fixture = Fixture::start();
    let address = Pubkey::new_unique();
    let oracle = fixture.localnet.oracle();
    oracle.post(&address, &update(11)).expect("posted");
    oracle.post(&address, &update(12)).expect("posted again");
    let read = read(&fixture, &address).await;
    assert_eq!(read.price_message.price, 12);
    assert!(read.posted_slot > 0 && read.posted_slot <= fixture.localnet.health().slot);
}

#[tokio::test]
async fn a_forged_price_account_is_written_exactly_as_given() {
    let fixture = Fixture::start();
    let address = Pubkey::new_unique();
    let partial = PriceUpdate {
        verification_level: VerificationLevel::Partial { num_signatures: 4 },
        posted_slot: 99,
        ..update(11)
    };
    let oracle = fixture.localnet.oracle();
    let forger = Pubkey::new_unique();
    let bytes = encode_price_update(&partial);
    oracle
        .write_bytes(&address, forger, bytes.clone())
        .expect("written");
    let account = fixture.rpc.get_account(&address).await.expect("account");
    assert_eq!((account.owner, account.data), (forger, bytes));
}

fn feed(rows: &str) -> TapeFeed {
    let text = format!("unix_seconds,open,high,low,close,volume,trades\n{rows}");
    let tape = CsvTape::read("test", text.as_bytes()).expect("tape");
    TapeFeed {
        feed: PriceFeed::new(Pubkey::new_unique(), [3; 32]),
        source: Box::new(tape),
    }
}

#[tokio::test]
async fn a_played_tape_posts_its_newest_due_price_in_chain_time_and_goes_stale_in_silence() {
    let fixture = Fixture::start();
    let start = 1_760_130_000;
    let feed = feed(
        "1760129990,1,1,1,1.5,1,1\n1760130004,2,2,2,2,1,1\n1760130005,3,3,3,3,1,1\n1760130030,4,4,4,4,1,1\n",
    );
    let address = feed.feed.address();
    let mut player = TapePlayer::new(&fixture.localnet, start, vec![feed]).expect("player");
    let shift = player.shift();
    let now = fixture.localnet.clock().now();
    assert_eq!(now, shift.chain_start);

    let first = read(&fixture, &address).await.price_message;
    assert_eq!((first.price, first.publish_time), (150_000_000, now - 10));

    assert_eq!(player.advance_to(start + 10).expect("step").len(), 1);
    let second = read(&fixture, &address).await.price_message;
    assert_eq!((second.price, second.publish_time), (300_000_000, now + 5));
    assert_eq!(second.prev_publish_time, now - 10);

    assert!(player.advance_to(start + 29).expect("silence").is_empty());
    assert_eq!(read(&fixture, &address).await.price_message, second);
    assert_eq!(fixture.clock_account().await.1, now + 29);
    assert!(player.advance_to(start + 28).is_err(), "time went back");
}

#[tokio::test]
async fn a_tape_played_at_speed_ends_on_its_last_second_and_releases_the_clock() {
    let fixture = Fixture::start();
    let start = 1_760_130_000;
    let rows: String = (0..120)
        .map(|second| format!("{},1,1,1,1.{second:03},1,1\n", start + second))
        .collect();
    let feed = feed(&rows);
    let address = feed.feed.address();
    let end = feed.source.tape_end().expect("an end");
    let mut player = TapePlayer::new(&fixture.localnet, start, vec![feed]).expect("player");
    let pace = Pace {
        tape_start: start,
        tape_end: end,
        speed: 60,
        step: Duration::from_millis(50),
    };
    let mut seconds = Vec::new();
    let begun = std::time::Instant::now();
    player
        .play(pace, |second, _| seconds.push(second))
        .await
        .expect("played");
    assert!(
        begun.elapsed().as_millis() >= 1_900,
        "{:?}",
        begun.elapsed()
    );
    assert!(seconds.is_sorted() && seconds.last() == Some(&end));
    assert!(seconds.len() >= 20, "{} steps", seconds.len());
    assert_eq!(fixture.localnet.clock().now(), player.shift().to_chain(end));
    assert_eq!(
        read(&fixture, &address).await.price_message.price,
        111_900_000
    );

    let held = fixture.localnet.clock().now();
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(
        fixture.localnet.clock().now(),
        held,
        "the player holds the clock"
    );
    drop(player);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(
        fixture.localnet.clock().now() > held,
        "the clock runs again"
    );
}

/// Ten minutes around the crash, from the recorded tapes: perpetual and spot part ways, and the
/// chain shows each venue's own last price at the end.
#[tokio::test]
async fn the_recorded_crash_plays_on_chain_a_hundred_times_as_fast() {
    let (start, end) = (1_760_130_900, 1_760_131_500);
    let fixture = Fixture::start();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data");
    let tapes: Vec<CsvTape> = ["avax_perp_binance_1s.csv", "avax_spot_coinbase_1s.csv"]
        .iter()
        .map(|file| CsvTape::open(data.join(file)).and_then(|tape| tape.between(start, end)))
        .collect::<Result<_, _>>()
        .expect("tapes");
    let feeds = tapes.iter().enumerate().map(|(index, tape)| TapeFeed {
        feed: PriceFeed::new(Pubkey::new_unique(), [index as u8; 32]),
        source: Box::new(tape.clone()),
    });
    let feeds: Vec<TapeFeed> = feeds.collect();
    let addresses: Vec<Pubkey> = feeds.iter().map(|feed| feed.feed.address()).collect();
    let mut player = TapePlayer::new(&fixture.localnet, start, feeds).expect("player");
    let pace = Pace {
        tape_start: start,
        tape_end: end,
        speed: 100,
        step: Duration::from_millis(20),
    };
    let mut lowest = i64::MAX;
    player
        .play(pace, |_, played| {
            let prices = played.iter().map(|price| price.point.price_e8);
            lowest = prices.fold(lowest, i64::min);
        })
        .await
        .expect("played");
    for (tape, address) in tapes.iter().zip(&addresses) {
        let last = tape.points().last().expect("points");
        let shown = read(&fixture, address).await.price_message;
        assert_eq!(shown.price, last.price_e8);
        assert_eq!(
            shown.publish_time,
            player.shift().to_chain(last.unix_seconds)
        );
    }
    // Spot never traded under 17.00 that day.
    assert!(lowest < 1_700_000_000, "the crash is missing: {lowest}");
}
