// openid-client against a provider that the test runs. Says on standard output what a person would do
// ("visit" an address), and reads where that led to from standard input; everything else it does and checks
// itself. A wrong answer ends it with an error.
import { createInterface } from "node:readline";

globalThis.crypto ??= (await import("node:crypto")).webcrypto;
const oidc = await import("openid-client");
const { generateKeyPair, exportJWK } = await import("jose");

const [issuer, callback] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");
const visit = async (url) => {
  say({ visit: String(url) });
  return JSON.parse((await lines.next()).value);
};
const must = (good, why) => {
  if (!good) throw new Error(why);
};
const insecure = { execute: [oidc.allowInsecureRequests] };
const register = (metadata, authentication) =>
  oidc.dynamicClientRegistration(
    new URL(issuer),
    { redirect_uris: [callback], ...metadata },
    authentication,
    insecure,
  );

// The code flow with everything around it.
async function codeFlow(config, more = {}) {
  const verifier = oidc.randomPKCECodeVerifier();
  const state = oidc.randomState();
  const nonce = oidc.randomNonce();
  const parameters = {
    redirect_uri: callback,
    scope: "openid email profile offline_access",
    prompt: "consent",
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
    nonce,
    ...more,
  };
  const back = await visit(oidc.buildAuthorizationUrl(config, parameters));
  const tokens = await oidc.authorizationCodeGrant(config, new URL(back.url), {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
    idTokenExpected: true,
  });
  return tokens;
}

const basic = await register({ grant_types: ["authorization_code", "refresh_token"] }, undefined);
const tokens = await codeFlow(basic);
const claims = tokens.claims();
const who = await oidc.fetchUserInfo(basic, tokens.access_token, claims.sub);
must(who.email === "alex@example.test", "userinfo has the mail address");
const fresh = await oidc.refreshTokenGrant(basic, tokens.refresh_token);
must((await oidc.tokenIntrospection(basic, fresh.access_token)).active, "active after a refresh");
await oidc.tokenRevocation(basic, fresh.refresh_token);
must(!(await oidc.tokenIntrospection(basic, fresh.access_token)).active, "dead after revocation");
const spent = await oidc.refreshTokenGrant(basic, tokens.refresh_token).catch((error) => error);
must(spent.error === "invalid_grant", "a dead refresh token is invalid_grant");

// Every algorithm of ID tokens.
for (const alg of ["PS256", "ES256", "EdDSA"]) {
  const client = await register({ id_token_signed_response_alg: alg }, undefined);
  await codeFlow(client);
}

// A key of the client's own: authentication, and a signed request.
const pair = await generateKeyPair("ES256", { extractable: true });
const jwk = { ...(await exportJWK(pair.publicKey)), alg: "ES256", use: "sig", kid: "mine" };
const key = { key: pair.privateKey, kid: "mine" };
const own = await register(
  {
    jwks: { keys: [jwk] },
    token_endpoint_auth_method: "private_key_jwt",
    token_endpoint_auth_signing_alg: "ES256",
    request_object_signing_alg: "ES256",
  },
  oidc.PrivateKeyJwt(key),
);
await codeFlow(own);
const verifier = oidc.randomPKCECodeVerifier();
const signed = await oidc.buildAuthorizationUrlWithJAR(
  own,
  {
    redirect_uri: callback,
    scope: "openid",
    state: "signed",
    nonce: "nonce",
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  },
  key,
);
signed.searchParams.set("scope", "openid");
signed.searchParams.set("response_type", "code");
const jar = await visit(signed);
await oidc.authorizationCodeGrant(own, new URL(jar.url), {
  pkceCodeVerifier: verifier,
  expectedState: "signed",
  expectedNonce: "nonce",
});

// client_secret_post, client_secret_jwt.
const post = await register({ token_endpoint_auth_method: "client_secret_post" }, oidc.ClientSecretPost());
await codeFlow(post);
const mac = await register(
  { token_endpoint_auth_method: "client_secret_jwt", token_endpoint_auth_signing_alg: "HS256" },
  oidc.ClientSecretJwt(),
);
await codeFlow(mac);

// Hybrid and implicit flows. The checks of hashes and signatures are the library's.
const hybrid = await register({ response_types: ["code id_token"] }, undefined);
oidc.useCodeIdTokenResponseType(hybrid);
await codeFlow(hybrid, { scope: "openid" });
const implicit = await register({ response_types: ["id_token"] }, undefined);
oidc.useIdTokenResponseType(implicit);
const nonce = oidc.randomNonce();
const url = oidc.buildAuthorizationUrl(implicit, { redirect_uri: callback, scope: "openid", nonce, state: "s" });
const back = await visit(url);
const told = await oidc.implicitAuthentication(implicit, new URL(back.url), nonce, { expectedState: "s" });
must(told.sub === claims.sub, "the same person");

// Form post.
const posted = await register({}, undefined);
const state = oidc.randomState();
const form = await visit(
  oidc.buildAuthorizationUrl(posted, {
    redirect_uri: callback,
    scope: "openid",
    response_mode: "form_post",
    state,
  }),
);
const request = new Request(callback, {
  method: "POST",
  headers: { "content-type": "application/x-www-form-urlencoded" },
  body: new URLSearchParams(form.form),
});
await oidc.authorizationCodeGrant(posted, request, { expectedState: state });

// Signing out.
const end = oidc.buildEndSessionUrl(basic, { id_token_hint: tokens.id_token, state: "bye" });
await visit(end);
const silent = await visit(
  oidc.buildAuthorizationUrl(posted, { redirect_uri: callback, scope: "openid", prompt: "none", state: "x" }),
);
const refused = await oidc
  .authorizationCodeGrant(posted, new URL(silent.url), { expectedState: "x" })
  .catch((error) => error);
must(refused.error === "login_required", "signed out: " + refused.error);
say({ done: true });
process.exit(0);
