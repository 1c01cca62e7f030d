//! The one macro that turns a type into a component.

use std::cell::OnceCell;
use std::marker::PhantomData;

use crate::plugin::Plugin;

/// A plugin with a place for its configured value; [`export!`](crate::export) implements it.
#[doc(hidden)]
pub trait Exported: Plugin {
    /// Hands out the place.
    fn with_slot<R>(use_slot: impl FnOnce(&OnceCell<&'static Self>) -> R) -> R;
}

/// What carries the exported interfaces for a plugin.
#[doc(hidden)]
pub struct Component<P>(PhantomData<P>);

/// Exports a type as a component: its lifecycle, and each ability that is named.
///
/// ```ignore
/// callfs_sdk::export!(
///     LocalFs: Storage + Write + Directories + Modes + Rename + Exchange + Copy + Delegate
/// );
/// ```
///
/// Once in a crate: the names of a component's exports are fixed.
///
/// The abilities are the traits of this crate: `Storage`, `Write`, `Directories`, `Modes`,
/// `Rename`, `Exchange`, `Copy`, `Delegate`, `Authenticator`, `Authorizer`. An ability that is
/// named and not implemented does not compile; one that is not named is not exported, and the host
/// sees from the component's type that it is absent.
#[macro_export]
macro_rules! export {
    ($plugin:ty: $ability:ident $(+ $more:ident)*) => {
        const _: () = {
            impl $crate::Exported for $plugin {
                fn with_slot<R>(
                    use_slot: impl FnOnce(&::std::cell::OnceCell<&'static Self>) -> R,
                ) -> R {
                    ::std::thread_local! {
                        static SLOT: ::std::cell::OnceCell<&'static $plugin> =
                            const { ::std::cell::OnceCell::new() };
                    }
                    SLOT.with(use_slot)
                }
            }

            // Only the linker of components understands the names of exports.
            #[cfg(target_arch = "wasm32")]
            const _: () = {
                type ExportedComponent = $crate::Component<$plugin>;

                $crate::bindings::lifecycle::__export_lifecycle!(
                    ExportedComponent with_types_in $crate::bindings::lifecycle
                );
                $crate::__export_ability!($ability ExportedComponent);
                $($crate::__export_ability!($more ExportedComponent);)*
            };

            // Elsewhere, which is where unit tests run, the same abilities must be there.
            #[cfg(not(target_arch = "wasm32"))]
            const _: () = {
                const fn has_abilities<P>()
                where
                    P: $crate::Plugin + $crate::$ability $(+ $crate::$more)*,
                {
                }
                has_abilities::<$plugin>();
            };
        };
    };
}

/// The generated export macro of one ability.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_ability {
    (Storage $component:ident) => {
        $crate::bindings::storage::__export_storage!(
            $component with_types_in $crate::bindings::storage
        );
    };
    (Write $component:ident) => {
        $crate::bindings::storage_write::__export_storage_write!(
            $component with_types_in $crate::bindings::storage_write
        );
    };
    (Directories $component:ident) => {
        $crate::bindings::storage_directories::__export_storage_directories!(
            $component with_types_in $crate::bindings::storage_directories
        );
    };
    (Modes $component:ident) => {
        $crate::bindings::storage_modes::__export_storage_modes!(
            $component with_types_in $crate::bindings::storage_modes
        );
    };
    (Rename $component:ident) => {
        $crate::bindings::storage_rename::__export_storage_rename!(
            $component with_types_in $crate::bindings::storage_rename
        );
    };
    (Exchange $component:ident) => {
        $crate::bindings::storage_exchange::__export_storage_exchange!(
            $component with_types_in $crate::bindings::storage_exchange
        );
    };
    (Copy $component:ident) => {
        $crate::bindings::storage_copy::__export_storage_copy!(
            $component with_types_in $crate::bindings::storage_copy
        );
    };
    (Delegate $component:ident) => {
        $crate::bindings::storage_delegation::__export_storage_delegation!(
            $component with_types_in $crate::bindings::storage_delegation
        );
    };
    (Authenticator $component:ident) => {
        $crate::bindings::authenticator::__export_authenticator!(
            $component with_types_in $crate::bindings::authenticator
        );
    };
    (Authorizer $component:ident) => {
        $crate::bindings::authorizer::__export_authorizer!(
            $component with_types_in $crate::bindings::authorizer
        );
    };
}
