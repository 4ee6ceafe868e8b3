//! Requests that come with a key of the caller's: a caller that got no answer sends the same again, and nothing
//! happens twice.

use sojourn_crypto::sha256;
use sojourn_model::{ChangeSet, Op, Tenant};

use super::EndRequest;
use crate::engine::Engine;
use crate::error::EngineError;

/// A key with the request that it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// The caller's key, kept for a day.
    pub key: String,
    /// SHA-256 of the request's body.
    pub request: [u8; 32],
}

impl EndRequest {
    fn key_bytes(&self, key: &RequestKey) -> Vec<u8> {
        sha256(format!("{}\n{}", self.by.actor(), key.key).as_bytes()).to_vec()
    }
}

impl Engine {
    /// What the same request was answered before.
    pub(super) async fn kept_answer(
        &self,
        tenant: &Tenant,
        request: &EndRequest,
    ) -> Result<Option<String>, EngineError> {
        let Some(key) = &request.key else { return Ok(None) };
        let kept = self.store.kept_request(tenant.id, request.key_bytes(key)).await?;
        match kept {
            Some((hash, _)) if hash != key.request => Err(EngineError::Invalid(
                "this key came with another request: give each request a key of its own".into(),
            )),
            Some((_, answer)) => Ok(Some(answer)),
            None => Ok(None),
        }
    }

    /// Keeps the key in the transaction of what it is for. Until the whole answer is known, the request is
    /// answered by the name of what it began.
    pub(super) fn keep_request(&self, request: &EndRequest, id: &str, change: &mut ChangeSet) {
        if let Some(key) = &request.key {
            change.ops.push(Op::KeepRequest {
                key: request.key_bytes(key),
                hash: key.request,
                answer: serde_json::json!({ "id": id }).to_string(),
                at: self.now(),
            });
        }
    }

    /// Remembers the whole answer to a request that came with a key.
    ///
    /// # Errors
    /// [`EngineError::Store`]
    pub async fn remember_answer(
        &self,
        tenant: &Tenant,
        request: &EndRequest,
        answer: &str,
    ) -> Result<(), EngineError> {
        let Some(key) = &request.key else { return Ok(()) };
        let answer = answer.to_owned();
        let op = Op::AnswerRequest { key: request.key_bytes(key), answer };
        self.must_apply(ChangeSet::of(tenant.id, op)).await.map(|_| ())
    }
}
