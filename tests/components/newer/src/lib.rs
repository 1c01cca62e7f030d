//! Built for version 0.2.0 of the contract, which this gateway does not know: it must say so, and
//! not guess.
#![cfg(target_arch = "wasm32")]
#![allow(
    unsafe_code,
    clippy::allow_attributes,
    reason = "wit-bindgen generates the exports"
)]

use exports::callfs::plugin::{lifecycle, storage};

wit_bindgen::generate!({ path: "wit", world: "storage-backend" });

struct Newer;

impl lifecycle::Guest for Newer {
    fn describe() -> lifecycle::Description {
        lifecycle::Description {
            name: "newer".into(),
            version: "0.0.1".into(),
        }
    }
}

impl storage::Guest for Newer {
    async fn stat(_: String) -> Result<u64, String> {
        Err("not found".into())
    }
}

export!(Newer);
