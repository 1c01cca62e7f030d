//! The `callfs` command: reads the configuration, builds every part once, and serves.
//!
//! Data goes to stdout and messages to stderr. This crate knows how the parts fit together and
//! nothing of how they work.

pub mod app;
pub mod cli;
pub mod config;
pub mod plugins;
