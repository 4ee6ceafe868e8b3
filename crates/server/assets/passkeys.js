// Passkeys and security keys: asks the browser for one, and sends its answer with the form.
"use strict";
(() => {
  const kinds = window.PublicKeyCredential;
  if (!kinds || !navigator.credentials) return;
  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const known = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  // Written out: toJSON() is missing in older browsers, and wrong in some extensions.
  const answer = (credential) => {
    const from = credential.response;
    const response = { clientDataJSON: text(from.clientDataJSON) };
    if (from.attestationObject) {
      response.attestationObject = text(from.attestationObject);
      response.transports = from.getTransports ? from.getTransports() : [];
    } else {
      response.authenticatorData = text(from.authenticatorData);
      response.signature = text(from.signature);
      if (from.userHandle) response.userHandle = text(from.userHandle);
    }
    const id = text(credential.rawId);
    return JSON.stringify({ id, rawId: id, type: credential.type, response, clientExtensionResults: {} });
  };

  // One request at a time: the one behind the autofill gives way to a button.
  let running;
  const ask = async (form, mediation) => {
    running?.abort();
    running = new AbortController();
    const { signal } = running;
    const options = JSON.parse(form.dataset.options);
    const publicKey = { ...options, challenge: bytes(options.challenge) };
    const said = form.querySelector("[data-key-error]");
    said.hidden = true;
    try {
      let credential;
      if (form.dataset.key === "create") {
        publicKey.user = { ...options.user, id: bytes(options.user.id) };
        publicKey.excludeCredentials = known(options.excludeCredentials);
        credential = await navigator.credentials.create({ publicKey, mediation, signal });
      } else {
        publicKey.allowCredentials = known(options.allowCredentials);
        credential = await navigator.credentials.get({ publicKey, mediation, signal });
      }
      if (!credential) return;
      form.elements.credential.value = answer(credential);
      // What is ticked beside the other way to sign in counts for this one as well.
      for (const field of form.querySelectorAll("input[type=hidden][disabled]")) {
        const box = document.querySelector(`input[type=checkbox][name=${field.name}]`);
        field.disabled = !box?.checked;
      }
      for (const field of form.querySelectorAll("input[data-copy]")) {
        field.value = document.getElementById(field.dataset.copy).value;
      }
      form.requestSubmit();
    } catch (error) {
      if (error.name === "AbortError" || mediation === "conditional") return;
      said.textContent =
        error.name === "InvalidStateError" ? form.dataset.known : form.dataset.cancelled;
      said.hidden = false;
    }
  };

  for (const form of document.querySelectorAll("form[data-key]")) {
    const button = form.querySelector("[data-key-ask]");
    form.hidden = false;
    button.addEventListener("click", () => {
      if (form.reportValidity()) ask(form);
    });
    if ("conditional" in form.dataset && kinds.isConditionalMediationAvailable) {
      kinds.isConditionalMediationAvailable().then((can) => can && ask(form, "conditional"));
    }
    // A password manager that just filled in the password may add a passkey to it without a dialog.
    if ("upgrade" in form.dataset && kinds.getClientCapabilities) {
      kinds.getClientCapabilities().then((can) => can.conditionalCreate && ask(form, "conditional"));
    }
  }
  // What only makes sense without keys.
  for (const element of document.querySelectorAll("[data-without-keys]")) element.hidden = true;

  // Authenticators learn which keys are still good.
  const signal = (name, method) => {
    for (const element of document.querySelectorAll(`[data-${name}]`)) {
      const about = JSON.parse(element.getAttribute(`data-${name}`));
      kinds[method]?.call(kinds, about).catch(() => {});
    }
  };
  signal("keys-accepted", "signalAllAcceptedCredentials");
  signal("key-unknown", "signalUnknownCredential");
})();
