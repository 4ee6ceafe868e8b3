//! Idempotency keys: a caller that got no response repeats the request with the same key, and it is carried out only
//! once.

use sojourn_crypto::sha256;
use sojourn_model::{ChangeSet, Op, Tenant};

use super::request::{EndRequest, RequestKey};
use crate::engine::Engine;
use crate::error::EngineError;

impl EndRequest {
    fn key_bytes(&self, key: &RequestKey) -> Vec<u8> {
        sha256(format!("{}\n{}", self.by.actor(), key.key).as_bytes()).to_vec()
    }
}

impl Engine {
    /// The stored response to the same request, if there is one.
    pub(super) async fn kept_answer(
        &self,
        tenant: &Tenant,
        request: &EndRequest,
    ) -> Result<Option<String>, EngineError> {
        let Some(key) = &request.key else { return Ok(None) };
        let kept = self.store.kept_request(tenant.id, request.key_bytes(key)).await?;
        match kept {
            Some((hash, _)) if hash != key.request => Err(EngineError::Invalid(
                "this key was already used for another request: use a new key for each request"
                    .into(),
            )),
            Some((_, answer)) => Ok(Some(answer)),
            None => Ok(None),
        }
    }

    /// Stores the key in the transaction that it protects. Until the full response is known, a repeated request gets
    /// the id of what the first one started.
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

    /// Stores the full response to a request that has a key.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
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
