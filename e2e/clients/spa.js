// A single-page application on oidc-client-ts, for the tests: shows who is signed in and what the library hears.
"use strict";
(async () => {
  const home = location.origin + "/index.html";
  const manager = new oidc.UserManager({
    authority: document.body.dataset.issuer,
    client_id: "spa",
    redirect_uri: home,
    post_logout_redirect_uri: home,
    silent_redirect_uri: location.origin + "/silent.html",
    response_type: "code",
    scope: "openid profile",
    loadUserInfo: true,
    monitorSession: true,
    checkSessionIntervalInSeconds: 1,
    automaticSilentRenew: false,
    silentRequestTimeoutInSeconds: 10,
    userStore: new oidc.WebStorageStateStore({ store: localStorage }),
  });
  if (location.pathname === "/silent.html") {
    await manager.signinSilentCallback();
    return;
  }
  const show = (id, text) => (document.getElementById(id).textContent = text);
  manager.events.addUserSignedOut(() => show("heard", "signed out"));
  manager.events.addUserSessionChanged(() => show("heard", "session changed"));
  document.getElementById("sign-in").onclick = () => manager.signinRedirect();
  document.getElementById("sign-out").onclick = () => manager.signoutRedirect();
  document.getElementById("renew").onclick = async () => {
    const before = (await manager.getUser()).access_token;
    try {
      const user = await manager.signinSilent();
      show("renewed", user.access_token === before ? "the same token" : "a new token");
    } catch (error) {
      show("renewed", error.error || String(error));
    }
  };
  if (new URLSearchParams(location.search).has("code")) {
    await manager.signinRedirectCallback();
    history.replaceState(null, "", home);
  }
  const user = await manager.getUser();
  show("who", user ? "signed in as " + user.profile.name : "nobody");
})();
