//! Recovering: intents that a crash left are healed, and tombstones hide what is still to be
//! removed.

pub(crate) mod exchanges;
pub(crate) mod healing;
pub(crate) mod intents;
pub(crate) mod tombstones;
