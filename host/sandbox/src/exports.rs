//! What a component exports: where each interface of the contract is in it, and how an instance
//! calls it.
//!
//! The contract's interfaces are listed here once. Everything but `lifecycle` is optional, and what
//! is there must be the interface of the contract, or the component is refused when it is loaded.

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use super::bindings::exports::callfs::plugin::{
    authenticator, authorizer, lifecycle, storage, storage_copy, storage_delegation,
    storage_directories, storage_exchange, storage_modes, storage_rename, storage_write,
};
use super::instance::InstanceState;

macro_rules! interfaces {
    ($($field:ident = $interface:ident, $name:literal;)+) => {
        /// Where in a component each interface is; those it does not export are none.
        #[derive(Clone)]
        pub(super) struct ExportIndices {
            lifecycle: lifecycle::GuestIndices,
            $($field: Option<$interface::GuestIndices>,)+
        }

        impl ExportIndices {
            /// An interface that is exported must be the one of the contract, or this fails.
            pub(super) fn of(instance: &InstancePre<InstanceState>) -> wasmtime::Result<Self> {
                let component = instance.component();
                let exports = |name: &str| component.get_export_index(None, name).is_some();
                Ok(Self {
                    lifecycle: lifecycle::GuestIndices::new(instance)?,
                    $($field: if exports(concat!("callfs:plugin/", $name, "@0.1.0")) {
                        Some($interface::GuestIndices::new(instance)?)
                    } else {
                        None
                    },)+
                })
            }

            /// The same of one instance, ready to be called.
            pub(super) fn load(
                &self,
                store: &mut Store<InstanceState>,
                instance: &Instance,
            ) -> wasmtime::Result<Exports> {
                Ok(Exports {
                    lifecycle: self.lifecycle.load(&mut *store, instance)?,
                    $($field: match &self.$field {
                        Some(indices) => Some(indices.load(&mut *store, instance)?),
                        None => None,
                    },)+
                })
            }
        }

        /// What an instance exports.
        pub(super) struct Exports {
            pub(super) lifecycle: lifecycle::Guest,
            $($field: Option<$interface::Guest>,)+
        }

        /// Interfaces that the component was checked to export when it was loaded.
        impl Exports {
            $(pub(super) fn $field(&self) -> wasmtime::Result<&$interface::Guest> {
                let missing = || wasmtime::format_err!("the component does not export it");
                self.$field.as_ref().ok_or_else(missing)
            })+
        }
    };
}

interfaces! {
    storage = storage, "storage";
    write = storage_write, "storage-write";
    directories = storage_directories, "storage-directories";
    modes = storage_modes, "storage-modes";
    rename = storage_rename, "storage-rename";
    exchange = storage_exchange, "storage-exchange";
    copy = storage_copy, "storage-copy";
    delegation = storage_delegation, "storage-delegation";
    authenticator = authenticator, "authenticator";
    authorizer = authorizer, "authorizer";
}
