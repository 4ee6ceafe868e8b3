//! Sessions: signing in, going on, being looked at, expiring.

mod consent;
mod current;
mod cursor;
mod expire;
mod extend;
mod list;
mod logout;
mod search;
mod sign_in;
mod touch;

pub use cursor::ForeignCursor;
pub use extend::{ExtendOutcome, ExtendRequest};
pub use list::{SessionView, StayView};
pub use logout::{FrontChannelNotice, LogoutOutcome, LogoutRequest};
pub use search::{Position, SearchPage, SearchRefused, SessionFilter, SignInStamp};
pub(crate) use sign_in::plain_name;
pub use sign_in::{SignIn, SignInError, SignedIn};
pub(crate) use touch::Touches;
