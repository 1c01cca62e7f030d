//! The effective configuration as TOML, each value with its origin, secrets masked.

use std::fmt::Write as _;

use figment::Figment;
use figment::value::{Dict, Value};

use super::layers::{BUILT_IN, SECTIONS};
use super::secret::{self, Reference};
use super::{credentials, server_url};

const MASK: &str = "***";

/// The tree, in the order of the template.
pub(super) fn show(tree: &Dict, figment: &Figment) -> String {
    let mut page = ShownConfig {
        figment,
        text: String::new(),
    };
    for (name, section) in SECTIONS
        .iter()
        .filter_map(|name| Some((*name, tree.get(*name)?)))
    {
        match section {
            Value::Array(_, items) => {
                if items.is_empty() {
                    page.line(name, "[]".into(), section, None);
                }
                items
                    .iter()
                    .filter_map(Value::as_dict)
                    .for_each(|item| page.section(&format!("[[{name}]]"), item));
            }
            Value::Dict(_, slots) if name == "credentials" => page.credentials(slots),
            Value::Dict(_, section) => page.section(&format!("[{name}]"), section),
            other => page.value(name, other, false),
        }
    }
    page.text
}

struct ShownConfig<'a> {
    figment: &'a Figment,
    text: String,
}

impl ShownConfig<'_> {
    fn section(&mut self, header: &str, section: &Dict) {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        let _ = writeln!(self.text, "{gap}{header}");
        section.iter().for_each(|(key, value)| {
            self.value(&bare(key), value, key == "config" || is_told(key))
        });
    }

    /// A section for each slot. Here the kind of a slot says what is secret, and not what a key is
    /// called.
    fn credentials(&mut self, slots: &Dict) {
        for (name, slot) in slots
            .iter()
            .filter_map(|(name, slot)| Some((name, slot.as_dict()?)))
        {
            let gap = if self.text.is_empty() { "" } else { "\n" };
            let _ = writeln!(self.text, "{gap}[credentials.{}]", bare(name));
            for (key, value) in slot {
                match value {
                    Value::String(..) if credentials::is_secret(key) => {
                        self.line(&bare(key), toml::Value::from(MASK).to_string(), value, None);
                    }
                    _ => self.value(&bare(key), value, true),
                }
            }
        }
    }

    /// A line for each leaf. Only what components are told, and what is called one, can hold
    /// secrets.
    fn value(&mut self, key: &str, value: &Value, told: bool) {
        match value {
            Value::Empty(..) => {}
            Value::Dict(_, table) if told && Reference::of(table).is_some() => {
                let kept = match Reference::of(table) {
                    Some(Reference::File(path)) => format!("from the file {path}"),
                    Some(Reference::Variable(name)) => format!("from the variable {name}"),
                    None => String::new(),
                };
                self.line(key, toml::Value::from(MASK).to_string(), value, Some(kept));
            }
            Value::Dict(_, table) if !table.is_empty() => {
                table.iter().for_each(|(inner, value)| {
                    self.value(&format!("{key}.{}", bare(inner)), value, told)
                });
            }
            leaf => {
                let name = key.rsplit('.').next().unwrap_or_default();
                let shown = inline(name, leaf, told)
                    .unwrap_or_else(|| toml::Value::from(""))
                    .to_string();
                self.line(key, shown, leaf, None);
            }
        }
    }

    fn line(&mut self, key: &str, shown: String, value: &Value, kept: Option<String>) {
        let origin = self
            .figment
            .get_metadata(value.tag())
            .map_or(BUILT_IN, |metadata| &metadata.name);
        let kept = kept
            .map(|kept| format!("{kept}, said by "))
            .unwrap_or_default();
        let _ = writeln!(self.text, "{key} = {shown}  # {kept}{origin}");
    }
}

/// Whether a reference under this key is one to a secret: a URL may hold a password.
fn is_told(key: &str) -> bool {
    secret::is_secret_name(key) || key == "url"
}

/// A value in one line; none for nothing, which TOML cannot say. Nor can it say integers of more
/// than 63 bits, which only JSON brings in: their digits are shown as text.
fn inline(key: &str, value: &Value, told: bool) -> Option<toml::Value> {
    Some(match value {
        Value::String(_, _) if told && secret::is_secret_name(key) => MASK.into(),
        Value::String(_, text) if key == "url" => server_url::masked(text).into(),
        Value::String(_, text) => text.as_str().into(),
        Value::Char(_, c) => c.to_string().into(),
        Value::Bool(_, truth) => (*truth).into(),
        Value::Num(_, number) => match whole(value) {
            Some(whole) => whole.into(),
            None => match number.to_f64() {
                Some(number) => number.into(),
                None => value.to_u128().map(|digits| digits.to_string())?.into(),
            },
        },
        Value::Empty(..) => return None,
        Value::Dict(_, table) if told && Reference::of(table).is_some() => MASK.into(),
        Value::Dict(_, table) => {
            let entries = table
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), inline(key, value, told)?)));
            toml::Value::Table(entries.collect())
        }
        Value::Array(_, values) => values
            .iter()
            .filter_map(|value| inline(key, value, told))
            .collect::<Vec<_>>()
            .into(),
    })
}

/// An integer of any width, if TOML has it.
fn whole(value: &Value) -> Option<i64> {
    let unsigned = || {
        value
            .to_u128()
            .and_then(|number| i64::try_from(number).ok())
    };
    value
        .to_i128()
        .and_then(|number| i64::try_from(number).ok())
        .or_else(unsigned)
}

/// A key as TOML wants it.
fn bare(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !key.is_empty() && key.chars().all(plain) {
        key.to_owned()
    } else {
        toml::Value::from(key).to_string()
    }
}
