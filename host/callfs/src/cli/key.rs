//! `callfs key`

use std::io::Read;

use clap::Subcommand;
use sha2::{Digest, Sha256};

use super::{CommandFailure, print, say};

#[derive(Debug, clap::Args)]
pub(super) struct KeyArguments {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Print a new key, and its hash on stderr.
    Generate,
    /// Print the hash of a key, to configure instead of the key itself.
    Hash {
        /// The key. Left out, it is read from standard input, where neither the shell's history
        /// nor `ps` shows it.
        key: Option<String>,
    },
}

pub(super) fn run(arguments: KeyArguments) -> Result<(), CommandFailure> {
    match arguments.command {
        KeyCommand::Generate => {
            let key = generate()?;
            print(&format!("{key}\n"))?;
            say(&hash(&key));
            Ok(())
        }
        KeyCommand::Hash { key } => {
            let given = key.map_or_else(read, Ok)?;
            let key = given.trim_end_matches(['\n', '\r']);
            if key.is_empty() {
                return Err(CommandFailure::Usage(
                    "the key is empty; give one, `callfs key generate` makes one".into(),
                ));
            }
            print(&format!("{}\n", hash(key)))
        }
    }
}

/// A key of 256 random bits, recognisable as one of CallFS to people and to scanners for leaked
/// secrets.
pub(super) fn generate() -> Result<String, CommandFailure> {
    let mut bits = [0_u8; 32];
    // This error is one of std only with a feature that nothing else here needs.
    getrandom::fill(&mut bits)
        .map_err(|cause| anyhow::anyhow!("cannot make a key without random numbers: {cause}"))?;
    Ok(format!("cfs_{}", hex::encode(bits)))
}

/// What may be kept where the key may not. A plain hash is enough for what nobody can guess.
fn hash(key: &str) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(key.as_bytes())))
}

fn read() -> Result<String, CommandFailure> {
    let mut key = String::new();
    let read = std::io::stdin().lock().read_to_string(&mut key);
    read.map_err(|cause| CommandFailure::failed("cannot read the key from stdin", cause))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_keys_that_differ() {
        let one = generate().expect("random");
        let other = generate().expect("random");
        assert_ne!(one, other);
        assert!(one.starts_with("cfs_") && one.len() == 68, "{one}");
    }

    #[test]
    fn hashes_the_bytes_of_the_key() {
        assert_eq!(
            hash("abc"),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
