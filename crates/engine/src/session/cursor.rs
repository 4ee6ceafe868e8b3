//! A place in a list, as callers keep it: sealed, and of use only to the same caller with the same question.

use sojourn_crypto::{TokenKind, sha256};
use sojourn_model::{Actor, Tenant};

use super::search::{Position, SignInStamp};
use crate::engine::Engine;
use crate::error::EngineError;

/// A cursor is malformed, of another tenant or caller, or of another question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor does not belong to this question: begin without one")]
pub struct ForeignCursor;

fn question(caller: &Actor, filter: &str) -> [u8; 32] {
    sha256(format!("{caller}\n{filter}").as_bytes())
}

impl Engine {
    /// A cursor for a place.
    ///
    /// # Errors
    /// [`EngineError::Key`] when there is no key.
    pub fn session_cursor(
        &self,
        tenant: &Tenant,
        caller: &Actor,
        filter: &str,
        position: Position,
    ) -> Result<String, EngineError> {
        let (kind, stamp) = match position {
            Position::Newest => (0, 0),
            Position::Before(stamp) => (1, stamp.0),
            Position::After(stamp) => (2, stamp.0),
        };
        let mut body = vec![kind];
        body.extend_from_slice(&stamp.to_be_bytes());
        body.extend_from_slice(&question(caller, filter));
        Ok(self.sealer.seal(TokenKind::Cursor, tenant.id, &body)?)
    }

    /// The place of a cursor.
    ///
    /// # Errors
    /// [`ForeignCursor`]
    pub fn read_session_cursor(
        &self,
        tenant: &Tenant,
        caller: &Actor,
        filter: &str,
        cursor: &str,
    ) -> Result<Position, ForeignCursor> {
        let body = self.sealer.open(TokenKind::Cursor, tenant.id, cursor).ok_or(ForeignCursor)?;
        let (kind, rest) = body.split_first().ok_or(ForeignCursor)?;
        let (stamp, asked) = rest.split_first_chunk::<8>().ok_or(ForeignCursor)?;
        if asked != question(caller, filter) {
            return Err(ForeignCursor);
        }
        let stamp = SignInStamp(i64::from_be_bytes(*stamp));
        match kind {
            0 => Ok(Position::Newest),
            1 => Ok(Position::Before(stamp)),
            2 => Ok(Position::After(stamp)),
            _ => Err(ForeignCursor),
        }
    }
}
