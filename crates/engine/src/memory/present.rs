//! Settings that can change while the program runs.

use std::ops::Deref;
use std::sync::OnceLock;

use crate::settings::Settings;

/// All settings that have been in force, the latest last. Readers get a plain reference, which stays valid: changes
/// are rare, so earlier settings are kept instead of being reference-counted.
pub(crate) struct Present {
    settings: Settings,
    next: OnceLock<Box<Present>>,
}

impl Present {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, next: OnceLock::new() }
    }

    /// Puts other settings in force. Returns `false` if they are the same.
    pub(crate) fn change(&self, settings: Settings) -> bool {
        let mut last = self;
        let mut waiting = Box::new(Self::new(settings));
        loop {
            while let Some(next) = last.next.get() {
                last = next;
            }
            if last.settings == waiting.settings {
                return false;
            }
            // Another thread may have been faster; append after its settings.
            match last.next.set(waiting) {
                Ok(()) => return true,
                Err(refused) => waiting = refused,
            }
        }
    }
}

impl Deref for Present {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        let mut last = self;
        while let Some(next) = last.next.get() {
            last = next;
        }
        &last.settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_in_force_and_earlier_references_stay_good() {
        let settings = |url: &str| Settings { base_url: url.into(), ..Settings::default() };
        let present = Present::new(settings("a"));
        let first: &Settings = &present;
        assert!(present.change(settings("b")) && present.change(settings("c")));
        assert!(!present.change(settings("c")), "nothing changed");
        assert_eq!((first.base_url.as_str(), present.base_url.as_str()), ("a", "c"));
    }
}
