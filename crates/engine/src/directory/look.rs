//! Branding of a tenant's pages: name, colour and logo.

use serde_json::json;
use sojourn_crypto::sha256;
use sojourn_model::limits::LOGO_BYTES_MAX;
use sojourn_model::{ChangeSet, Logo, Look, Op, Tenant};

use crate::authority::Authority;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::Right;

/// Maximum length of the name, in characters.
const NAME_MAX: usize = 60;

/// A change of a logo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogoChange {
    /// Keeps the current logo.
    Keep,
    /// Removes the logo; pages show the program's own.
    Remove,
    /// Replaces the logo with this file.
    Put(Vec<u8>),
}

/// The media type of a picture, by its first bytes.
fn kind(body: &[u8]) -> Option<&'static str> {
    if body.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some("image/png");
    }
    let text = std::str::from_utf8(body).ok()?.trim_start();
    let drawn = text.starts_with('<') && text.contains("<svg");
    drawn.then_some("image/svg+xml")
}

impl Engine {
    /// Stores a tenant's branding. An empty name or colour selects the program's own.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] if the name is too long, the colour isn't valid, or the file is neither PNG nor SVG
    /// or is too large.
    pub async fn set_look(
        &self,
        tenant: &Tenant,
        (name, accent): (&str, &str),
        logo: LogoChange,
        by: &Authority,
    ) -> Result<(), EngineError> {
        by.must(tenant, Right::ConfigUpdate)?;
        let actor = &by.actor();
        let invalid = |why: &str| EngineError::Invalid(why.to_owned());
        let (name, accent) = (name.trim(), accent.trim().to_ascii_lowercase());
        if name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
            return Err(EngineError::Invalid(format!(
                "a display name can have at most {NAME_MAX} characters"
            )));
        }
        let digits = accent.strip_prefix('#').unwrap_or_default();
        let fits = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !accent.is_empty() && !fits {
            return Err(invalid("a colour must be # and six hex digits"));
        }
        let (tag, logo) = match logo {
            LogoChange::Keep => (tenant.look.logo.clone(), None),
            LogoChange::Remove => (None, Some(None)),
            LogoChange::Put(body) => {
                if body.len() > LOGO_BYTES_MAX {
                    let why = format!("a logo can have at most {LOGO_BYTES_MAX} bytes");
                    return Err(EngineError::Invalid(why));
                }
                let kind =
                    kind(&body).ok_or_else(|| invalid("a logo must be a PNG or SVG file"))?;
                let tag = sojourn_model::ids::hex(sha256(&body).split_at(8).0);
                (Some(tag), Some(Some(Logo { kind: kind.into(), body })))
            }
        };
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let look = Look { name: some(name), accent: some(&accent), logo: tag };
        let detail = json!({ "name": look.name, "accent": look.accent, "logo": look.logo });
        let mut change = ChangeSet::of(tenant.id, Op::SetLook { look, logo });
        change.audit.push(self.audit_row(actor, "tenant.look", tenant.id.0, &detail));
        self.must_apply(change).await?;
        self.catalog.forget_tenant(&tenant.name);
        self.catalog.changed(tenant.id);
        Ok(())
    }

    /// The tenant's own logo, if it has one.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn logo(&self, tenant: &Tenant) -> Result<Option<Logo>, EngineError> {
        Ok(self.store.logo(tenant.id).await?)
    }
}
