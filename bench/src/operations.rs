//! The operations, each on a connection of its own with what it needs from one turn to the next.

use base64url::encode;
use serde_json::Value;
use sojourn_saml::binding::{Kind as MessageKind, redirect};
use sojourn_saml::message::instant;
use sojourn_saml::xml::Element;
use sojourn_testkit::authenticator::SoftKey;

use crate::client::{Connection, Target, bare, post};
use crate::passkey::Tab;
use crate::seed;
use crate::server::SECRET;

mod base64url {
    pub(super) fn encode(bytes: &[u8]) -> String {
        sojourn_crypto::b64url(bytes)
    }
}

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CALLBACK: &str = "https://app.test/callback";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Authorize and token on an existing session.
    CodeFlow(&'static str),
    /// Refresh with rotation.
    Refresh,
    /// Introspection of an active token.
    Introspect,
    /// Userinfo.
    Userinfo,
    /// Client credentials.
    ClientCredentials,
    /// The sign-in page and a passkey.
    Passkey,
    /// A request of a service provider on an existing session, and its response.
    Saml(&'static str),
}

/// A connection with its state.
pub(crate) struct Worker {
    pub(crate) connection: Connection,
    kind: Kind,
    session: u64,
    access: String,
    refresh: String,
    origin: String,
    key: Option<SoftKey>,
    turns: u64,
}

pub(crate) fn basic(client: &str) -> String {
    let text = format!("{client}:{SECRET}");
    format!("authorization: Basic {}\r\n", standard_base64(text.as_bytes()))
}

fn standard_base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let mut word = [0_u8; 3];
        word[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, word[0], word[1], word[2]]);
        for n in 0..4 {
            if n <= chunk.len() {
                out.push(char::from(DIGITS[(bits >> (18 - 6 * n) & 63) as usize]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

/// A code flow on the session of a number; answers the tokens.
pub(crate) async fn code_flow(connection: &mut Connection, client: &str, session: u64) -> Value {
    let cookie = format!("cookie: __Host-sojourn={}\r\n", encode(&seed::secret(session)));
    let path = format!(
        "/oauth2/authorize?response_type=code&client_id={client}&redirect_uri=https%3A%2F%2Fapp.test\
         %2Fcallback&scope=openid%20profile&state=af0ifjsldkj&nonce=n-0S6_WzA2Mj&code_challenge=\
         {CHALLENGE}&code_challenge_method=S256"
    );
    let answer = connection.send(&bare("GET", &path, &cookie)).await;
    let location = answer.header("location").unwrap_or_default();
    let code = location
        .split_once("code=")
        .and_then(|(_, rest)| rest.split('&').next())
        .unwrap_or_else(|| panic!("no code: {} {}", answer.status, answer.head))
        .to_owned();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &*code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let answer = connection.send(&post("/oauth2/token", &basic(client), &form)).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    answer.json()
}

/// A sign-on at a service provider, on the session of a number.
async fn sign_on(connection: &mut Connection, entity_id: &str, session: u64, id: &str) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.expect("after 1970").as_millis();
    let now = sojourn_model::Millis(i64::try_from(now).expect("this age"));
    let request = Element::new("samlp:AuthnRequest")
        .attr("ID", id)
        .attr("Version", "2.0")
        .attr("IssueInstant", instant(now))
        .child(Element::new("saml:Issuer").text(entity_id))
        .write();
    let path = redirect("/samlsso", MessageKind::Request, &request, Some("state"), None);
    let cookie = format!("cookie: __Host-sojourn={}\r\n", encode(&seed::secret(session)));
    let answer = connection.send(&bare("GET", &path.expect("encodes"), &cookie)).await;
    let found = answer.body.windows(14).any(|part| part == b"\"SAMLResponse\"");
    assert!(found, "{}", String::from_utf8_lossy(&answer.body));
}

impl Worker {
    /// Opens a connection and brings it to where the operation can be repeated.
    pub(crate) async fn new(target: &Target, kind: Kind, number: u64) -> Self {
        let mut connection = Connection::open(target).await;
        let (mut access, mut refresh) = (String::new(), String::new());
        let scheme = if target.tls.is_some() { "https" } else { "http" };
        let origin = format!("{scheme}://localhost:{}", target.port);
        let mut key = None;
        if kind == Kind::Passkey {
            let mut tab = Tab { connection: &mut connection, origin: &origin };
            key = Some(tab.enrol(&format!("user-{number}")).await);
        } else if !matches!(kind, Kind::ClientCredentials | Kind::Saml(_)) {
            let client = if let Kind::CodeFlow(client) = kind { client } else { "rs256" };
            let tokens = code_flow(&mut connection, client, number).await;
            access = tokens["access_token"].as_str().expect("a token").to_owned();
            refresh = tokens["refresh_token"].as_str().expect("a token").to_owned();
        }
        Self { connection, kind, session: number, access, refresh, origin, key, turns: 0 }
    }

    /// Does the operation once, and checks its answer.
    pub(crate) async fn turn(&mut self) {
        self.turns += 1;
        match self.kind {
            Kind::CodeFlow(client) => {
                code_flow(&mut self.connection, client, self.session).await;
            }
            Kind::Refresh => {
                let form = [("grant_type", "refresh_token"), ("refresh_token", &*self.refresh)];
                let request = post("/oauth2/token", &basic("rs256"), &form);
                let answer = self.connection.send(&request).await;
                assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
                let token = answer.json();
                self.refresh = token["refresh_token"].as_str().expect("a token").to_owned();
            }
            Kind::Introspect => {
                let request =
                    post("/oauth2/introspect", &basic("rs256"), &[("token", &self.access)]);
                let answer = self.connection.send(&request).await;
                assert!(answer.body.starts_with(b"{\"active\":true"));
            }
            Kind::Userinfo => {
                let bearer = format!("authorization: Bearer {}\r\n", self.access);
                let answer = self.connection.send(&bare("GET", "/oauth2/userinfo", &bearer)).await;
                assert_eq!(answer.status, 200);
            }
            Kind::Passkey => {
                let mut tab = Tab { connection: &mut self.connection, origin: &self.origin };
                tab.sign_in(self.key.as_mut().expect("a key")).await;
            }
            Kind::Saml(entity_id) => {
                let id = format!("_{}-{}", self.session, self.turns);
                sign_on(&mut self.connection, entity_id, self.session, &id).await;
            }
            Kind::ClientCredentials => {
                let form = [("grant_type", "client_credentials")];
                let request = post("/oauth2/token", &basic("machine"), &form);
                assert_eq!(self.connection.send(&request).await.status, 200);
            }
        }
    }
}
