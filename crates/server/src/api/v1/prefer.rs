//! Preferences of a caller in the `Prefer` header (RFC 7240).

use http::{HeaderValue, StatusCode};

use crate::context::Context;

/// Maximum number of seconds that a request can wait.
const WAIT_MAX: u64 = 30;

/// The supported preferences; all others are ignored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Preferences {
    /// Seconds to wait for the applications' responses.
    pub(super) wait: Option<u64>,
    /// Whether the request is to run as a job.
    pub(super) respond_async: bool,
}

impl Preferences {
    fn read(text: &str) -> Self {
        let mut found = Self::default();
        for one in text.split([',', ';']) {
            let (name, value) = one.split_once('=').unwrap_or((one, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "respond-async" => found.respond_async = true,
                "wait" => {
                    let seconds = value.trim().trim_matches('"').parse::<u64>().ok();
                    found.wait = seconds.map(|seconds| seconds.min(WAIT_MAX)).or(found.wait);
                }
                _ => {}
            }
        }
        found
    }

    pub(super) fn of(context: &Context) -> Self {
        Self::read(context.header("prefer").unwrap_or_default())
    }

    /// Returns only the time to wait: ending a single thing is never a job.
    pub(super) fn waiting(context: &Context) -> Self {
        Self { respond_async: false, ..Self::of(context) }
    }

    /// Returns the value of `Preference-Applied` for a response with this status.
    pub(super) fn applied(self, status: StatusCode) -> Option<HeaderValue> {
        if status == StatusCode::ACCEPTED {
            return self.respond_async.then(|| HeaderValue::from_static("respond-async"));
        }
        self.wait.and_then(|seconds| HeaderValue::from_str(&format!("wait={seconds}")).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_read_and_the_rest_is_ignored() {
        for (text, wait, respond_async) in [
            ("", None, false),
            ("wait=5", Some(5), false),
            ("respond-async, wait=100", Some(30), true),
            ("Wait = \"7\"; foo=bar", Some(7), false),
            ("wait=soon, return=minimal", None, false),
        ] {
            assert_eq!(Preferences::read(text), Preferences { wait, respond_async }, "{text}");
        }
    }
}
