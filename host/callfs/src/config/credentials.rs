//! `[credentials.NAME]`: slots with secrets that requests of components are signed with.

use callfs_egress::{HttpOrigin, SigningKey};
use figment::value::{Dict, Value};

use super::error::suggestion;
use super::secret::Reference;

/// `[credentials.NAME]`
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CredentialSlot {
    /// The secret.
    pub(super) credential: SigningKey,
    /// What it is meant for; none for the only origin of whoever it is granted to.
    pub(super) origins: Option<Vec<HttpOrigin>>,
}

/// Kinds, each with the keys that it needs and those that it may have.
const KINDS: [(&str, &[&str], &[&str]); 4] = [
    (
        "aws-sigv4",
        &["region", "access_key_id", "secret_access_key"],
        &["service", "session_token"],
    ),
    ("bearer", &["token"], &[]),
    ("basic", &["user", "password"], &[]),
    ("header", &["name", "value"], &[]),
];
/// Keys that every kind has.
const COMMON: [&str; 2] = ["kind", "origins"];

/// Whether the value of a key is a secret in any kind.
pub(super) fn is_secret(key: &str) -> bool {
    [
        "secret_access_key",
        "session_token",
        "token",
        "password",
        "value",
    ]
    .contains(&key)
}

/// A slot, or the key in it that is wrong and why. Secrets that are kept elsewhere need not be
/// there if they are `left`.
pub(super) fn slot(
    table: &Dict,
    variable: impl Fn(&str) -> Option<String>,
    left: bool,
) -> Result<CredentialSlot, (String, String)> {
    let wrong = |key: &str, message: String| (key.to_owned(), message);
    let kinds = KINDS.map(|(kind, ..)| kind);
    let kind = match table.get("kind") {
        Some(Value::String(_, kind)) => kind.as_str(),
        Some(_) => {
            return Err(wrong(
                "kind",
                format!("expected a text: {}", kinds.join(", ")),
            ));
        }
        None => {
            return Err(wrong(
                "kind",
                format!("missing; add one of {}", kinds.join(", ")),
            ));
        }
    };
    let Some((_, needed, optional)) = KINDS.iter().find(|(name, ..)| *name == kind) else {
        let hint = suggestion(kind, &kinds, "possible values");
        return Err(wrong("kind", format!("unknown value '{kind}'{hint}")));
    };
    let known: Vec<&str> = COMMON
        .iter()
        .chain(*needed)
        .chain(*optional)
        .copied()
        .collect();
    if let Some(unknown) = table.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(wrong(
            unknown,
            format!("unknown key{}", suggestion(unknown, &known, "known keys")),
        ));
    }
    let text = |key: &str| match table.get(key) {
        None => Ok(None),
        Some(Value::String(_, text)) => Ok(Some(text.clone())),
        Some(value) => match value.as_dict().and_then(Reference::of) {
            Some(_) if left => Ok(Some("left".to_owned())),
            Some(reference) => reference
                .resolve(&variable)
                .map(Some)
                .map_err(|message| wrong(key, message)),
            None => Err(wrong(
                key,
                "expected a text, { env = \"NAME\" } or { file = \"path\" }".into(),
            )),
        },
    };
    let needed = |key: &str| text(key)?.ok_or_else(|| wrong(key, "missing; add it".into()));
    let credential = match kind {
        "aws-sigv4" => SigningKey::AwsSigV4 {
            region: needed("region")?,
            service: text("service")?.unwrap_or_else(|| "s3".into()),
            access_key_id: needed("access_key_id")?,
            secret_access_key: needed("secret_access_key")?,
            session_token: text("session_token")?,
        },
        "bearer" => SigningKey::Bearer {
            token: needed("token")?,
        },
        "basic" => SigningKey::Basic {
            user: needed("user")?,
            password: needed("password")?,
        },
        _ => SigningKey::Header {
            name: needed("name")?,
            value: needed("value")?,
        },
    };
    credential
        .check()
        .map_err(|(key, message)| wrong(key, message))?;
    Ok(CredentialSlot {
        credential,
        origins: origins(table.get("origins"))?,
    })
}

fn origins(value: Option<&Value>) -> Result<Option<Vec<HttpOrigin>>, (String, String)> {
    let refused = |message: String| ("origins".to_owned(), message);
    let Some(value) = value else { return Ok(None) };
    let expected =
        || refused("expected a list of origins such as [\"https://storage.example.org\"]".into());
    let texts = value
        .as_array()
        .filter(|texts| !texts.is_empty())
        .ok_or_else(expected)?;
    let origins = texts
        .iter()
        .map(|text| HttpOrigin::parse(text.as_str().ok_or_else(expected)?).map_err(refused));
    origins.collect::<Result<_, _>>().map(Some)
}
