//! Requesting an account, which sends the first mail.

use sojourn_crypto::TokenKind;
use sojourn_model::operation::MailChange;
use sojourn_model::{ChangeSet, Op, OpenTo, Outcome, PasswordDue, Tenant, User, UserId, UserState};

use super::{Asked, LINK_MS, SignUpRefused};
use crate::directory::{check_shown, is_address};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::outside::Letter;
use crate::throttle::{Attempt, Guess};

/// Input of a user who requests an account.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asking<'a> {
    /// Mail address as the user typed it.
    pub address: &'a str,
    /// Invitation code, if the tenant requires one.
    pub invitation: &'a str,
    /// Proof-of-work task of the page, and the browser's solution.
    pub work: Option<(&'a str, &'a str)>,
    /// Language of the page, as a BCP 47 tag.
    pub language: &'a str,
    /// IP address of the client.
    pub ip: &'a str,
}

/// Number of times that a code can be tried per mail.
const CODE_TRIES: i64 = 10;

/// Normalises a mail address: its domain in ASCII and in lower case (RFC 5891 §4.4), so that one mailbox has one
/// account. `None` if it isn't an address.
fn sent_to(typed: &str) -> Option<String> {
    let (who, domain) = typed.trim().rsplit_once('@')?;
    let url::Host::Domain(domain) = url::Host::parse(domain).ok()? else { return None };
    let address = format!("{who}@{domain}");
    let whole = domain.split('.').all(|label| !label.is_empty());
    (whole && is_address(&address)).then_some(address)
}

impl Engine {
    /// Sends a mail with which an account can be created, and returns the sealed state for the page that accepts the
    /// code. If an account with the address exists, the mail says so, and the return value doesn't differ.
    ///
    /// # Errors
    /// [`SignUpRefused`] if the tenant's rules or the rate limits don't allow it, or the database fails.
    pub async fn ask_to_sign_up(
        &self,
        tenant: &Tenant,
        asking: Asking<'_>,
    ) -> Result<String, SignUpRefused> {
        if !self.is_sign_up_open(tenant) {
            return Err(SignUpRefused::Closed);
        }
        let address = sent_to(asking.address).ok_or(SignUpRefused::NoAddress)?;
        let mut nobody = self.account_to_be(tenant, UserId::random(&*self.rng), &address);
        check_shown(&mut nobody).map_err(|_| SignUpRefused::NoAddress)?;
        let rules = &tenant.sign_up;
        if !rules.open_to.admits(&address) {
            return Err(SignUpRefused::OtherDomain);
        }
        if rules.proof_of_work {
            let solved = asking.work.and_then(|(task, answer)| self.solved(tenant, task, answer));
            // Used up before anything is counted: each solution allows one count.
            let used = ChangeSet::of(tenant.id, solved.ok_or(SignUpRefused::Work)?);
            match self.apply(used).await? {
                Outcome::Applied(_) => {}
                _ => return Err(SignUpRefused::Work),
            }
        }
        if !self.count_sign_up_from(tenant.id, asking.ip).await? {
            return Err(SignUpRefused::TooManyMails);
        }
        let invitation = self.invitation_code(tenant, asking.invitation).await?;
        self.may_sign_up(tenant, &address, asking.ip).await?;
        let asked = Asked {
            user: nobody.id,
            address: address.clone(),
            language: asking.language.to_owned(),
            invitation,
            written_at: self.now().0,
        };
        let body = serde_json::to_vec(&asked).unwrap_or_default();
        let seal = |kind| self.sealer.seal(kind, tenant.id, &body).map_err(EngineError::from);
        let page = seal(TokenKind::SignUpCode)?;
        let token = seal(TokenKind::SignUpLink)?;
        let base = self.settings.address(tenant);
        let link = format!("{base}/sign-up/account?token={token}");
        let (sign_in, code) = (format!("{base}/login"), self.mail_code(&page));
        let there = self.has_account(tenant, &address).await?;
        let letter = match &there {
            Some(_) => Letter::HasAccount { link: &sign_in },
            None => Letter::SignUp { link: &link, code: &code },
        };
        let user = there.as_ref().unwrap_or(&nobody);
        let mail = self.mail_to((tenant, user, &address), &letter, Some(asking.language))?;
        self.must_apply(ChangeSet::of(tenant.id, Op::Mail(MailChange::Add(mail)))).await?;
        Ok(page)
    }

    /// The account that the request would create.
    pub(super) fn account_to_be(&self, tenant: &Tenant, id: UserId, address: &str) -> User {
        User {
            tenant: tenant.id,
            id,
            username: address.trim().to_owned(),
            password_hash: None,
            display_name: None,
            given_name: None,
            family_name: None,
            email: Some(address.trim().to_owned()),
            email_verified: true,
            state: UserState::Active,
            password_due: PasswordDue::No,
            epoch: 0,
            created_at: self.now(),
            updated_at: self.now(),
            profile: "{}".into(),
            version: 1,
            external_id: None,
            attributes: "{}".into(),
            unlock_at: None,
            factors: 0,
            recovers_at: None,
        }
    }

    /// Counts a mail to an address, and in total.
    async fn may_sign_up(
        &self,
        tenant: &Tenant,
        address: &str,
        ip: &str,
    ) -> Result<(), SignUpRefused> {
        // The same budget as for other mails that a stranger can have sent to an address.
        let to = Guess { name: &format!("mail to {address}"), user: None, ip, browser: None };
        if matches!(self.count_attempt(tenant.id, to).await?, Attempt::TooMany) {
            return Err(SignUpRefused::TooMany);
        }
        match self.count_sign_up(tenant.id).await? {
            true => Ok(()),
            false => Err(SignUpRefused::TooManyMails),
        }
    }

    /// The hash of a valid invitation code, if the tenant requires one.
    async fn invitation_code(
        &self,
        tenant: &Tenant,
        typed: &str,
    ) -> Result<Option<[u8; 32]>, SignUpRefused> {
        if tenant.sign_up.open_to != OpenTo::Codes {
            return Ok(None);
        }
        let hash = self.invitation_hash(tenant, typed).ok_or(SignUpRefused::WrongInvitation)?;
        let found = self.store.sign_up_code(tenant.id, hash).await?;
        let good = found.filter(|code| code.uses_left > 0 && code.expires_at > self.now());
        good.map(|code| Some(code.hash)).ok_or(SignUpRefused::WrongInvitation)
    }

    /// The address that a page with a sealed request is about; `None` if the request is malformed or too old.
    #[must_use]
    pub fn asked_to_sign_up(&self, tenant: &Tenant, page: &str) -> Option<String> {
        self.asked_for(tenant, TokenKind::SignUpCode, page).map(|asked| asked.address)
    }

    /// Verifies the code from a mail, and returns the token that its link would have carried.
    ///
    /// # Errors
    /// [`SignUpRefused::WrongCode`] if the code is wrong, [`SignUpRefused::TooManyCodes`] after too many tries,
    /// [`SignUpRefused::Gone`] if the request is too old.
    pub async fn sign_up_by_code(
        &self,
        tenant: &Tenant,
        (page, typed): (&str, &str),
    ) -> Result<String, SignUpRefused> {
        let asked = self.asked_for(tenant, TokenKind::SignUpCode, page);
        let asked = asked.ok_or(SignUpRefused::Gone)?;
        // Counted before the comparison, and per mail, so that a stranger can't use up another person's tries.
        let key = self.keyed_hash("sign-up code tries", &[asked.user.0.as_bytes()]).to_vec();
        if !self.count_tries(tenant.id, key, CODE_TRIES, LINK_MS).await? {
            return Err(SignUpRefused::TooManyCodes);
        }
        let typed: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
        if !sojourn_crypto::constant_time_eq(typed.as_bytes(), self.mail_code(page).as_bytes()) {
            return Err(SignUpRefused::WrongCode);
        }
        let body = serde_json::to_vec(&asked).unwrap_or_default();
        Ok(self.sealer.seal(TokenKind::SignUpLink, tenant.id, &body).map_err(EngineError::from)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_mail_is_sent_to_them() {
        for (typed, address) in [
            (" Zoe@Example.ORG ", Some("Zoe@example.org")),
            ("zoe@bücher.example", Some("zoe@xn--bcher-kva.example")),
            ("zoe@a..b", None),
            ("zoe@example.org.", None),
            ("zoe@127.0.0.1", None),
            ("zoe@[::1]", None),
            ("zoe", None),
            ("@example.org", None),
            ("a@b@example.org", None),
            ("<zoe@example.org>", None),
            ("zo e@example.org", None),
        ] {
            assert_eq!(sent_to(typed).as_deref(), address, "{typed}");
        }
    }
}
