//! Forms that are sent twice by a double click: the second one gets the same response as the first.

use sojourn_model::Millis;

use crate::context::Context;

/// Time in milliseconds within which an object with the same name is attributed to the same form.
const TWICE_MS: i64 = 10_000;

/// Returns whether an object was created a moment ago. Tolerates the clock skew between replicas.
pub(super) fn just_made(context: &Context, created_at: Millis) -> bool {
    let age = context.engine().now().since(created_at);
    (-context.engine().settings().clock_skew_ms..TWICE_MS).contains(&age)
}
