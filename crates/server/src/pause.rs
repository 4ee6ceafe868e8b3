//! Pauses of background work, during which no request waits.

use std::time::Duration;

/// Speed of the program's clock relative to the machine's: a day in half an hour with `hurry`.
pub(crate) const PACE: i64 = if cfg!(feature = "hurry") { 48 } else { 1 };

#[expect(clippy::disallowed_methods, reason = "no request waits for it")]
pub(crate) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
