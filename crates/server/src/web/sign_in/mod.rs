//! The pages of a sign-in. A page shows one step and posts it; [`sojourn_engine::sign_in`] decides which step is next,
//! and [`answer`] leads to its page.

mod answer;
pub(crate) mod enrolment;
mod enrolment_page;
mod login_page;
pub(crate) mod new_password;
pub(super) mod new_password_page;
pub(crate) mod passkey;
pub(crate) mod passkey_offer;
pub(crate) mod password;
pub(crate) mod related_origins;
pub(crate) mod second_factor;
mod second_factor_page;
pub(crate) mod sessions;
mod sessions_page;
mod state;

pub(super) use answer::begin_after_sign_up;
