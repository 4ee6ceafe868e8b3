//! Recovery codes, for users who have lost every factor. Each works once; the database stores only keyed hashes.

use serde_json::json;
use sojourn_crypto::totp::base32;
use sojourn_model::limits::RECOVERY_CODES;
use sojourn_model::{
    Actor, ChangeSet, EventName, Factor, FactorChange, Op, Outcome, Session, Tenant, User,
};

use super::{FRESH_MS, FactorRefused};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::outside::News;

/// Bytes of a code, that is, 80 bits.
const CODE_BYTES: usize = 10;
/// Characters of a code without separators.
const CODE_CHARS: usize = CODE_BYTES * 8 / 5;

/// The form of a typed code that is hashed; `None` if it can't be a code.
pub(crate) fn normalised(typed: &str) -> Option<String> {
    let plain: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| match c.to_ascii_uppercase() {
            // Digits that base 32 doesn't use are read as the letters that they resemble.
            '0' => 'O',
            '1' => 'I',
            '8' => 'B',
            other => other,
        })
        .take(CODE_CHARS + 1)
        .collect();
    let digit = |c: char| c.is_ascii_uppercase() || ('2'..='7').contains(&c);
    (plain.len() == CODE_CHARS && plain.chars().all(digit)).then_some(plain)
}

/// Formats a code in groups of four, for reading and typing.
pub(crate) fn spaced(code: &str) -> String {
    let chars: Vec<char> = code.chars().collect();
    let groups: Vec<String> = chars.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join("-")
}

impl Engine {
    /// The hash of a code. Its key isn't the newest master key, because the codes outlive a change of that key.
    pub(crate) fn recovery_hash(&self, user: &User, code: &str) -> [u8; 32] {
        let parts =
            [&user.tenant.0.to_be_bytes(), user.id.0.as_bytes().as_slice(), code.as_bytes()];
        self.hasher.keyed_for_good("recovery code", &parts)
    }

    /// Creates new codes, which replace the previous ones, and returns them.
    pub(crate) fn push_recovery_codes(&self, user: &User, change: &mut ChangeSet) -> Vec<String> {
        let draw = || base32(&sojourn_model::time::random::<CODE_BYTES>(&*self.rng));
        let codes: Vec<String> = std::iter::repeat_with(draw).take(RECOVERY_CODES).collect();
        let hashes = codes.iter().map(|code| self.recovery_hash(user, code)).collect();
        let put = FactorChange::PutRecoveryCodes {
            user: user.id,
            hashes,
            at: self.now(),
            epoch: user.epoch,
        };
        change.ops.push(Op::Factor(put));
        let actor = Actor::User(user.id);
        change.events.push(self.user_event(user, EventName::PostAddRecoveryCodes, &actor));
        change.audit.push(self.audit_row(&actor, "user.recovery_codes", user.id, &json!({})));
        codes.iter().map(|code| spaced(code)).collect()
    }

    /// Creates new recovery codes for a session's user; the previous ones become invalid.
    ///
    /// # Errors
    /// [`FactorRefused::NotFresh`] unless the user authenticated a moment ago, [`FactorRefused::Gone`] if the account
    /// has no factors.
    pub async fn renew_recovery_codes(
        &self,
        tenant: &Tenant,
        session: &Session,
    ) -> Result<Vec<String>, FactorRefused> {
        let (user, factors) = self.fresh_user(tenant, session).await?;
        if factors.is_empty() {
            return Err(FactorRefused::Gone);
        }
        self.new_recovery_codes(tenant, &user, session).await
    }

    /// Creates the recovery codes of a user who added a factor during the sign-in that started this session. How long
    /// the steps before took doesn't matter: the new factor is the fresh proof.
    ///
    /// # Errors
    /// [`FactorRefused::NotFresh`] unless the session rests on a factor that was added a moment ago.
    pub async fn recovery_codes_after_enrolment(
        &self,
        tenant: &Tenant,
        session: &Session,
    ) -> Result<Vec<String>, FactorRefused> {
        let user = self.store.user(tenant.id, session.user).await.map_err(EngineError::from)?;
        let user = user.ok_or(EngineError::NotFound("user"))?;
        let factors = self.store.factors_of(tenant.id, user.id).await.map_err(EngineError::from)?;
        let added = |factor: &Factor| {
            self.is_recent(factor.added_at, FRESH_MS) && session.proofs.rest_on(factor.id)
        };
        match factors.iter().any(added) {
            true => self.new_recovery_codes(tenant, &user, session).await,
            false => Err(FactorRefused::NotFresh),
        }
    }

    async fn new_recovery_codes(
        &self,
        tenant: &Tenant,
        user: &User,
        session: &Session,
    ) -> Result<Vec<String>, FactorRefused> {
        let mut change = ChangeSet::new(tenant.id);
        let codes = self.push_recovery_codes(user, &mut change);
        self.push_news(tenant, user, News::CodesRenewed, session.id, &mut change).await?;
        match self.apply(change).await? {
            Outcome::Applied(_) => Ok(codes),
            _ => Err(FactorRefused::Gone),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = "ABCD-EFGH-IJKO-2345";
        assert_eq!(spaced("ABCDEFGHIJKO2345"), code);
        for typed in [code, "abcd efgh ijko 2345", " ABCDEFGHIJKO2345 ", "ABCD-EFGH-1JK0-2345"] {
            assert_eq!(normalised(typed).as_deref(), Some("ABCDEFGHIJKO2345"), "{typed}");
        }
        for wrong in
            ["", "123456", "ABCD-EFGH-IJKO-234", "ABCD-EFGH-IJKO-23456", "ABCD-EFGH-IJKO-234é"]
        {
            assert_eq!(normalised(wrong), None, "{wrong}");
        }
    }
}
