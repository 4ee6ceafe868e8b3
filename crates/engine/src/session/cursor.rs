//! Sealed cursors: positions in a list that callers keep. A cursor is valid only for the same caller and query.

use sojourn_crypto::{TokenKind, sha256};
use sojourn_model::{Actor, Millis, Tenant};
use sojourn_store::Place;

use super::search::{Position, Sort};
use crate::engine::Engine;
use crate::error::EngineError;

/// Error for a cursor that is malformed, or belongs to another tenant, caller or query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor doesn't belong to this query: start without one")]
pub struct ForeignCursor;

/// The caller and the query to which a cursor is bound.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The caller of the search.
    pub caller: &'a Actor,
    /// The filter in its original text.
    pub filter: &'a str,
    /// The order of the results.
    pub sort: Sort,
}

impl Question<'_> {
    fn hash(&self) -> [u8; 32] {
        sha256(format!("{}\n{}\n{}", self.caller, self.sort.as_str(), self.filter).as_bytes())
    }
}

/// A position, with the time at which the caller read the first page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bookmark {
    /// Position at which the page starts.
    pub position: Position,
    /// Time at which the first page was read.
    pub as_of: Millis,
}

impl Engine {
    /// Creates a sealed cursor for a position.
    ///
    /// # Errors
    /// [`EngineError::Key`] if there is no key for sealing.
    pub fn session_cursor(
        &self,
        tenant: &Tenant,
        question: &Question<'_>,
        mark: &Bookmark,
    ) -> Result<String, EngineError> {
        let (kind, place) = match &mark.position {
            Position::Newest => (0, &Place::LAST),
            Position::Before(place) => (1, place),
            Position::From(place) => (2, place),
        };
        let mut body = vec![kind];
        body.extend_from_slice(&mark.as_of.0.to_be_bytes());
        body.extend_from_slice(&place.at.0.to_be_bytes());
        body.extend_from_slice(&question.hash());
        body.extend_from_slice(&place.id);
        Ok(self.sealer.seal(TokenKind::Cursor, tenant.id, &body)?)
    }

    /// Opens a cursor and returns its position.
    ///
    /// # Errors
    /// [`ForeignCursor`] if the cursor is malformed, or belongs to another tenant, caller or query.
    pub fn read_session_cursor(
        &self,
        tenant: &Tenant,
        question: &Question<'_>,
        cursor: &str,
    ) -> Result<Bookmark, ForeignCursor> {
        let body = self.sealer.open(TokenKind::Cursor, tenant.id, cursor).ok_or(ForeignCursor)?;
        let (kind, rest) = body.split_first().ok_or(ForeignCursor)?;
        let (as_of, rest) = rest.split_first_chunk::<8>().ok_or(ForeignCursor)?;
        let (at, rest) = rest.split_first_chunk::<8>().ok_or(ForeignCursor)?;
        let (asked, id) = rest.split_first_chunk::<32>().ok_or(ForeignCursor)?;
        if *asked != question.hash() {
            return Err(ForeignCursor);
        }
        let place = Place { at: Millis(i64::from_be_bytes(*at)), id: id.to_vec() };
        let position = match kind {
            0 => Position::Newest,
            1 => Position::Before(place),
            2 => Position::From(place),
            _ => return Err(ForeignCursor),
        };
        Ok(Bookmark { position, as_of: Millis(i64::from_be_bytes(*as_of)) })
    }
}
