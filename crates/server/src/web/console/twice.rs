//! Forms that are sent twice, by a double click: the second is answered like the first.

use sojourn_model::Millis;

use crate::context::Context;

/// What was made within this time is taken for the work of the same form, in milliseconds.
const TWICE_MS: i64 = 10_000;

/// Whether something of the same name was made a moment ago.
pub(super) fn just_made(context: &Context, created_at: Millis) -> bool {
    let age = context.engine().now().since(created_at);
    (-context.engine().settings().clock_skew_ms..TWICE_MS).contains(&age)
}
