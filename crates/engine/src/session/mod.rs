//! Sessions: their use, their display and search, and their expiry.

mod consent;
mod current;
mod cursor;
mod expire;
mod extend;
mod feed;
mod list;
mod logout;
pub(crate) mod search;
mod standing;
mod touch;

pub use cursor::{Bookmark, ForeignCursor, Question};
pub use expire::Purged;
pub use extend::{ExtendOutcome, ExtendRequest};
pub use feed::{Feed, FeedItem, Happening};
pub use list::{SessionView, StayView};
pub use logout::{FrontChannelNotice, LogoutOutcome, LogoutRequest};
pub use search::{
    Browser, Position, SearchPage, SearchRefused, SessionFilter, SessionQuery, SignInStamp, Sort,
    Total, Vocabulary, vocabulary,
};
pub use sojourn_store::{Place, SessionRange};
pub(crate) use standing::Kept;
pub use standing::{REASONS_OF_LATEST, Standing};
