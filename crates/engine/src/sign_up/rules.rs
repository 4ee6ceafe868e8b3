//! Rules for sign-up, and invitation codes.

use serde_json::json;
use sojourn_crypto::totp::base32;
use sojourn_model::limits::{SIGN_UP_CODES_MAX, SIGN_UP_DOMAINS_MAX};
use sojourn_model::{
    ChangeSet, Leaving, Op, OpenTo, Outcome, SignUp, SignUpChange, SignUpCode, Tenant, Terms,
};

use crate::authority::Authority;
use crate::directory::visible;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::factors::{normalised, spaced};
use crate::rights::Right;

/// Bytes of a code: 80 bits, so that it can't be guessed.
const CODE_BYTES: usize = 10;
/// Maximum number of accounts that one code may create.
const USES_MAX: i64 = 100_000;
/// Maximum validity of a code, in milliseconds.
const LIFETIME_MAX_MS: i64 = 366 * 24 * 3_600_000;
/// Maximum length of the terms' version and of a label, in characters.
const WORD_MAX: usize = 60;
/// Maximum number of days for which a deletion can be deferred.
const LEAVING_DAYS_MAX: u16 = 365;
/// Maximum length of the URL of the terms, in bytes.
const URL_MAX: usize = 500;

/// An invitation code to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCode {
    /// Label that the administrator chose.
    pub label: String,
    /// Number of accounts that the code may create.
    pub uses: i64,
    /// Validity of the code, in milliseconds.
    pub lifetime_ms: i64,
}

fn invalid(why: &str) -> EngineError {
    EngineError::Invalid(why.to_owned())
}

/// Normalises a domain: lower case, and ASCII if it has other letters (like the domains of mail addresses).
fn domain(text: &str) -> Result<String, EngineError> {
    let text = text.trim().trim_start_matches('@');
    let no = || EngineError::Invalid(format!("'{text}' is not a domain: use the form example.org"));
    match url::Host::parse(text) {
        Ok(url::Host::Domain(domain)) if domain.contains('.') => Ok(domain),
        _ => Err(no()),
    }
}

fn terms(given: &Terms) -> Result<Terms, EngineError> {
    let version = visible("the version of the terms", &given.version)?;
    if version.is_empty() || version.chars().count() > WORD_MAX {
        return Err(invalid("the version of the terms must have 1 to 60 characters"));
    }
    let web = url::Url::parse(given.url.trim()).ok();
    let web = web.filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
    let url = web.filter(|url| url.as_str().len() <= URL_MAX);
    let url = url.ok_or_else(|| invalid("the address of the terms is not a web address: use the form https://www.example.org/terms"))?;
    Ok(Terms { version, url: url.to_string() })
}

impl Engine {
    /// Sets who may sign up in a tenant.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] if a domain or a URL isn't valid, or if mail isn't configured.
    pub async fn set_sign_up(
        &self,
        tenant: &Tenant,
        rules: SignUp,
        by: &Authority,
    ) -> Result<SignUp, EngineError> {
        by.must(tenant, Right::ConfigUpdate)?;
        let open_to = match rules.open_to {
            OpenTo::Domains(given) => {
                let mut domains =
                    given.iter().map(|text| domain(text)).collect::<Result<Vec<_>, _>>()?;
                domains.sort();
                domains.dedup();
                if domains.is_empty() || domains.len() > SIGN_UP_DOMAINS_MAX {
                    let why = format!("specify 1 to {SIGN_UP_DOMAINS_MAX} domains");
                    return Err(EngineError::Invalid(why));
                }
                OpenTo::Domains(domains)
            }
            other => other,
        };
        if open_to != OpenTo::Nobody && !self.settings.resets_by_mail {
            return Err(invalid("this server doesn't send mail: configure [mail]"));
        }
        if matches!(rules.leaving, Leaving::AfterDays(days) if !(1..=LEAVING_DAYS_MAX).contains(&days))
        {
            return Err(invalid(
                "the waiting period before an account is deleted must be 1 to 365 days",
            ));
        }
        let terms = rules.terms.as_ref().map(terms).transpose()?;
        let rules = SignUp { open_to, terms, ..rules };
        let detail = serde_json::to_value(&rules).unwrap_or_default();
        let mut change = ChangeSet::of(tenant.id, Op::SignUp(SignUpChange::Set(rules.clone())));
        change.audit.push(self.audit_row(&by.actor(), "tenant.sign_up", tenant.id.0, &detail));
        self.must_apply(change).await?;
        self.catalog.forget_tenant(&tenant.name);
        self.catalog.changed(tenant.id);
        Ok(rules)
    }

    /// Creates an invitation code and returns it in the form that users type. It is shown only once.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] if a label, a number or a time is out of range, or if there are too many codes.
    pub async fn add_sign_up_code(
        &self,
        tenant: &Tenant,
        new: NewCode,
        by: &Authority,
    ) -> Result<(String, SignUpCode), EngineError> {
        by.must(tenant, Right::ConfigUpdate)?;
        let label = visible("the label", &new.label)?;
        if label.chars().count() > WORD_MAX {
            return Err(invalid("a label can have at most 60 characters"));
        }
        if !(1..=USES_MAX).contains(&new.uses) {
            return Err(invalid("a code can create 1 to 100,000 accounts"));
        }
        if !(1..=LIFETIME_MAX_MS).contains(&new.lifetime_ms) {
            return Err(invalid("a code can be valid for at most one year"));
        }
        let most = i64::try_from(SIGN_UP_CODES_MAX).unwrap_or(i64::MAX);
        if self.store.sign_up_codes(tenant.id, most).await?.len() >= SIGN_UP_CODES_MAX {
            return Err(invalid("there are too many codes: remove those that are used up"));
        }
        let text = base32(&sojourn_model::time::random::<CODE_BYTES>(&*self.rng));
        let hash = self.code_hash(tenant, &text);
        let (uses_left, created_at) = (new.uses, self.now());
        let expires_at = created_at.plus(new.lifetime_ms);
        let code = SignUpCode { hash, label, uses_left, expires_at, created_at };
        let add = Op::SignUp(SignUpChange::AddCode(code.clone()));
        let mut change = ChangeSet::of(tenant.id, add);
        let detail = json!({ "label": code.label, "uses": code.uses_left });
        change.audit.push(self.audit_row(&by.actor(), "tenant.code_add", tenant.id.0, &detail));
        self.must_apply(change).await?;
        Ok((spaced(&text), code))
    }

    /// Deletes a code. Accounts that were created with it stay.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if the code was deleted already.
    pub async fn remove_sign_up_code(
        &self,
        tenant: &Tenant,
        hash: [u8; 32],
        by: &Authority,
    ) -> Result<(), EngineError> {
        by.must(tenant, Right::ConfigUpdate)?;
        let remove = Op::SignUp(SignUpChange::RemoveCode { hash });
        let mut change = ChangeSet::of(tenant.id, remove);
        let detail = json!({ "code": sojourn_model::ids::hex(&hash) });
        change.audit.push(self.audit_row(&by.actor(), "tenant.code_remove", tenant.id.0, &detail));
        match self.apply(change).await? {
            Outcome::Applied(_) => Ok(()),
            _ => Err(EngineError::NotFound("code")),
        }
    }

    /// The codes of a tenant, newest first, including used and expired ones.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails, [`EngineError::Forbidden`] if the caller lacks the right.
    pub async fn sign_up_codes(
        &self,
        tenant: &Tenant,
        by: &Authority,
    ) -> Result<Vec<SignUpCode>, EngineError> {
        by.must(tenant, Right::ConfigView)?;
        let most = i64::try_from(SIGN_UP_CODES_MAX).unwrap_or(i64::MAX);
        Ok(self.store.sign_up_codes(tenant.id, most).await?)
    }

    /// The hash of a code as a user typed it; `None` if it can't be a code.
    pub(super) fn invitation_hash(&self, tenant: &Tenant, typed: &str) -> Option<[u8; 32]> {
        normalised(typed).map(|plain| self.code_hash(tenant, &plain))
    }

    /// The hash of a code. Its key doesn't depend on the newest master key, because codes outlive a change of that
    /// key.
    fn code_hash(&self, tenant: &Tenant, code: &str) -> [u8; 32] {
        let number = tenant.id.0.to_be_bytes();
        let parts = [number.as_slice(), code.as_bytes()];
        self.hasher.keyed_for_good("sign-up code", &parts)
    }
}
