//! An authenticator: users by tokens that its configuration lists.
//!
//! Replace `Tokens` by whatever knows your users.

use callfs_sdk::{Authenticator, ConfigError, Credential, Identity, Plugin, Recognised, Result};
use subtle::ConstantTimeEq;

/// A shorter token could be guessed.
const MIN_LENGTH: usize = 16;

struct Tokens {
    tokens: Vec<Token>,
}

/// What operators say in `config`; `callfs plugin inspect` prints these comments.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Config {
    /// Whom to recognise.
    tokens: Vec<Token>,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Token {
    /// The token, at least 16 characters.
    token: String,
    /// Name of the user, who owns what they create.
    user: String,
    /// Groups of the user, the first of which gets what the user creates.
    groups: Vec<String>,
    /// Permissions do not apply to administrators.
    #[serde(default)]
    admin: bool,
}

impl Plugin for Tokens {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    type Config = Config;

    fn configure(Config { tokens }: Config) -> Result<Self, ConfigError> {
        match tokens
            .iter()
            .position(|known| known.token.len() < MIN_LENGTH)
        {
            // Which one, and never what it is.
            Some(at) => Err(ConfigError::at(
                format!("tokens[{at}].token"),
                "it is too short",
            )),
            None => Ok(Self { tokens }),
        }
    }
}

impl Authenticator for Tokens {
    async fn authenticate(&self, credential: Credential) -> Result<Option<Recognised>> {
        let token = match &credential {
            Credential::Bearer(token) => token,
            Credential::Basic((_, password)) => password,
            Credential::Headers(_) => return Ok(None),
        };
        Ok(self.find(token).map(|known| Recognised {
            identity: Identity {
                subject: known.user.clone(),
                groups: known.groups.clone(),
                admin: known.admin,
                attributes: Vec::new(),
            },
            // For so long the gateway does not ask again.
            cache_seconds: 60,
        }))
    }
}

impl Tokens {
    /// Compared in constant time, so that nobody can measure how much of a guess was right.
    fn find(&self, token: &str) -> Option<&Token> {
        self.tokens
            .iter()
            .find(|known| known.token.as_bytes().ct_eq(token.as_bytes()).into())
    }
}

callfs_sdk::export!(Tokens: Authenticator);

#[cfg(test)]
mod tests {
    use callfs_sdk::testing::{configure, run};

    use super::*;

    const CONFIG: &str =
        r#"{"tokens": [{"token": "0123456789abcdef", "user": "alice", "groups": ["staff"]}]}"#;

    fn user(credential: Credential) -> Option<String> {
        let tokens: Tokens = configure(CONFIG).expect("a good configuration");
        let answer = run(tokens.authenticate(credential)).expect("no error is possible");
        answer.map(|recognised| recognised.identity.subject)
    }

    #[test]
    fn a_token_comes_alone_or_as_a_password() {
        let bearer = |token: &str| user(Credential::Bearer(token.into()));
        assert_eq!(bearer("0123456789abcdef"), Some("alice".into()));
        assert_eq!(bearer("0123456789abcdeF"), None);
        assert_eq!(bearer(""), None);
        let basic = Credential::Basic(("anybody".into(), "0123456789abcdef".into()));
        assert_eq!(user(basic), Some("alice".into()));
    }

    #[test]
    fn a_short_token_is_refused_and_not_repeated() {
        let short = r#"{"tokens": [{"token": "hunter2", "user": "bob", "groups": []}]}"#;
        let error = configure::<Tokens>(short).err().expect("too short");
        assert_eq!(error.to_string(), "tokens[0].token: it is too short");
    }
}
