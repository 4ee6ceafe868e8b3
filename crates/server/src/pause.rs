//! Waiting, where no request waits with it.

use std::time::Duration;

/// How many times as fast as the machine's the program's clock goes: a day in half an hour with `hurry`.
pub(crate) const PACE: i64 = if cfg!(feature = "hurry") { 48 } else { 1 };

#[expect(clippy::disallowed_methods, reason = "no request waits for it")]
pub(crate) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
