//! An authorization code that carries its grant: nothing is written before it is redeemed.
//!
//! [`sojourn_crypto::TokenSealer`] encrypts and authenticates the body. Its format: one byte for the kind of code,
//! one byte of flags, one for the binding, ids and numbers of fixed length, then texts, each after its length in two
//! bytes.

use sojourn_model::{
    AccessTokenBinding, AppId, Grant, GrantId, GrantKind, Millis, SessionId, Sid, TenantId,
    grant::CodeState,
};
use sojourn_store::CodeStanding;

/// First byte of the body. A [`sojourn_crypto::GrantToken`], which refers to a row, has the value 1.
const BODY: u8 = 3;
const OFFLINE: u8 = 1;
const OUTLIVES_LOGOUT: u8 = 2;
const CHALLENGE: u8 = 4;
const NONCE: u8 = 8;
const APPROVED: u8 = 16;
/// Maximum total length of a code's texts, in bytes. A grant with longer ones gets a row: codes are part of URLs, and
/// proxies limit the length of those.
const BODY_BYTES_MAX: usize = 640;

/// The grant that a code carries, and what its redemption depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealedCode {
    pub(crate) grant: GrantId,
    pub(crate) session: SessionId,
    pub(crate) app: AppId,
    pub(crate) sid: Sid,
    /// Value of [`sojourn_model::Participation::cut`] when the code was issued.
    pub(crate) cut: i64,
    pub(crate) issued_at: Millis,
    pub(crate) lifetime_ms: i64,
    pub(crate) auth_time: Millis,
    pub(crate) offline: bool,
    pub(crate) outlives_logout: bool,
    pub(crate) binding: AccessTokenBinding,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: String,
    pub(crate) detail: String,
    pub(crate) challenge: Option<String>,
    pub(crate) nonce: Option<String>,
    /// The scopes that the user approved, if the application requires consent.
    pub(crate) approved: Option<String>,
}

impl SealedCode {
    /// The code of a grant. `None` if the grant has no code or session, or if the code would be too long.
    pub(crate) fn of(grant: &Grant, lifetime_ms: i64, approved: Option<&str>) -> Option<Self> {
        let CodeState::Issued { redirect_uri, challenge, nonce } = &grant.code else { return None };
        let code = Self {
            grant: grant.id,
            session: grant.session?,
            app: grant.app,
            sid: grant.sid,
            cut: grant.stay_cut,
            issued_at: grant.created_at,
            lifetime_ms,
            auth_time: grant.auth_time,
            offline: grant.offline,
            outlives_logout: grant.outlives_logout,
            binding: grant.binding,
            redirect_uri: redirect_uri.clone(),
            scopes: grant.scopes.clone(),
            detail: grant.detail.clone(),
            challenge: challenge.clone(),
            nonce: nonce.clone(),
            approved: approved.map(str::to_owned),
        };
        (code.text_bytes() <= BODY_BYTES_MAX).then_some(code)
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        [&*self.redirect_uri, &*self.scopes, &*self.detail].into_iter().chain(
            [&self.challenge, &self.nonce, &self.approved]
                .into_iter()
                .filter_map(|text| text.as_deref()),
        )
    }

    fn text_bytes(&self) -> usize {
        self.texts().map(|text| text.len() + 2).sum()
    }

    /// The time at which the code expires.
    pub(crate) const fn expires_at(&self) -> Millis {
        self.issued_at.plus(self.lifetime_ms)
    }

    /// Encodes the body, which is then sealed.
    pub(crate) fn body(&self) -> Vec<u8> {
        let mut flags = 0;
        for (is, flag) in [
            (self.offline, OFFLINE),
            (self.outlives_logout, OUTLIVES_LOGOUT),
            (self.challenge.is_some(), CHALLENGE),
            (self.nonce.is_some(), NONCE),
            (self.approved.is_some(), APPROVED),
        ] {
            flags |= if is { flag } else { 0 };
        }
        let binding = match self.binding {
            AccessTokenBinding::SsoSession => 0,
            AccessTokenBinding::None => 1,
            AccessTokenBinding::Cookie => 2,
        };
        let mut body = Vec::with_capacity(128 + self.text_bytes());
        body.extend_from_slice(&[BODY, flags, binding]);
        body.extend_from_slice(&self.grant.0);
        body.extend_from_slice(&self.session.0);
        body.extend_from_slice(self.app.0.as_bytes());
        body.extend_from_slice(&self.sid.0);
        for number in [self.cut, self.issued_at.0, self.lifetime_ms, self.auth_time.0] {
            body.extend_from_slice(&number.to_be_bytes());
        }
        for text in self.texts() {
            // At most `BODY_BYTES_MAX` bytes.
            body.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
            body.extend_from_slice(text.as_bytes());
        }
        body
    }

    /// Decodes the output of [`SealedCode::body`]; `None` for anything else.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let (&[BODY, flags, binding], mut rest) = body.split_first_chunk::<3>()? else {
            return None;
        };
        let rest = &mut rest;
        let code = Self {
            grant: GrantId(take(rest)?),
            session: SessionId(take(rest)?),
            app: AppId::from_slice(&take::<16>(rest)?).ok()?,
            sid: Sid(take(rest)?),
            cut: i64::from_be_bytes(take(rest)?),
            issued_at: Millis(i64::from_be_bytes(take(rest)?)),
            lifetime_ms: i64::from_be_bytes(take(rest)?),
            auth_time: Millis(i64::from_be_bytes(take(rest)?)),
            offline: flags & OFFLINE != 0,
            outlives_logout: flags & OUTLIVES_LOGOUT != 0,
            binding: match binding {
                0 => AccessTokenBinding::SsoSession,
                1 => AccessTokenBinding::None,
                2 => AccessTokenBinding::Cookie,
                _ => return None,
            },
            redirect_uri: text(rest)?,
            scopes: text(rest)?,
            detail: text(rest)?,
            challenge: if flags & CHALLENGE == 0 { None } else { Some(text(rest)?) },
            nonce: if flags & NONCE == 0 { None } else { Some(text(rest)?) },
            approved: if flags & APPROVED == 0 { None } else { Some(text(rest)?) },
        };
        rest.is_empty().then_some(code)
    }

    /// The grant that is created when the code is redeemed.
    pub(crate) fn grant(
        &self,
        tenant: TenantId,
        standing: &CodeStanding,
        now: Millis,
        refresh: bool,
        expires_at: Millis,
    ) -> Grant {
        Grant {
            tenant,
            id: self.grant,
            user: standing.user,
            app: self.app,
            session: Some(self.session),
            sid: self.sid,
            sub: standing.sub.clone(),
            kind: GrantKind::Code,
            scopes: self.scopes.clone(),
            offline: self.offline,
            binding: self.binding,
            auth_time: self.auth_time,
            created_at: now,
            // The row is how a second redemption is detected, so it stays at least until the code expires.
            expires_at: expires_at.max(self.expires_at()),
            code: CodeState::Redeemed,
            token_number: 1,
            token_issued_at: now,
            refresh_generation: i64::from(refresh),
            refresh_issued_at: if refresh { now } else { Millis(0) },
            ended: false,
            outlives_logout: self.outlives_logout,
            stay_cut: self.cut,
            detail: self.detail.clone(),
        }
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn text(rest: &mut &[u8]) -> Option<String> {
    let length = usize::from(u16::from_be_bytes(take(rest)?));
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    String::from_utf8(head.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code() -> SealedCode {
        SealedCode {
            grant: GrantId([1; 16]),
            session: SessionId([2; 32]),
            app: AppId::from_slice(&[3; 16]).expect("an id"),
            sid: Sid([4; 16]),
            cut: 5,
            issued_at: Millis(6),
            lifetime_ms: 60_000,
            auth_time: Millis(-7),
            offline: true,
            outlives_logout: false,
            binding: AccessTokenBinding::Cookie,
            redirect_uri: "https://app.example/callback".into(),
            scopes: "openid offline_access".into(),
            detail: "{}".into(),
            challenge: None,
            nonce: Some("n-ü".into()),
            approved: Some(String::new()),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let whole = code();
        assert_eq!(SealedCode::read(&whole.body()), Some(whole.clone()));
        let bare = SealedCode {
            binding: AccessTokenBinding::SsoSession,
            offline: false,
            outlives_logout: true,
            challenge: Some("c".repeat(43)),
            nonce: None,
            approved: None,
            ..whole
        };
        assert_eq!(SealedCode::read(&bare.body()), Some(bare));
    }

    #[test]
    fn what_is_cut_short_longer_or_of_another_kind_is_nothing() {
        let body = code().body();
        for length in 0..body.len() {
            assert_eq!(SealedCode::read(&body[..length]), None, "{length} bytes");
        }
        let mut longer = body.clone();
        longer.push(0);
        assert_eq!(SealedCode::read(&longer), None);
        let mut other = body;
        other[0] = 1;
        assert_eq!(SealedCode::read(&other), None);
    }
}
