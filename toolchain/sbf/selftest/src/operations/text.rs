//! Formatting and parsing of every integer width, and std's Unicode tables.

use crate::{digest::Digest, random::Random};

pub fn all(digest: &mut Digest, random: &mut Random) {
    numbers(digest, random);
    unicode(digest, random);
}

fn numbers(digest: &mut Digest, random: &mut Random) {
    let wide = random.wide();
    let printed = wide.to_string();
    digest.add_bytes(printed.as_bytes());
    digest.add_wide(printed.parse().expect("a printed number parses"));
    let formats = format!(
        "{:>40}|{:<#x}|{:e}|{:08b}|{:+}",
        wide as i128, wide, wide as u64, wide as u8, wide as i32
    );
    digest.add_bytes(formats.as_bytes());
    let signed: i64 = format!("{}", random.edge() as i64)
        .parse()
        .expect("a printed number parses");
    digest.add(signed as u64);
    digest.add_flag("99999999999999999999".parse::<u64>().is_err());
}

fn unicode(digest: &mut Digest, random: &mut Random) {
    let text: String = (0..20)
        .map(|_| char::from_u32(0x20 + random.below(0x500) as u32).unwrap_or('?'))
        .collect();
    digest.add_bytes(text.as_bytes());
    digest.add(
        text.chars()
            .rev()
            .filter(|letter| letter.is_alphanumeric())
            .count() as u64,
    );
    digest.add_bytes(text.to_uppercase().as_bytes());
    digest.add_bytes(text.split('a').collect::<Vec<_>>().join("+").as_bytes());
    digest.add_flag(std::str::from_utf8(&[0xff, random.below(2) as u8]).is_err());
}
