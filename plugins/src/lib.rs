//! The first-party components, compiled and embedded, so that the gateway is one file that works
//! alone.

/// A component that is part of the gateway.
#[derive(Debug, Clone, Copy)]
pub struct Builtin {
    /// The name under which it is mounted.
    pub name: &'static str,
    /// The component, in the binary format.
    pub component: &'static [u8],
}

/// All of them, by name.
pub const BUILTINS: &[Builtin] = include!(concat!(env!("OUT_DIR"), "/builtins.rs"));
