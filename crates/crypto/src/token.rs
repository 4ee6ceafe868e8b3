//! Tokens without rows in the database: a prefix and an encrypted, authenticated body that names a grant.
//!
//! Access to the database isn't sufficient to forge a token, two applications can't correlate users by their tokens,
//! and invalid texts are rejected without a query. Sealing is deterministic: the same body gives the same text, so that
//! a token can be returned again without being stored.

use aws_lc_rs::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use aws_lc_rs::hmac;
use sojourn_model::{AppId, GrantId, Millis, TenantId};

use crate::digest::{b64url, hmac_sha256, unb64url};
use crate::master::MasterKey;
use crate::seal::{SealError, aead_key};

const VERSION: u8 = 1;
const FLAG_OFFLINE: u8 = 1;
const FLAG_SHARED: u8 = 2;
const BODY_GRANT: u8 = 1;
const BODY_CLIENT: u8 = 2;
/// Maximum length of a token in bytes. A longer text is rejected before it is decoded.
const TEXT_BYTES_MAX: usize = 24 * 1024;

/// The purpose of a token. Each kind has its own key, so that a token of one kind isn't accepted as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// An authorization code (RFC 6749 §4.1.2).
    Code,
    /// An opaque access token.
    Access,
    /// A refresh token (RFC 6749 §1.5).
    Refresh,
    /// The interrupted request that a sign-in page carries and returns to.
    Interaction,
    /// The `jti` of a JWT access token, which grants no access by itself.
    JwtId,
    /// The `isk` with which an application extends a session.
    SessionKey,
    /// A registration access token (RFC 7592 §3).
    Registration,
    /// A cursor: a position in a list.
    Cursor,
    /// A link in a mail of an older version; it is no longer issued.
    MailLink,
    /// State of a sign-in between two of its pages.
    SignIn,
    /// A factor that is being added, until the user has proven it.
    Enrolment,
    /// A link in a mail for choosing a password.
    ResetLink,
    /// A link in a mail with which a user reports that a sign-in was not theirs.
    NotMeLink,
    /// A link in a mail with which an invited user sets up a way to sign in.
    InvitationLink,
    /// A link in a mail for verifying an email address.
    AddressLink,
    /// State of the page on which the code of such a mail is entered.
    AddressCode,
    /// A link in a mail for undoing a change of the email address.
    UndoLink,
    /// A link in a mail for completing sign-up.
    SignUpLink,
    /// State of the page on which the code of such a mail is entered.
    SignUpCode,
    /// Identifies a SAML logout request that a browser carries, when its response arrives.
    SamlNotice,
}

impl TokenKind {
    const ALL: [Self; 20] = [
        Self::Code,
        Self::Access,
        Self::Refresh,
        Self::Interaction,
        Self::JwtId,
        Self::SessionKey,
        Self::Registration,
        Self::Cursor,
        Self::MailLink,
        Self::SignIn,
        Self::Enrolment,
        Self::ResetLink,
        Self::NotMeLink,
        Self::InvitationLink,
        Self::AddressLink,
        Self::AddressCode,
        Self::UndoLink,
        Self::SignUpLink,
        Self::SignUpCode,
        Self::SamlNotice,
    ];

    /// Returns the prefix of the text, by which scanners for leaked secrets recognise it.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Code => "soj_ac_",
            Self::Access => "soj_at_",
            Self::Refresh => "soj_rt_",
            Self::Interaction => "soj_in_",
            Self::JwtId => "soj_ji_",
            Self::SessionKey => "soj_sk_",
            Self::Registration => "soj_cr_",
            Self::Cursor => "soj_cu_",
            Self::MailLink => "soj_ml_",
            Self::SignIn => "soj_si_",
            Self::Enrolment => "soj_en_",
            Self::ResetLink => "soj_pr_",
            Self::NotMeLink => "soj_nm_",
            Self::InvitationLink => "soj_iv_",
            Self::AddressLink => "soj_al_",
            Self::AddressCode => "soj_ad_",
            Self::UndoLink => "soj_ul_",
            Self::SignUpLink => "soj_su_",
            Self::SignUpCode => "soj_sc_",
            Self::SamlNotice => "soj_sn_",
        }
    }
}

/// The content of a token that belongs to a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantToken {
    /// Id of the grant, or of the shared token if `shared` is set.
    pub grant: GrantId,
    /// Number of the access token, or generation of the refresh token.
    pub number: i64,
    /// Time at which it was issued.
    pub issued_at: Millis,
    /// Lifetime of the token in milliseconds.
    pub lifetime_ms: i64,
    /// Whether the token outlives the session (`offline_access`).
    pub offline: bool,
    /// Whether several sessions share it (`grant` names the shared token).
    pub shared: bool,
    /// A subset of the grant's scopes, separated by spaces; empty means all of them.
    pub narrowed: String,
}

impl GrantToken {
    /// Returns the time at which it expires.
    #[must_use]
    pub const fn expires_at(&self) -> Millis {
        self.issued_at.plus(self.lifetime_ms)
    }
}

/// The content of an access token that an application got for itself (client credentials).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientToken {
    /// The application that the token belongs to.
    pub app: AppId,
    /// The application's epoch at issue. The token is invalid once the application has a higher one.
    pub epoch: i64,
    /// Id of the token in the list of revoked tokens.
    pub id: [u8; 16],
    /// Time at which it was issued.
    pub issued_at: Millis,
    /// Lifetime of the token in milliseconds.
    pub lifetime_ms: i64,
    /// Granted scopes, separated by spaces.
    pub scopes: String,
}

/// The content of an opened access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenedAccess {
    /// The token belongs to a grant.
    Grant(GrantToken),
    /// The token belongs to an application itself, without a user.
    Client(ClientToken),
}

struct Subkeys {
    number: u8,
    /// Encryption and nonce keys in the order of [`TokenKind::ALL`].
    kinds: Vec<(LessSafeKey, hmac::Key)>,
}

/// Seals and opens tokens.
pub struct TokenSealer {
    keys: Vec<Subkeys>,
}

impl TokenSealer {
    /// Creates a sealer with the keys of a master key file. The last key seals; all keys open.
    ///
    /// # Errors
    /// [`SealError`] if the provider rejects a key.
    pub fn new(masters: &[MasterKey]) -> Result<Self, SealError> {
        let subkey = |master: &MasterKey, kind: TokenKind| {
            let key = aead_key(&master.derive(&format!("token {}", kind.prefix())))?;
            Ok((key, master.mac_key(&format!("token nonce {}", kind.prefix()))))
        };
        let keys = masters
            .iter()
            .map(|master| {
                let kinds = TokenKind::ALL.into_iter().map(|kind| subkey(master, kind));
                Ok(Subkeys { number: master.number, kinds: kinds.collect::<Result<_, _>>()? })
            })
            .collect::<Result<Vec<_>, SealError>>()?;
        Ok(Self { keys })
    }

    fn aad(kind: TokenKind, tenant: TenantId, number: u8) -> [u8; 17] {
        let mut aad = [0; 17];
        for (to, from) in aad
            .iter_mut()
            .zip(kind.prefix().bytes().chain(tenant.0.to_be_bytes()).chain([VERSION, number]))
        {
            *to = from;
        }
        aad
    }

    /// Seals a body as a token of the given kind and tenant.
    ///
    /// # Errors
    /// [`SealError`] if there is no key or the provider fails.
    pub fn seal(
        &self,
        kind: TokenKind,
        tenant: TenantId,
        body: &[u8],
    ) -> Result<String, SealError> {
        let keys = self.keys.last().ok_or(SealError)?;
        let (key, nonce_key) = keys.kinds.get(kind as usize).ok_or(SealError)?;
        let aad = Self::aad(kind, tenant, keys.number);
        let digest = hmac_sha256(nonce_key, &[&aad, body]);
        let nonce: [u8; NONCE_LEN] =
            digest.get(..NONCE_LEN).and_then(|n| n.try_into().ok()).ok_or(SealError)?;
        let mut sealed = Vec::with_capacity(2 + NONCE_LEN + body.len() + 16);
        sealed.extend_from_slice(&[VERSION, keys.number]);
        sealed.extend_from_slice(&nonce);
        let mut cipher = body.to_vec();
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(aad),
            &mut cipher,
        )
        .map_err(|_| SealError)?;
        sealed.extend_from_slice(&cipher);
        let mut text = String::from(kind.prefix());
        text.push_str(&b64url(&sealed));
        Ok(text)
    }

    /// Opens a token of the given kind and tenant; `None` for any other text.
    #[must_use]
    pub fn open(&self, kind: TokenKind, tenant: TenantId, text: &str) -> Option<Vec<u8>> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let mut sealed = unb64url(text.strip_prefix(kind.prefix())?)?;
        let (&mut [version, number], rest) = sealed.split_first_chunk_mut::<2>()?;
        if version != VERSION {
            return None;
        }
        let keys = self.keys.iter().find(|keys| keys.number == number)?;
        let (key, _) = keys.kinds.get(kind as usize)?;
        let (nonce, cipher) = rest.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let aad = Self::aad(kind, tenant, number);
        Some(key.open_in_place(nonce, Aad::from(aad), cipher).ok()?.to_vec())
    }

    /// Seals a token that belongs to a grant.
    ///
    /// # Errors
    /// [`SealError`] if there is no key or the provider fails.
    pub fn seal_grant(
        &self,
        kind: TokenKind,
        tenant: TenantId,
        token: &GrantToken,
    ) -> Result<String, SealError> {
        let mut body = Vec::with_capacity(42);
        let mut flags = 0;
        if token.offline {
            flags |= FLAG_OFFLINE;
        }
        if token.shared {
            flags |= FLAG_SHARED;
        }
        body.extend_from_slice(&[BODY_GRANT, flags]);
        body.extend_from_slice(&token.grant.0);
        for number in [token.number, token.issued_at.0, token.lifetime_ms] {
            body.extend_from_slice(&number.to_be_bytes());
        }
        body.extend_from_slice(token.narrowed.as_bytes());
        self.seal(kind, tenant, &body)
    }

    /// Opens a code or a refresh token; `None` for any other text.
    #[must_use]
    pub fn open_grant(&self, kind: TokenKind, tenant: TenantId, text: &str) -> Option<GrantToken> {
        read_grant(&self.open(kind, tenant, text)?)
    }

    /// Seals a token that an application got for itself.
    ///
    /// # Errors
    /// [`SealError`] if there is no key or the provider fails.
    pub fn seal_client(
        &self,
        kind: TokenKind,
        tenant: TenantId,
        token: &ClientToken,
    ) -> Result<String, SealError> {
        let mut body = Vec::with_capacity(64 + token.scopes.len());
        body.push(BODY_CLIENT);
        body.extend_from_slice(token.app.0.as_bytes());
        body.extend_from_slice(&token.id);
        for number in [token.epoch, token.issued_at.0, token.lifetime_ms] {
            body.extend_from_slice(&number.to_be_bytes());
        }
        body.extend_from_slice(token.scopes.as_bytes());
        self.seal(kind, tenant, &body)
    }

    /// Opens an access token, or the `jti` of a JWT access token; `None` for any other text.
    #[must_use]
    pub fn open_access(
        &self,
        kind: TokenKind,
        tenant: TenantId,
        text: &str,
    ) -> Option<OpenedAccess> {
        let body = self.open(kind, tenant, text)?;
        match body.first() {
            Some(&BODY_GRANT) => read_grant(&body).map(OpenedAccess::Grant),
            Some(&BODY_CLIENT) => read_client(&body).map(OpenedAccess::Client),
            _ => None,
        }
    }
}

fn number(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<8>()?;
    Some((i64::from_be_bytes(*head), rest))
}

fn read_grant(body: &[u8]) -> Option<GrantToken> {
    let (&[BODY_GRANT, flags], rest) = body.split_first_chunk::<2>()? else { return None };
    let (grant, rest) = rest.split_first_chunk::<16>()?;
    let (serial, rest) = number(rest)?;
    let (issued_at, rest) = number(rest)?;
    let (lifetime_ms, rest) = number(rest)?;
    Some(GrantToken {
        grant: GrantId(*grant),
        number: serial,
        issued_at: Millis(issued_at),
        lifetime_ms,
        offline: flags & FLAG_OFFLINE != 0,
        shared: flags & FLAG_SHARED != 0,
        narrowed: String::from_utf8(rest.to_vec()).ok()?,
    })
}

fn read_client(body: &[u8]) -> Option<ClientToken> {
    let (&[BODY_CLIENT], rest) = body.split_first_chunk::<1>()? else { return None };
    let (app, rest) = rest.split_first_chunk::<16>()?;
    let (id, rest) = rest.split_first_chunk::<16>()?;
    let (epoch, rest) = number(rest)?;
    let (issued_at, rest) = number(rest)?;
    let (lifetime_ms, rest) = number(rest)?;
    Some(ClientToken {
        app: AppId::from_slice(app).ok()?,
        epoch,
        id: *id,
        issued_at: Millis(issued_at),
        lifetime_ms,
        scopes: String::from_utf8(rest.to_vec()).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRng;

    fn token() -> GrantToken {
        GrantToken {
            grant: GrantId([7; 16]),
            number: 3,
            issued_at: Millis(1_700_000_000_123),
            lifetime_ms: 3_600_000,
            offline: true,
            shared: false,
            narrowed: String::new(),
        }
    }

    #[test]
    fn the_same_body_gives_the_same_text_and_opens() {
        let sealer = TokenSealer::new(&[MasterKey::generate(1, &SystemRng)]).expect("keys");
        let text = sealer.seal_grant(TokenKind::Access, TenantId(1), &token()).expect("seals");
        assert_eq!(
            text,
            sealer.seal_grant(TokenKind::Access, TenantId(1), &token()).expect("seals")
        );
        assert!(text.starts_with("soj_at_"));
        assert_eq!(
            sealer.open_access(TokenKind::Access, TenantId(1), &text),
            Some(OpenedAccess::Grant(token()))
        );
    }

    #[test]
    fn another_kind_tenant_key_or_byte_is_refused() {
        let sealer = TokenSealer::new(&[MasterKey::generate(1, &SystemRng)]).expect("keys");
        let text = sealer.seal_grant(TokenKind::Access, TenantId(1), &token()).expect("seals");
        assert_eq!(sealer.open_access(TokenKind::Access, TenantId(2), &text), None);
        let as_refresh = text.replace("soj_at_", "soj_rt_");
        assert_eq!(sealer.open_grant(TokenKind::Refresh, TenantId(1), &as_refresh), None);
        let other = TokenSealer::new(&[MasterKey::generate(1, &SystemRng)]).expect("keys");
        assert_eq!(other.open_access(TokenKind::Access, TenantId(1), &text), None);
        for at in 7..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).expect("ascii");
            assert_eq!(
                sealer.open_access(TokenKind::Access, TenantId(1), &changed),
                None,
                "byte {at}"
            );
        }
        for bad in ["", "soj_at_", "soj_at_AAAA", "soj_at_é", &"soj_at_A".repeat(9000)] {
            assert_eq!(sealer.open_access(TokenKind::Access, TenantId(1), bad), None);
        }
    }

    #[test]
    fn an_older_master_key_still_opens() {
        let old = MasterKey::generate(1, &SystemRng);
        let before = TokenSealer::new(std::slice::from_ref(&old)).expect("keys");
        let text = before.seal_grant(TokenKind::Refresh, TenantId(1), &token()).expect("seals");
        let after = TokenSealer::new(&[old, MasterKey::generate(2, &SystemRng)]).expect("keys");
        assert_eq!(after.open_grant(TokenKind::Refresh, TenantId(1), &text), Some(token()));
        assert_ne!(after.seal_grant(TokenKind::Refresh, TenantId(1), &token()), Ok(text));
    }

    #[test]
    fn client_tokens_carry_their_scopes() {
        let sealer = TokenSealer::new(&[MasterKey::generate(1, &SystemRng)]).expect("keys");
        let token = ClientToken {
            app: AppId::random(&SystemRng),
            epoch: 2,
            id: [9; 16],
            issued_at: Millis(5),
            lifetime_ms: 6,
            scopes: "internal_session_view".into(),
        };
        let text = sealer.seal_client(TokenKind::Access, TenantId(1), &token).expect("seals");
        assert_eq!(
            sealer.open_access(TokenKind::Access, TenantId(1), &text),
            Some(OpenedAccess::Client(token))
        );
    }
}
