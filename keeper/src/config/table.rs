//! Reads a table of the file field by field and goes on after a mistake, so that all of them are named.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::Value;

/// Something that stands in the file under a name.
pub(crate) trait Field: Sized {
    /// The value, or a mistake that is written down. `at` is the field's full name.
    fn read(value: Value, at: &str, mistakes: &mut Vec<String>) -> Option<Self>;

    /// The full names of everything that can be said below `at`.
    #[cfg(test)]
    fn fields(at: &str, names: &mut Vec<String>) {
        names.push(at.to_owned());
    }
}

macro_rules! plain {
    ($($type:ty),*) => {
        $(impl Field for $type {
            fn read(value: Value, at: &str, mistakes: &mut Vec<String>) -> Option<Self> {
                let read = value.try_into();
                read.map_err(|error| mistakes.push(format!("{at}: {}", error.message().trim())))
                    .ok()
            }
        })*
    };
}

plain!(bool, u64, usize, String, PathBuf);

impl<T: Field> Field for Option<T> {
    fn read(value: Value, at: &str, mistakes: &mut Vec<String>) -> Option<Self> {
        T::read(value, at, mistakes).map(Some)
    }

    #[cfg(test)]
    fn fields(at: &str, names: &mut Vec<String>) {
        T::fields(at, names);
    }
}

impl<T: Field> Field for Vec<T> {
    fn read(value: Value, at: &str, mistakes: &mut Vec<String>) -> Option<Self> {
        let Value::Array(rows) = value else {
            mistakes.push(format!("{at}: not a list"));
            return None;
        };
        let rows = rows.into_iter().zip(1_usize..);
        let read = rows.filter_map(|(row, place)| T::read(row, &format!("{at} {place}"), mistakes));
        Some(read.collect())
    }

    #[cfg(test)]
    fn fields(at: &str, names: &mut Vec<String>) {
        T::fields(at, names);
    }
}

impl<T: Field> Field for BTreeMap<String, T> {
    fn read(value: Value, at: &str, mistakes: &mut Vec<String>) -> Option<Self> {
        let Value::Table(rows) = value else {
            mistakes.push(format!("{at}: not a table"));
            return None;
        };
        let rows = rows.into_iter();
        let read = rows.filter_map(|(name, row)| {
            let row = T::read(row, &format!("{at}.{name}"), mistakes)?;
            Some((name, row))
        });
        Some(read.collect())
    }
}

/// The full name of a field of a table; the file itself has no name.
pub(crate) fn named(at: &str, field: &str) -> String {
    if at.is_empty() {
        field.to_owned()
    } else {
        format!("{at}.{field}")
    }
}

/// Declares a table of the file: its fields with their defaults, written once. `@` gives a field another name
/// in the file than in the code.
macro_rules! table {
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $name:literal) => { $name };
    ($(#[$doc:meta])* $table:ident {
        $($(#[$field_doc:meta])* $field:ident $(@ $name:literal)?: $type:ty = $default:expr,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $table {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl Default for $table {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $crate::config::table::Field for $table {
            fn read(value: toml::Value, at: &str, mistakes: &mut Vec<String>) -> Option<Self> {
                use $crate::config::table::{named, Field};
                let toml::Value::Table(mut rows) = value else {
                    mistakes.push(format!("{at}: not a table"));
                    return None;
                };
                let mut read = Self::default();
                $({
                    let name = $crate::config::table::table!(@name $field $($name)?);
                    if let Some(row) = rows.remove(name) {
                        if let Some(row) = <$type as Field>::read(row, &named(at, name), mistakes) {
                            read.$field = row;
                        }
                    }
                })*
                for name in rows.keys() {
                    mistakes.push(format!("{}: no such field", named(at, name)));
                }
                Some(read)
            }

            #[cfg(test)]
            fn fields(at: &str, names: &mut Vec<String>) {
                use $crate::config::table::{named, Field};
                $({
                    let name = $crate::config::table::table!(@name $field $($name)?);
                    <$type as Field>::fields(&named(at, name), names);
                })*
            }
        }
    };
}

pub(crate) use table;

/// Whether the text says something of this name, through lists of tables, too.
#[cfg(test)]
pub(crate) fn says(value: &toml::Value, name: &str) -> bool {
    match value {
        toml::Value::Array(rows) => rows.iter().any(|row| says(row, name)),
        toml::Value::Table(rows) => match name.split_once('.') {
            Some((first, rest)) => rows.get(first).is_some_and(|row| says(row, rest)),
            None => rows.contains_key(name),
        },
        _ => false,
    }
}
