//! Numbers with units, as flags carry them: `20`, `1.5k`, `512Mi`, `500m`, `10%`, `90s`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

/// A number with its unit, exact to a thousandth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quantity {
    kind: QuantityKind,
    /// Thousandths of one, of a per cent, of a second.
    thousandths: i128,
}

/// What a number counts. Only numbers of one kind can be compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum QuantityKind {
    /// Things, or bytes.
    Plain,
    /// Per cent.
    Percent,
    /// Time.
    Time,
}

impl Quantity {
    /// Reads a flag's value as the kind of this bound: `m` is a thousandth beside `gt: 20` and a
    /// minute beside `gt: 90s`. `None` where it is no such number.
    pub fn read_alike(&self, text: &str) -> Option<Quantity> {
        Self::read(text, self.kind)
    }

    /// The difference that decides a comparison of two numbers of one kind.
    pub fn cmp_alike(&self, other: &Quantity) -> std::cmp::Ordering {
        self.thousandths.cmp(&other.thousandths)
    }

    /// Reads a bound of a rule.
    fn read_bound(text: &str) -> Result<Self, String> {
        [QuantityKind::Plain, QuantityKind::Percent, QuantityKind::Time]
            .into_iter()
            .find_map(|kind| Self::read(text, kind))
            .ok_or_else(|| {
                format!("{text:?} is not a number: write for example 20, 1.5k, 512Mi, 10% or 90s")
            })
    }

    fn read(text: &str, kind: QuantityKind) -> Option<Self> {
        let (negative, unsigned) = match text.as_bytes().first()? {
            b'-' => (true, text.get(1..)?),
            b'+' => (false, text.get(1..)?),
            _ => (false, text),
        };
        let end =
            unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
        let (number, unit) = unsigned.split_at(end);
        // What turns the number into thousandths.
        let factor: i128 = match (kind, unit) {
            (QuantityKind::Plain, "") | (QuantityKind::Percent, "%") => 1000,
            (QuantityKind::Plain, "m") | (QuantityKind::Time, "ms") => 1,
            (QuantityKind::Plain, unit) => 1000 * plain_factor(unit)?,
            (QuantityKind::Time, "s") => 1000,
            (QuantityKind::Time, "m") => 60_000,
            (QuantityKind::Time, "h") => 3_600_000,
            (QuantityKind::Time, "d") => 86_400_000,
            _ => return None,
        };
        let thousandths = decimal(number, factor)?;
        Some(Self { kind, thousandths: if negative { -thousandths } else { thousandths } })
    }
}

fn plain_factor(unit: &str) -> Option<i128> {
    let unit = unit.strip_suffix('B').unwrap_or(unit);
    Some(match unit {
        "" => 1,
        "k" | "K" => 1000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        _ => return None,
    })
}

/// `number × factor`, where the number may have up to six decimals. `None` for anything else.
fn decimal(number: &str, factor: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let well_formed = !whole.is_empty() && digits(whole) && digits(fraction);
    if !well_formed || number.ends_with('.') || whole.len() > 18 || fraction.len() > 6 {
        return None;
    }
    let mut thousandths = whole.parse::<i128>().ok()? * factor;
    if !fraction.is_empty() {
        let divisor = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
        thousandths += fraction.parse::<i128>().ok()? * factor / divisor;
    }
    Some(thousandths)
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let absolute = self.thousandths.unsigned_abs();
        let sign = if self.thousandths < 0 { "-" } else { "" };
        write!(formatter, "{sign}{}.{:03}", absolute / 1000, absolute % 1000)?;
        formatter.write_str(match self.kind {
            QuantityKind::Plain => "",
            QuantityKind::Percent => "%",
            QuantityKind::Time => "s",
        })
    }
}

impl Serialize for Quantity {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;

        impl de::Visitor<'_> for Number {
            type Value = Quantity;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a number, with a unit where it has one")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Quantity, E> {
                Quantity::read_bound(text).map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Quantity, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Quantity, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Quantity, E> {
                self.visit_str(&number.to_string())
            }
        }

        deserializer.deserialize_any(Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    fn compare(value: &str, bound: &str) -> Option<Ordering> {
        let bound = Quantity::read_bound(bound).unwrap();
        bound.read_alike(value).map(|value| value.cmp_alike(&bound))
    }

    #[test]
    fn numbers_are_compared_with_their_units() {
        for (value, bound, expected) in [
            ("21", "20", Some(Ordering::Greater)),
            ("20.0", "20", Some(Ordering::Equal)),
            ("1.5k", "1500", Some(Ordering::Equal)),
            ("1Ki", "1k", Some(Ordering::Greater)),
            ("500m", "1", Some(Ordering::Less)),
            ("2m", "90s", Some(Ordering::Greater)),
            ("10%", "9%", Some(Ordering::Greater)),
            ("64MiB", "64Mi", Some(Ordering::Equal)),
            ("-3", "0", Some(Ordering::Less)),
            // Not numbers of the bound's kind: the caller decides what doubt means.
            ("10%", "20", None),
            ("0x20", "20", None),
            ("1e3", "20", None),
            ("", "20", None),
            ("20 ", "20", None),
            ("٢٠", "20", None),
            ("9999999999999999999", "20", None),
        ] {
            assert_eq!(compare(value, bound), expected, "{value} against {bound}");
        }
    }

    #[test]
    fn what_is_written_reads_as_the_same_number() {
        for text in ["20", "1.5k", "10%", "90s", "-2.25"] {
            let quantity = Quantity::read_bound(text).unwrap();
            assert_eq!(Quantity::read_bound(&quantity.to_string()), Ok(quantity), "{text}");
        }
    }
}
