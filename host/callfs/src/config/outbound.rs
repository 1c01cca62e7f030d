//! `grants.http` and `grants.credentials`: where a component may send requests, and signed with
//! what.
//!
//! A secret goes where it was meant to go: to the origins that its slot names, or else to the only
//! one of the component.

use std::collections::BTreeMap;
use std::fmt;

use callfs_egress::{GrantedSlot, HttpOrigin, OriginGrant, Rules};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::credentials::CredentialSlot;
use super::error::suggestion;

/// `"https://storage.example.org"`, or `{ origin = "https://storage.local:9000", private = true }`
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WrittenOrigin(OriginGrant);

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(deserialize_with = "origin")]
    origin: HttpOrigin,
    #[serde(default)]
    private: bool,
}

impl<'de> Deserialize<'de> for WrittenOrigin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = WrittenOrigin;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "an origin such as \"https://storage.example.org\", or { origin = …, private \
                     = true }",
                )
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<WrittenOrigin, E> {
                let origin = HttpOrigin::parse(text).map_err(E::custom)?;
                Ok(WrittenOrigin(OriginGrant {
                    origin,
                    private: false,
                }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WrittenOrigin, A::Error> {
                let Table { origin, private } =
                    Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(WrittenOrigin(OriginGrant { origin, private }))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// At least one.
pub(super) fn origins<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<WrittenOrigin>, D::Error> {
    let origins = Vec::<WrittenOrigin>::deserialize(deserializer)?;
    if origins.is_empty() {
        return Err(D::Error::custom(
            "an empty grant grants nothing; name an origin or leave it out",
        ));
    }
    Ok(origins)
}

fn origin<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HttpOrigin, D::Error> {
    HttpOrigin::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// What a component may reach; else the key below `grants` that is wrong, and why.
pub(super) fn rules(
    http: Vec<WrittenOrigin>,
    credentials: &[String],
    slots: &BTreeMap<String, CredentialSlot>,
) -> Result<Rules, (String, String)> {
    let origins: Vec<OriginGrant> = http.into_iter().map(|written| written.0).collect();
    for (at, grant) in origins.iter().enumerate() {
        if origins[..at]
            .iter()
            .any(|earlier| earlier.origin == grant.origin)
        {
            return Err((
                format!("http[{at}]"),
                format!("{} is granted twice; leave one out", grant.origin),
            ));
        }
    }
    let slots = credentials.iter().enumerate().map(|(at, name)| {
        slot(name, &origins, slots).map_err(|message| (format!("credentials[{at}]"), message))
    });
    let slots = slots.collect::<Result<_, _>>()?;
    Ok(Rules { origins, slots })
}

fn slot(
    name: &str,
    granted: &[OriginGrant],
    slots: &BTreeMap<String, CredentialSlot>,
) -> Result<GrantedSlot, String> {
    let Some(CredentialSlot {
        credential,
        origins,
    }) = slots.get(name)
    else {
        let known: Vec<&str> = slots.keys().map(String::as_str).collect();
        let hint = suggestion(name, &known, "there are");
        return Err(format!("there is no [credentials.{name}]; add it{hint}"));
    };
    let origins = match (origins, granted) {
        (_, []) => {
            return Err("no origin is granted that it could be sent to; add grants.http".into());
        }
        (None, [only]) => vec![only.origin.clone()],
        (None, _) => {
            return Err(format!(
                "several origins are granted; say in credentials.{name}.origins which of them it \
                 is meant for"
            ));
        }
        (Some(meant), granted) => {
            let meant: Vec<HttpOrigin> = meant
                .iter()
                .filter(|meant| granted.iter().any(|grant| grant.origin == **meant))
                .cloned()
                .collect();
            if meant.is_empty() {
                return Err(format!(
                    "credentials.{name}.origins names none of the origins in grants.http"
                ));
            } else {
                meant
            }
        }
    };
    Ok(GrantedSlot {
        name: name.into(),
        origins,
        credential: credential.clone(),
    })
}
