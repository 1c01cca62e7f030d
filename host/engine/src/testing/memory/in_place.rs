//! Objects that other programs change in place.

use super::Memory;

impl Memory {
    /// Changes a file in place, as another program would.
    pub(crate) fn rewrite(&self, path: &str, bytes: &str) {
        let mut state = self.state();
        state.version += 1;
        let version = state.version;
        if let Some(object) = state.objects.get_mut(path) {
            object.bytes = bytes.into();
            object.etag = format!("v{version}");
            object.changed = version;
        }
    }

    /// The same, and sets its time back, so that nothing but the time of the last change of
    /// anything about it shows it.
    pub(crate) fn rewrite_unseen(&self, path: &str, bytes: &str) {
        let etag = self.object(path).map(|object| object.etag);
        self.rewrite(path, bytes);
        if let (Some(object), Ok(etag)) = (self.state().objects.get_mut(path), etag) {
            object.etag = etag;
        }
    }

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
