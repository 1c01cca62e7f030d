//! Permission bits that change in place.

use super::Memory;

impl Memory {
    /// Gives something other permission bits, as another program may at any moment.
    pub(crate) fn give_mode(&self, path: &str, mode: u32) {
        let mut state = self.state();
        state.version += 1;
        let version = state.version;
        if let Some(object) = state.objects.get_mut(path) {
            object.mode = mode;
            object.changed = version;
        }
    }
}
