//! Whether the server keeps what it answered: looks at its settings, and says which ones lose
//! something. It changes none.

use super::connection::{Connection, RedisRequest};

/// Warns of settings under which an acknowledged change can be lost.
pub(super) async fn look(connection: &Connection) {
    let appendonly = setting(connection, "appendonly").await;
    let appendfsync = setting(connection, "appendfsync").await;
    let policy = setting(connection, "maxmemory-policy").await;
    if appendonly.is_none() {
        tracing::info!(
            "the metadata store (Redis) does not show its settings; to lose nothing it needs \
             'appendonly yes', 'appendfsync always' and 'maxmemory-policy noeviction'"
        );
    }
    for advice in advice(
        appendonly.as_deref(),
        appendfsync.as_deref(),
        policy.as_deref(),
    ) {
        tracing::warn!("{advice}");
    }
}

/// None if the server does not say; many forbid to ask.
async fn setting(connection: &Connection, name: &str) -> Option<String> {
    let mut ask = ::redis::cmd("CONFIG");
    ask.arg("GET").arg(name);
    let answer: Vec<(String, String)> = connection.read(RedisRequest::Command(ask)).await.ok()?;
    answer.into_iter().next().map(|(_, value)| value)
}

fn advice(
    appendonly: Option<&str>,
    appendfsync: Option<&str>,
    policy: Option<&str>,
) -> Vec<&'static str> {
    let mut advice = Vec::new();
    match (appendonly, appendfsync) {
        (Some("no"), _) => advice.push(
            "the metadata store (Redis) keeps changes in memory only and loses them when it ends; \
             set 'appendonly yes' and 'appendfsync always'",
        ),
        (Some(_), Some("everysec" | "no")) => advice.push(
            "the metadata store (Redis) can lose the changes of its last seconds when its machine \
             fails; set 'appendfsync always'",
        ),
        _ => {}
    }
    if policy.is_some_and(|policy| policy.starts_with("allkeys-")) {
        advice.push(
            "the metadata store (Redis) may forget the whole metadata store when its memory is \
             full; set 'maxmemory-policy noeviction'",
        );
    }
    advice
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_setting_that_loses_something() {
        assert!(advice(Some("yes"), Some("always"), Some("noeviction")).is_empty());
        assert!(advice(None, None, None).is_empty());
        // Of the metadata store nothing ever expires, so it is not evicted.
        assert!(advice(Some("yes"), Some("always"), Some("volatile-lru")).is_empty());
        let names =
            |advice: Vec<&str>, setting: &str| advice.len() == 1 && advice[0].contains(setting);
        assert!(names(
            advice(Some("no"), Some("always"), None),
            "appendonly yes"
        ));
        assert!(names(
            advice(Some("yes"), Some("everysec"), None),
            "appendfsync always"
        ));
        assert!(names(
            advice(Some("yes"), Some("always"), Some("allkeys-lru")),
            "noeviction"
        ));
    }
}
