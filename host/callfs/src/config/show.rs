//! The effective configuration as TOML, each value with its origin, secrets masked.

use std::fmt::Write as _;

use figment::Figment;
use figment::value::{Dict, Value};

use super::layers::{BUILT_IN, SECTIONS};
use super::masking::{MASK, MaskedValues};
use super::secret::{self, Reference};
use super::{credentials, public, server_url};

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
            other => page.value(name, other, SettingReader::Gateway),
        }
    }
    page.text
}

/// The values of the tree that are not shown as they are, for messages that quote what they found.
pub(super) fn masked_values(tree: &Dict) -> MaskedValues {
    let mut hidden = MaskedValues::default();
    for (name, section) in tree {
        match section {
            Value::Array(_, items) => items
                .iter()
                .filter_map(Value::as_dict)
                .for_each(|item| hide_section(item, &mut hidden)),
            Value::Dict(_, slots) if name == "credentials" => {
                let keys = slots.values().filter_map(Value::as_dict).flatten();
                for (key, value) in keys {
                    match value {
                        Value::String(_, text) if credentials::is_secret(key) => hidden.hide(text),
                        _ => hide(key, value, SettingReader::Secret, &mut hidden),
                    }
                }
            }
            Value::Dict(_, section) => hide_section(section, &mut hidden),
            other => hide(name, other, SettingReader::Gateway, &mut hidden),
        }
    }
    hidden
}

fn hide_section(section: &Dict, hidden: &mut MaskedValues) {
    for (key, value) in section {
        hide(&bare(key), value, SettingReader::of(key, section), hidden);
    }
}

/// What [`ShownConfig::value`] does not show of a value.
fn hide(key: &str, value: &Value, reader: SettingReader<'_>, hidden: &mut MaskedValues) {
    match value {
        // It says where a secret is, and the place is shown.
        Value::Dict(_, table) if reader.resolves() && Reference::of(table).is_some() => {}
        Value::Dict(_, table) => {
            for (inner, value) in table {
                hide(&format!("{key}.{}", bare(inner)), value, reader, hidden);
            }
        }
        Value::Array(_, values) => {
            for value in values {
                hide(key, value, reader, hidden);
            }
        }
        Value::String(_, text) if reader.hides(key) => hidden.hide(text),
        Value::Char(_, c) if reader.hides(key) => hidden.hide(*c),
        Value::Num(_, number) if reader.hides(key) => {
            let whole = value.to_i128().map(|number| number.to_string());
            let whole = whole.or_else(|| value.to_u128().map(|number| number.to_string()));
            let text = whole.or_else(|| number.to_f64().map(|number| number.to_string()));
            hidden.hide(text.unwrap_or_default());
        }
        // A list or a table that could not be read, so nothing tells what is a secret in it.
        Value::String(_, text) if text.trim_start().starts_with(['[', '{']) => hidden.hide(text),
        Value::String(_, text) => hidden.show_as(text, server_url::masked(text)),
        _ => {}
    }
}

struct ShownConfig<'a> {
    figment: &'a Figment,
    text: String,
}

/// What reads a value, and so what is known of its secrets.
#[derive(Clone, Copy)]
enum SettingReader<'a> {
    /// The gateway: it has no secret under this key.
    Gateway,
    /// The gateway, under a key that can hold a secret or a reference to one.
    Secret,
    /// The component of this name: everything is a secret that is not known to be none.
    Component(&'a str),
}

impl ShownConfig<'_> {
    fn section(&mut self, header: &str, section: &Dict) {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        let _ = writeln!(self.text, "{gap}{header}");
        for (key, value) in section {
            self.value(&bare(key), value, SettingReader::of(key, section));
        }
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
                    _ => self.value(&bare(key), value, SettingReader::Secret),
                }
            }
        }
    }

    /// A line for each leaf.
    fn value(&mut self, key: &str, value: &Value, reader: SettingReader<'_>) {
        match value {
            Value::Empty(..) => {}
            Value::Dict(_, table) if reader.resolves() && Reference::of(table).is_some() => {
                let kept = match Reference::of(table) {
                    Some(Reference::File(path)) => format!("from the file {path}"),
                    Some(Reference::Variable(name)) => format!("from the variable {name}"),
                    None => String::new(),
                };
                self.line(key, toml::Value::from(MASK).to_string(), value, Some(kept));
            }
            Value::Dict(_, table) if !table.is_empty() => {
                table.iter().for_each(|(inner, value)| {
                    self.value(&format!("{key}.{}", bare(inner)), value, reader)
                });
            }
            leaf => {
                let shown = inline(key, leaf, reader)
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

impl<'a> SettingReader<'a> {
    /// Of the value under a key of a section.
    fn of(key: &str, section: &'a Dict) -> Self {
        let component = section.get("component").and_then(Value::as_str);
        match key {
            "config" => Self::Component(component.unwrap_or_default()),
            key if can_be_secret(key) => Self::Secret,
            _ => Self::Gateway,
        }
    }

    /// Whether a table that looks like a reference to a secret is one.
    fn resolves(self) -> bool {
        !matches!(self, Self::Gateway)
    }

    /// Whether a text or a number under this key is masked.
    fn hides(self, key: &str) -> bool {
        match self {
            Self::Gateway => false,
            Self::Secret => secret::is_secret_name(key),
            Self::Component(name) => !public::is_public(name, key),
        }
    }
}

/// Whether a value of the gateway's own under this key can be a secret: a URL may hold a password.
fn can_be_secret(key: &str) -> bool {
    secret::is_secret_name(key) || key == "url"
}

/// A value in one line; none for nothing, which TOML cannot say. Nor can it say integers of more
/// than 63 bits, which only JSON brings in: their digits are shown as text. `key` is the whole key
/// of the value in its section.
fn inline(key: &str, value: &Value, reader: SettingReader<'_>) -> Option<toml::Value> {
    Some(match value {
        Value::String(..) | Value::Char(..) | Value::Num(..) if reader.hides(key) => MASK.into(),
        Value::String(_, text) => server_url::masked(text).into(),
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
        Value::Dict(_, table) if reader.resolves() && Reference::of(table).is_some() => MASK.into(),
        Value::Dict(_, table) => {
            let entries = table.iter().filter_map(|(inner, value)| {
                let whole_key = format!("{key}.{}", bare(inner));
                Some((inner.clone(), inline(&whole_key, value, reader)?))
            });
            toml::Value::Table(entries.collect())
        }
        Value::Array(_, values) => values
            .iter()
            .filter_map(|value| inline(key, value, reader))
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
