//! Summary of an account's security, and advice for its user.

use sojourn_model::limits::RECOVERY_CODES_FEW;
use sojourn_model::{FactorKind, Millis, Tenant, UserId};

use crate::engine::Engine;
use crate::error::EngineError;

/// The facts that a security check collected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityCheck {
    /// The mail address, if the account has one, and whether it is confirmed.
    pub address: Option<(String, bool)>,
    /// The confirmed addresses besides that one.
    pub other_addresses: Vec<String>,
    /// Whether this server can confirm addresses.
    pub confirms_addresses: bool,
    /// Whether a password is set for the account.
    pub password: bool,
    /// Number of passkeys of the account.
    pub passkeys: usize,
    /// Number of second factors that are asked for after a password.
    pub second_factors: usize,
    /// Number of unused recovery codes.
    pub recovery_codes: i64,
    /// Number of active sessions, including the current one.
    pub sessions: usize,
    /// Number of browsers that skip the second factor.
    pub trusted_browsers: usize,
    /// Time from which a sign-in requires a second factor that the account lacks, if that time is still to come.
    pub factor_due: Option<Millis>,
    /// Number of applications with offline access.
    pub offline_applications: usize,
}

/// A step that improves the security of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Advice {
    /// Give the account a mail address: without one, a forgotten password needs an administrator.
    AddAddress,
    /// Confirm the mail address that the account has.
    ConfirmAddress,
    /// Add a passkey or a second factor: a stolen password is enough to sign in.
    AddFactor,
    /// Create new recovery codes: few or none are left.
    RenewRecoveryCodes,
}

impl SecurityCheck {
    /// Advice for the user, most important first; empty if nothing needs to be done.
    #[must_use]
    pub fn advice(&self) -> Vec<Advice> {
        let mut all = Vec::new();
        if self.passkeys + self.second_factors == 0 || self.factor_due.is_some() {
            all.push(Advice::AddFactor);
        } else if self.recovery_codes < RECOVERY_CODES_FEW {
            all.push(Advice::RenewRecoveryCodes);
        }
        match &self.address {
            Some((_, false)) if self.confirms_addresses => all.push(Advice::ConfirmAddress),
            None if self.confirms_addresses => all.push(Advice::AddAddress),
            _ => {}
        }
        all
    }
}

impl Engine {
    /// Checks the security of an account.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails, [`EngineError::NotFound`] if the account was deleted.
    pub async fn security_check(
        &self,
        tenant: &Tenant,
        id: UserId,
    ) -> Result<SecurityCheck, EngineError> {
        let user = self.store.user(tenant.id, id).await?;
        let user = user.ok_or(EngineError::NotFound("user"))?;
        let factors = self.store.factors_of(tenant.id, id).await?;
        let passkeys = factors.iter().filter(|one| one.kind == FactorKind::Passkey).count();
        let policy = self.policy(tenant, id, None).await?;
        let short = policy.grace_until.is_some()
            && self.reach_in(tenant, id, policy.methods).await?
                < Some(policy.second_factor.level());
        let consents = self.consents(tenant, id).await?;
        let offline = |scopes: &str| sojourn_oidc::scope::has(scopes, "offline_access");
        let others = self.other_addresses(tenant, id).await?;
        Ok(SecurityCheck {
            address: user.email.map(|address| (address, user.email_verified)),
            other_addresses: others.into_iter().map(|other| other.address).collect(),
            confirms_addresses: self.settings.resets_by_mail,
            password: user.password_hash.is_some(),
            passkeys,
            second_factors: factors.len() - passkeys,
            recovery_codes: self.store.recovery_codes_left(tenant.id, id).await?,
            sessions: self.sessions_of_user(tenant, id).await?.len(),
            trusted_browsers: self.trusted_browsers(tenant, id).await?.len(),
            factor_due: policy.grace_until.filter(|_| short),
            offline_applications: consents.iter().filter(|one| offline(&one.scopes)).count(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_important_first() {
        let check =
            |address: Option<bool>, passkeys, second_factors, recovery_codes| SecurityCheck {
                address: address.map(|proved| ("alex@example.test".into(), proved)),
                other_addresses: Vec::new(),
                confirms_addresses: true,
                password: true,
                passkeys,
                second_factors,
                recovery_codes,
                sessions: 1,
                trusted_browsers: 0,
                factor_due: None,
                offline_applications: 0,
            };
        use Advice as A;
        for (check, advice) in [
            (check(Some(true), 1, 0, 10), vec![]),
            (check(Some(true), 0, 1, 3), vec![]),
            (check(Some(true), 0, 1, 2), vec![A::RenewRecoveryCodes]),
            (check(Some(false), 0, 0, 0), vec![A::AddFactor, A::ConfirmAddress]),
            (check(None, 2, 0, 10), vec![A::AddAddress]),
            (SecurityCheck { confirms_addresses: false, ..check(None, 1, 0, 10) }, vec![]),
        ] {
            assert_eq!(check.advice(), advice, "{check:?}");
        }
    }
}
