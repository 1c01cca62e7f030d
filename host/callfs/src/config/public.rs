//! What a component is told and may be shown: the settings of the built-in components that are no
//! secrets. The gateway cannot know which settings of other components are secrets, so it shows
//! none of theirs.

/// The whole keys, by component.
const PUBLIC: [(&str, &[&str]); 4] = [
    (
        "api-keys",
        &["cache_seconds", "keys.admin", "keys.groups", "keys.user"],
    ),
    ("localfs", &["folder"]),
    (
        "s3",
        &[
            "bucket",
            "credential",
            "endpoint",
            "part_size",
            "region",
            "root",
            "server_side_encryption",
            "storage_class",
        ],
    ),
    ("webdav", &["credential", "endpoint", "root"]),
];

/// Whether the text or the number under a key of a component's section, as `config.root`, is known
/// to be no secret.
pub(super) fn is_public(component: &str, key: &str) -> bool {
    let Some(setting) = key.strip_prefix("config.") else {
        return false;
    };
    let mut known = PUBLIC.iter().filter(|(name, _)| *name == component);
    known.any(|(_, settings)| settings.contains(&setting))
}
