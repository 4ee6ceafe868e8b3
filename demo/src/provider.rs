//! Everything between the application and the identity server, through a client library.

use std::sync::Mutex;
use std::time::Duration;

use openidconnect::core::{
    CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreJsonWebKeySet, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse, IssuerUrl,
    Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier,
    ProviderMetadataWithLogout, RedirectUrl, Scope, TokenResponse as _,
};
use tokio::sync::OnceCell;

use crate::logout_token::{self, Expected, Notice};
use crate::{AppError, AppOptions};

/// A sign-in that is under way.
pub(crate) struct Flow {
    state: CsrfToken,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
}

impl Flow {
    pub(crate) fn state(&self) -> &str {
        self.state.secret()
    }
}

/// A person who is signed in.
#[derive(Clone)]
pub(crate) struct SignedIn {
    pub(crate) sub: String,
    pub(crate) sid: String,
    pub(crate) name: String,
    pub(crate) id_token: String,
    pub(crate) access_token: String,
}

pub(crate) struct Provider {
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: ClientSecret,
    alg: CoreJwsSigningAlgorithm,
    http: reqwest::Client,
    metadata: OnceCell<ProviderMetadataWithLogout>,
    // Read again when a token names a key that isn't known: keys rotate.
    keys: Mutex<Option<CoreJsonWebKeySet>>,
}

fn provider(error: impl std::fmt::Display) -> AppError {
    AppError::Provider(error.to_string())
}

/// What asks the identity server: it trusts the demonstration's own authority alone.
pub(crate) fn http_client(options: &AppOptions) -> Result<reqwest::Client, AppError> {
    let ca_file = options.tls_folder.join("ca.pem");
    let wrong = |error: String| AppError::File(ca_file.clone(), error);
    let pem = std::fs::read(&ca_file).map_err(|error| wrong(error.to_string()))?;
    let ca = reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| wrong(e.to_string()))?;
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .tls_certs_only(ca)
        .build()
        .map_err(provider)
}

impl Provider {
    pub(crate) fn new(options: &AppOptions) -> Result<Self, AppError> {
        let http = http_client(options)?;
        Ok(Self {
            issuer: IssuerUrl::new(options.issuer.clone()).map_err(provider)?,
            client_id: ClientId::new(options.client_id.clone()),
            client_secret: ClientSecret::new(options.client_secret.clone()),
            alg: match options.signing_alg.as_str() {
                "ES256" => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
                _ => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
            },
            http,
            metadata: OnceCell::new(),
            keys: Mutex::new(None),
        })
    }

    async fn send(http: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, Sent> {
        let request: reqwest::Request = request.try_into().map_err(Sent::Reqwest)?;
        let answer = http.execute(request).await.map_err(Sent::Reqwest)?;
        let mut response = http::Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            response = response.header(name, value);
        }
        let body = answer.bytes().await.map_err(Sent::Reqwest)?.to_vec();
        response.body(body).map_err(Sent::Http)
    }

    async fn metadata(&self) -> Result<&ProviderMetadataWithLogout, AppError> {
        let http = self.http.clone();
        self.metadata
            .get_or_try_init(|| async {
                let client = |request| Self::send(http.clone(), request);
                let found =
                    ProviderMetadataWithLogout::discover_async(self.issuer.clone(), &client)
                        .await
                        .map_err(|error| provider(chain(&error)))?;
                self.keep_keys(found.jwks().clone());
                Ok(found)
            })
            .await
    }

    fn keep_keys(&self, keys: CoreJsonWebKeySet) {
        *self.keys.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(keys);
    }

    fn kept_keys(&self) -> Option<CoreJsonWebKeySet> {
        self.keys.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// The address of the identity server to which a browser goes.
    pub(crate) async fn begin(
        &self,
        redirect_uri: &str,
        silent: bool,
    ) -> Result<(String, Flow), AppError> {
        let client = CoreClient::from_provider_metadata(
            self.metadata().await?.clone(),
            self.client_id.clone(),
            Some(self.client_secret.clone()),
        )
        .set_redirect_uri(RedirectUrl::new(redirect_uri.to_owned()).map_err(provider)?);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scope(Scope::new("profile".into()))
            .add_scope(Scope::new("email".into()))
            .set_pkce_challenge(challenge);
        if silent {
            request = request.add_prompt(CoreAuthPrompt::None);
        }
        let (address, state, nonce) = request.url();
        Ok((address.to_string(), Flow { state, nonce, verifier }))
    }

    /// Redeems a code, checks the ID token and asks who it is.
    pub(crate) async fn finish(
        &self,
        flow: Flow,
        code: String,
        redirect_uri: &str,
    ) -> Result<SignedIn, AppError> {
        let client = CoreClient::from_provider_metadata(
            self.metadata().await?.clone(),
            self.client_id.clone(),
            Some(self.client_secret.clone()),
        )
        .set_redirect_uri(RedirectUrl::new(redirect_uri.to_owned()).map_err(provider)?);
        let http = self.http.clone();
        let send = move |request| Self::send(http.clone(), request);
        let answer = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(provider)?
            .set_pkce_verifier(flow.verifier)
            .request_async(&send)
            .await
            .map_err(|error| provider(chain(&error)))?;
        let id_token = answer.id_token().ok_or_else(|| provider("no ID token"))?;
        let verifier = client.id_token_verifier().set_allowed_algs([self.alg.clone()]);
        let claims = id_token.claims(&verifier, &flow.nonce).map_err(provider)?;
        let text = id_token.to_string();
        let sid = logout_token::unverified_claim(&text, "sid")
            .ok_or_else(|| provider("the ID token has no sid"))?;
        let access_token = answer.access_token().secret().to_owned();
        let (_, who) = self.userinfo(&access_token).await?;
        let who: serde_json::Value = serde_json::from_str(&who).unwrap_or_default();
        let named = ["preferred_username", "name"];
        let name = named.iter().find_map(|claim| who.get(*claim)?.as_str());
        Ok(SignedIn {
            sub: claims.subject().to_string(),
            sid,
            name: name.unwrap_or_default().to_owned(),
            id_token: text,
            access_token,
        })
    }

    pub(crate) async fn userinfo(&self, access_token: &str) -> Result<(u16, String), AppError> {
        let metadata = self.metadata().await?;
        let endpoint =
            metadata.userinfo_endpoint().ok_or_else(|| provider("no userinfo endpoint"))?;
        let request = self.http.get(endpoint.url().clone()).bearer_auth(access_token);
        let answer = request.send().await.map_err(provider)?;
        Ok((answer.status().as_u16(), answer.text().await.map_err(provider)?))
    }

    /// Where a browser goes to sign out at the identity server as well.
    pub(crate) async fn logout_address(
        &self,
        id_token: &str,
        back: &str,
    ) -> Result<String, AppError> {
        let metadata = self.metadata().await?;
        let endpoint = metadata
            .additional_metadata()
            .end_session_endpoint
            .as_ref()
            .ok_or_else(|| provider("no end_session_endpoint"))?;
        let mut address = endpoint.url().clone();
        address
            .query_pairs_mut()
            .append_pair("id_token_hint", id_token)
            .append_pair("post_logout_redirect_uri", back);
        Ok(address.to_string())
    }

    /// Checks a logout token; the text says why one is refused.
    pub(crate) async fn check_logout_token(&self, token: &str) -> Result<Notice, &'static str> {
        let expected = Expected {
            issuer: self.issuer.as_str(),
            client_id: self.client_id.as_str(),
            alg: &self.alg,
        };
        // Who never signed anyone in has no keys yet.
        self.metadata().await.map_err(|_| "the keys of the identity server can't be read")?;
        let keys = self.kept_keys().ok_or("no keys")?;
        match logout_token::check(token, &keys, &expected) {
            Err(logout_token::UNKNOWN_KEY) => {
                let fresh = self.read_keys().await.map_err(|_| "the keys can't be read")?;
                self.keep_keys(fresh.clone());
                logout_token::check(token, &fresh, &expected)
            }
            other => other,
        }
    }

    async fn read_keys(&self) -> Result<CoreJsonWebKeySet, AppError> {
        let http = self.http.clone();
        let send = move |request| Self::send(http.clone(), request);
        CoreJsonWebKeySet::fetch_async(self.metadata().await?.jwks_uri(), &send)
            .await
            .map_err(|error| provider(chain(&error)))
    }
}

/// Why a request of the library didn't get its answer.
#[derive(Debug, thiserror::Error)]
enum Sent {
    #[error(transparent)]
    Reqwest(reqwest::Error),
    #[error(transparent)]
    Http(http::Error),
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
