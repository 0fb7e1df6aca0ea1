use super::*;

fn point(price_e8: i64, conf_e8: u64) -> PricePoint {
    PricePoint {
        unix_seconds: 0,
        price_e8,
        conf_e8,
    }
}

#[test]
fn each_update_names_the_publish_time_of_the_one_before() {
    let mut feed = PriceFeed::new(Pubkey::new_unique(), [3; 32]);
    let first = feed.publish(&point(500, 5), 1_000);
    let second = feed.publish(&point(600, 7), 1_004);
    assert_eq!(first.prev_publish_time, 1_000);
    assert_eq!(
        (second.publish_time, second.prev_publish_time),
        (1_004, 1_000)
    );
    assert_eq!((second.price, second.conf, second.exponent), (600, 7, -8));
}

#[test]
fn the_average_starts_at_the_first_price_and_follows_slowly() {
    let mut feed = PriceFeed::new(Pubkey::new_unique(), [3; 32]);
    assert_eq!(feed.publish(&point(3_600_000, 9), 1).ema_price, 3_600_000);
    assert_eq!(feed.publish(&point(0, 9), 2).ema_price, 3_599_000);
}

#[test]
fn the_average_of_extreme_prices_does_not_overflow() {
    let mut feed = PriceFeed::new(Pubkey::new_unique(), [3; 32]);
    feed.publish(&point(i64::MAX, u64::MAX), 1);
    let update = feed.publish(&point(i64::MIN, 0), 2);
    assert!(update.ema_price < i64::MAX);
    assert!(update.ema_conf < u64::MAX);
}

/// SOL/USD in shard 0: the address that mainnet's sponsored feed has.
#[test]
fn the_address_of_a_sponsored_feed_is_mainnets() {
    let sol_usd = [
        0xef, 0x0d, 0x8b, 0x6f, 0xda, 0x2c, 0xeb, 0xa4, 0x1d, 0xa1, 0x5d, 0x40, 0x95, 0xd1, 0xda,
        0x39, 0x2a, 0x0d, 0x2f, 0x8e, 0xd0, 0xc6, 0xc7, 0xbc, 0x0f, 0x4c, 0xfa, 0xc8, 0xc2, 0x80,
        0xb5, 0x6d,
    ];
    assert_eq!(
        push_feed_address(0, &sol_usd).to_string(),
        "7UVimffxr9ow1uXYxsr4LHAcV58mLzhmwaeKvJ1pjLiE"
    );
}
