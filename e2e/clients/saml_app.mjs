// An application on node-saml that listens: for the tests in a browser. It says its metadata and its address, and waits for the
// metadata of the identity provider.
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { SAML } from "@node-saml/node-saml";

const folder = mkdtempSync(join(tmpdir(), "saml-app-"));
const [key, pem] = [join(folder, "sp.key"), join(folder, "sp.pem")];
execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", pem, "-subj", "/CN=saml-app", "-days", "1"], { stdio: "ignore" });
const [privateKey, publicCert] = [readFileSync(key, "utf8"), readFileSync(pem, "utf8")];

const sessions = new Map();
let saml;

const read = async (request) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  return Object.fromEntries(new URLSearchParams(text));
};
const page = (response, text) => {
  response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
  response.end(`<!doctype html><html lang="en"><title>app</title><h1 id="who">${text}</h1><a id="out" href="/out">out</a></html>`);
};
const to = (response, location, headers = {}) => {
  response.writeHead(303, { location, ...headers });
  response.end();
};
const forget = ({ nameID }) => {
  for (const [id, profile] of sessions) if (profile.nameID === nameID) sessions.delete(id);
};

const answer = async (request, response) => {
  const url = new URL(request.url, home);
  const form = request.method === "POST" ? await read(request) : Object.fromEntries(url.searchParams);
  // Cookies don't know of ports.
  const name = `app${url.port}`;
  const id = new RegExp(`${name}=([^;]+)`).exec(request.headers.cookie ?? "")?.[1];
  const profile = sessions.get(id);
  if (url.pathname === "/acs") {
    const { profile } = await saml.validatePostResponseAsync(form);
    const id = randomUUID();
    sessions.set(id, profile);
    return to(response, "/", { "set-cookie": `${name}=${id}; Path=/; HttpOnly; SameSite=Lax` });
  }
  if (url.pathname === "/slo" && form.SAMLRequest) {
    const { profile } = await saml.validatePostRequestAsync(form);
    forget(profile);
    return to(response, await saml.getLogoutResponseUrlAsync(profile, form.RelayState ?? "", {}, true));
  }
  if (url.pathname === "/slo") {
    if (request.method === "POST") await saml.validatePostResponseAsync(form);
    else await saml.validateRedirectAsync(form, url.search.slice(1));
    if (profile) forget(profile);
    return page(response, "signed out by its own button");
  }
  if (url.pathname === "/out") return to(response, await saml.getLogoutUrlAsync(profile, "", {}));
  if (profile) return page(response, profile.attributes.email);
  if (url.pathname === "/quiet") return page(response, "nobody");
  return to(response, await saml.getAuthorizeUrlAsync("", undefined, {}));
};
const server = createServer((request, response) =>
  answer(request, response).catch((error) => {
    console.error(error);
    response.writeHead(500);
    response.end(String(error));
  }),
);
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const home = `http://127.0.0.1:${server.address().port}`;
const options = {
  issuer: `${home}/metadata`,
  callbackUrl: `${home}/acs`,
  logoutCallbackUrl: `${home}/slo`,
  entryPoint: "https://id.test/samlsso",
  idpCert: publicCert,
  privateKey,
  publicCert,
  signatureAlgorithm: "sha256",
  digestAlgorithm: "sha256",
  identifierFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
  disableRequestedAuthnContext: true,
};
const metadata = new SAML(options).generateServiceProviderMetadata(null, publicCert);
console.log(JSON.stringify({ metadata, home }));
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const idp = JSON.parse((await lines.next()).value).metadata;
const first = (pattern) => idp.match(pattern)[1];
options.entryPoint = first(/SingleSignOnService [^>]*HTTP-Redirect" Location="([^"]+)"/);
options.logoutUrl = first(/SingleLogoutService [^>]*HTTP-Redirect" Location="([^"]+)"/);
options.idpCert = first(/<ds:X509Certificate>([^<]+)</);
saml = new SAML(options);
console.log(JSON.stringify({ ready: true }));
// It ends with its input.
await lines.next();
process.exit(0);
