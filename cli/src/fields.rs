//! Reads a TOML table field by field, in human units, with errors that name the field.
//!
//! A float is refused wherever an exact number is meant: `price = 0.1` is not a tenth. Numbers with a
//! fraction are written in quotes. A field that nobody asked for is an error too: it is a typing error
//! that would otherwise silently leave a default in force.

use std::cell::RefCell;
use std::collections::BTreeSet;

use anyhow::{anyhow, bail, Context, Result};
use solana_pubkey::Pubkey;
use toml::{Table, Value};

use crate::units;

/// One table under its path, for instance `market "AVAX"`.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    path: String,
    table: &'a Table,
    /// Consulted for fields that the table leaves out.
    defaults: Option<&'a Table>,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(path: impl Into<String>, table: &'a Table) -> Self {
        Self {
            path: path.into(),
            table,
            defaults: None,
            asked: RefCell::default(),
        }
    }

    /// Fields that `table` leaves out are taken from `defaults`.
    pub(crate) fn with_defaults(mut self, defaults: Option<&'a Table>) -> Self {
        self.defaults = defaults;
        self
    }

    fn get(&self, name: &'static str) -> Option<&'a Value> {
        self.asked.borrow_mut().insert(name);
        let default = || self.defaults.and_then(|defaults| defaults.get(name));
        self.table.get(name).or_else(default)
    }

    fn name(&self, name: &str) -> String {
        if self.path.is_empty() {
            format!("`{name}`")
        } else {
            format!("{}: `{name}`", self.path)
        }
    }

    /// A field through `read`, `None` if it is left out.
    pub(crate) fn optional<T>(
        &self,
        name: &'static str,
        read: impl Fn(&Value) -> Result<T>,
    ) -> Result<Option<T>> {
        self.get(name)
            .map(|value| read(value).with_context(|| self.name(name)))
            .transpose()
    }

    /// A field that must be there.
    pub(crate) fn required<T>(
        &self,
        name: &'static str,
        read: impl Fn(&Value) -> Result<T>,
    ) -> Result<T> {
        self.optional(name, read)?
            .with_context(|| format!("{} is missing", self.name(name)))
    }

    /// A field or its default.
    pub(crate) fn or<T>(
        &self,
        name: &'static str,
        default: T,
        read: impl Fn(&Value) -> Result<T>,
    ) -> Result<T> {
        Ok(self.optional(name, read)?.unwrap_or(default))
    }

    /// Refuses fields that were never asked for.
    pub(crate) fn finish(self) -> Result<()> {
        let asked = self.asked.borrow();
        let known = |name: &&String| asked.contains(name.as_str());
        match self.table.keys().find(|name| !known(name)) {
            Some(unknown) => Err(anyhow!("{} is not a known field", self.name(unknown))),
            None => Ok(()),
        }
    }
}

/// A text, or a whole number as text.
pub(crate) fn text(value: &Value) -> Result<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => {
            bail!("{number} must stand in quotes, \"{number}\": a TOML float is not exact")
        }
        other => bail!("a {} is no text", other.type_str()),
    }
}

/// A whole number that fits.
pub(crate) fn integer<T: TryFrom<i64>>(value: &Value) -> Result<T> {
    let number = value
        .as_integer()
        .with_context(|| format!("a whole number is needed, not {value}"))?;
    T::try_from(number).map_err(|_| anyhow!("{number} is out of range"))
}

/// A percentage, in ppm.
pub(crate) fn percent(value: &Value) -> Result<u32> {
    units::parse_percent(&text(value)?)
}

/// Dollars, in quote atoms.
pub(crate) fn usd(value: &Value) -> Result<u64> {
    units::parse_usd(&text(value)?)
}

/// `true` or `false`.
pub(crate) fn boolean(value: &Value) -> Result<bool> {
    value
        .as_bool()
        .with_context(|| format!("true or false is needed, not {value}"))
}

/// An address; an empty text is `None`, for fields that a deployer fills.
pub(crate) fn address(value: &Value) -> Result<Option<Pubkey>> {
    let text = text(value)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|error| anyhow!("{text:?} is no address: {error}"))
}

/// Thirty-two bytes in hexadecimal, with or without `0x`.
pub(crate) fn feed_id(value: &Value) -> Result<[u8; 32]> {
    let text = text(value)?;
    let digits = text.strip_prefix("0x").unwrap_or(&text);
    if digits.len() != 64 || !digits.is_ascii() {
        bail!("{text:?} is no feed id: 64 hexadecimal digits are needed");
    }
    let mut id = [0; 32];
    for (byte, pair) in id.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let pair = std::str::from_utf8(pair)?;
        *byte = u8::from_str_radix(pair, 16)
            .with_context(|| format!("{text:?} is no feed id: {pair:?} is not hexadecimal"))?;
    }
    Ok(id)
}
