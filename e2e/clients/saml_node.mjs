// A service provider by node-saml. It speaks with the test over standard input and output, a line of JSON each.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { SAML } from "@node-saml/node-saml";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (what) => console.log(JSON.stringify(what));
const ask = async (what) => {
  say(what);
  return JSON.parse((await lines.next()).value);
};

const folder = mkdtempSync(join(tmpdir(), "node-saml-"));
const [key, pem] = [join(folder, "sp.key"), join(folder, "sp.pem")];
execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", pem, "-subj", "/CN=node-saml", "-days", "1"], { stdio: "ignore" });
const [privateKey, publicCert] = [readFileSync(key, "utf8"), readFileSync(pem, "utf8")];

const options = {
  issuer: "https://node-saml.test/metadata",
  callbackUrl: "https://client.test/callback",
  logoutCallbackUrl: "https://client.test/slo",
  entryPoint: "https://id.test/samlsso",
  idpCert: publicCert,
  privateKey,
  publicCert,
  signatureAlgorithm: "sha256",
  digestAlgorithm: "sha256",
  identifierFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
  disableRequestedAuthnContext: true,
  validateInResponseTo: "always",
  signMetadata: false,
};
const metadata = new SAML(options).generateServiceProviderMetadata(null, publicCert);
const idp = (await ask({ metadata })).metadata;
const first = (pattern) => idp.match(pattern)[1];
options.entryPoint = first(/SingleSignOnService [^>]*HTTP-Redirect" Location="([^"]+)"/);
options.logoutUrl = first(/SingleLogoutService [^>]*HTTP-Redirect" Location="([^"]+)"/);
options.idpCert = first(/<ds:X509Certificate>([^<]+)</);
options.idpIssuer = first(/entityID="([^"]+)"/);
// By default it wants response and assertion signed.
const sp = new SAML(options);

const signOn = async (service, visit) => {
  const { form } = await ask(visit ?? { visit: await service.getAuthorizeUrlAsync("back", undefined, {}) });
  assert.equal(form.RelayState, "back");
  const { profile } = await service.validatePostResponseAsync(form);
  return profile;
};
const profile = await signOn(sp);
assert.equal(profile.issuer, options.idpIssuer);
assert.equal(profile.nameIDFormat, options.identifierFormat);
assert.equal(profile.attributes.email, "alex@example.test");

// By a form: it compresses there as well, and signs the document.
const posting = new SAML({ ...options, authnRequestBinding: "HTTP-POST" });
const again = await signOn(posting, { page: await posting.getAuthorizeFormAsync("back") });
assert.equal(again.nameID, profile.nameID);
assert.equal(again.sessionIndex, profile.sessionIndex);

// Passive, where somebody is signed in; and not, where a fresh proof is wanted.
const passive = new SAML({ ...options, passive: true });
assert.equal((await signOn(passive)).nameID, profile.nameID);
const forced = new SAML({ ...options, forceAuthn: true });
assert.equal((await signOn(forced)).nameID, profile.nameID);

// A logout that it begins, by query; the answer is signed in the query or the document.
const { url, form } = await ask({ visit: await sp.getLogoutUrlAsync(profile, "bye", {}) });
if (url) {
  const query = new URL(url).search.slice(1);
  const container = Object.fromEntries(new URLSearchParams(query));
  assert.equal(container.RelayState, "bye");
  assert.equal((await sp.validateRedirectAsync(container, query)).loggedOut, true);
} else {
  assert.equal(form.RelayState, "bye");
  // It looks for InResponseTo in `Response` alone, and so finds none here.
  const lenient = new SAML({ ...options, validateInResponseTo: "never" });
  assert.equal((await lenient.validatePostResponseAsync(form)).loggedOut, true);
}
assert.equal((await ask({ signed_in: "alex" })).sessions, 0);
// Nobody is signed in, and nobody may be asked.
const nobody = await ask({ visit: await passive.getAuthorizeUrlAsync("back", undefined, {}), alone: true });
const { profile: none, loggedOut } = await passive.validatePostResponseAsync(nobody.form);
assert.deepEqual([none, loggedOut], [null, false]);
say({ done: true });
process.exit(0);
