//! Where values come from, in the order in which later ones win.
//!
//! Each layer is a table with a name; the merged tree still knows the layer of every value. What
//! the values mean is not known here.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use figment::providers::{Format, Json, Yaml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::error::ConfigError;
use super::{LoadOptions, environment, served};

/// The annotated configuration that holds until something else is said.
pub const TEMPLATE: &str = include_str!("../../../../config/callfs.toml");
/// The name of the layer that it is.
pub const BUILT_IN: &str = "built-in default";

pub(super) const SECTIONS: [&str; 17] = [
    "server",
    "rate_limits",
    "metrics",
    "node",
    "metadata",
    "raft",
    "cluster",
    "locks",
    "links",
    "log",
    "plugins",
    "filesystem",
    "media_types",
    "credentials",
    "authenticator",
    "authorizer",
    "mount",
];

/// A table with a name.
pub(super) struct Layer {
    pub(super) origin: String,
    pub(super) values: Dict,
}

impl Layer {
    fn new(origin: impl Into<String>, section: &str, key: &str, value: impl Into<Value>) -> Self {
        let section = (
            section.to_owned(),
            Value::from(Dict::from([(key.to_owned(), value.into())])),
        );
        Self {
            origin: origin.into(),
            values: Dict::from([section]),
        }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

/// All layers, merged, and whether one of them is a file.
pub(super) fn merge(options: &LoadOptions) -> Result<(Figment, Vec<PathBuf>), ConfigError> {
    let files = files(options)?;
    let origins: Vec<PathBuf> = files
        .iter()
        .map(|layer| layer.origin.clone().into())
        .collect();
    let mut layers = vec![built_in(options, files.is_empty())?];
    if let Some(folder) = &options.folder {
        if let Some(file) = origins.last() {
            let message = format!(
                "a folder can be served without a configuration file only, and {} says what to \
                 serve; leave the folder out, or add a [[mount]] for it there",
                file.display()
            );
            return Err(ConfigError::in_origin(served::ORIGIN, message));
        }
        layers.push(served::layer(folder, &options.directory)?);
    }
    layers.extend(files);
    layers.extend(environment::layers(
        options
            .variables
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str())),
    )?);
    if !options.listen.is_empty() {
        layers.push(Layer::new(
            "--listen",
            "server",
            "listen",
            options.listen.clone(),
        ));
    }
    if let Some(folder) = &options.plugins {
        layers.push(Layer::new(
            "--plugins",
            "plugins",
            "dir",
            text("--plugins", folder)?,
        ));
    }
    if let Some(trial) = &options.trial {
        let trial = trial.layer()?;
        // Tables are merged key by key, and nothing of what was configured is to be left.
        layers.iter_mut().for_each(|layer| {
            layer
                .values
                .retain(|section, _| !trial.values.contains_key(section))
        });
        layers.push(trial);
    }
    for reference in [
        ["links", "secret"],
        ["cluster", "secret"],
        ["metadata", "url"],
        ["locks", "url"],
    ] {
        only_the_last(&mut layers, &reference);
    }
    for slot in credentials(&layers) {
        let path: Vec<&str> = slot.iter().map(String::as_str).collect();
        only_the_last(&mut layers, &path);
    }
    Ok((
        layers.into_iter().fold(Figment::new(), Figment::merge),
        origins,
    ))
}

/// Tables are merged key by key, and a reference to a secret is a table that must not be: one to a
/// file and one to a variable make none.
fn only_the_last(layers: &mut [Layer], path: &[&str]) {
    let Some((key, tables)) = path.split_last() else {
        return;
    };
    let last = layers
        .iter()
        .rposition(|layer| table_at(&layer.values, tables).is_some_and(|t| t.contains_key(*key)));
    for layer in &mut layers[..last.unwrap_or_default()] {
        let mut table = Some(&mut layer.values);
        for name in tables {
            table = table
                .and_then(|table| table.get_mut(*name))
                .and_then(|value| match value {
                    Value::Dict(_, table) => Some(table),
                    _ => None,
                });
        }
        if let Some(table) = table {
            table.remove(*key);
        }
    }
}

fn table_at<'a>(values: &'a Dict, path: &[&str]) -> Option<&'a Dict> {
    path.iter()
        .try_fold(values, |table, name| table.get(*name)?.as_dict())
}

/// The path of every key of every credential slot.
fn credentials(layers: &[Layer]) -> Vec<[String; 3]> {
    let slots = layers
        .iter()
        .filter_map(|layer| table_at(&layer.values, &["credentials"]))
        .flatten();
    let keys = slots.filter_map(|(name, slot)| Some((name, slot.as_dict()?)));
    let path = |name: &String, key: &String| ["credentials".to_owned(), name.clone(), key.clone()];
    keys.flat_map(|(name, slot)| slot.keys().map(move |key| path(name, key)))
        .collect()
}

/// A path as a value.
pub(super) fn text(origin: &str, path: &Path) -> Result<String, ConfigError> {
    let unreadable = || {
        ConfigError::in_origin(
            origin,
            format!("'{}' is not UTF-8; rename it", path.display()),
        )
    };
    path.to_str().map(str::to_owned).ok_or_else(unreadable)
}

/// TOML as a value. Dates become text, because JSON and so no component has them.
pub(super) fn from_toml(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(truth) => truth.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(values) => values.into_iter().map(from_toml).collect::<Vec<_>>().into(),
        toml::Value::Table(table) => dict(table).into(),
    }
}

pub(super) fn dict(table: toml::Table) -> Dict {
    table
        .into_iter()
        .map(|(key, value)| (key, from_toml(value)))
        .collect()
}

/// What is served and to whom stands in the template for a first run; a file that says neither must
/// not open a door that its author never saw.
fn built_in(options: &LoadOptions, first_run: bool) -> Result<Layer, ConfigError> {
    let mut values =
        parse_toml(TEMPLATE).map_err(|message| ConfigError::in_origin(BUILT_IN, message))?;
    if !first_run {
        values.retain(|section, _| !["authenticator", "mount"].contains(&section.as_str()));
    }
    if let Some(Value::Dict(_, plugins)) = values.get_mut("plugins") {
        plugins.insert(
            "cache_dir".into(),
            text(BUILT_IN, &options.cache_dir())?.into(),
        );
    }
    Ok(Layer {
        origin: BUILT_IN.into(),
        values,
    })
}

fn files(options: &LoadOptions) -> Result<Vec<Layer>, ConfigError> {
    let mut layers = Vec::new();
    for path in [Some(options.system_file.clone()), options.user_file()]
        .into_iter()
        .flatten()
    {
        match fs::read_to_string(&path) {
            Ok(content) => layers.push(parse(&path, &content)?),
            Err(cause)
                if matches!(cause.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(cause) => return Err(unreadable(&path, &cause)),
        }
    }
    if let Some(path) = &options.file {
        let content = fs::read_to_string(path).map_err(|cause| unreadable(path, &cause))?;
        layers.push(parse(path, &content)?);
    }
    Ok(layers)
}

fn unreadable(path: &Path, cause: &std::io::Error) -> ConfigError {
    ConfigError::in_origin(
        path.display().to_string(),
        format!("cannot read the configuration file: {cause}"),
    )
}

fn parse(path: &Path, content: &str) -> Result<Layer, ConfigError> {
    let values = match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => parse_toml(content),
        Some("yaml" | "yml") if content.trim().is_empty() => Ok(Dict::new()),
        Some("yaml" | "yml") => Yaml::from_str(content).map_err(|error| error.to_string()),
        Some("json") => Json::from_str(content).map_err(|error| error.to_string()),
        _ => Err("unknown kind of file; name it .toml, .yaml, .yml or .json".into()),
    };
    let origin = path.display().to_string();
    match values {
        Ok(values) => Ok(Layer { origin, values }),
        Err(message) => Err(ConfigError::in_origin(origin, message)),
    }
}

fn parse_toml(content: &str) -> Result<Dict, String> {
    content.parse::<toml::Table>().map(dict).map_err(|error| {
        // Its own text quotes the line, in which a secret may be.
        let before = error.span().and_then(|span| content.get(..span.start));
        let before = before.unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        let message = error.message().trim_end();
        format!("TOML parse error at line {line}, column {column}: {message}")
    })
}
