// OpenID Connect Session Management 1.0 §3.3: answers an application whether the state that it holds is still
// this browser's. The cookie says what this browser did; now and then the server is asked as well, because a
// session may end without any request of this browser.
"use strict";
(() => {
  const { cookie, check } = document.body.dataset;
  const FIRST_PAUSE = 5000;
  const LONGEST_PAUSE = 60000;
  let pause = FIRST_PAUSE;
  let askedAt = 0;
  // The browser state that the server said is over.
  let ended = null;
  // Whether this frame has ever seen the cookie: a browser may keep it back in frames of other sites.
  let seen = false;

  // Whether the frame can't tell a cookie that is gone from one that is kept back.
  const blind = async () => {
    if (seen) return false;
    if (!document.hasStorageAccess) return true;
    try {
      return !(await document.hasStorageAccess());
    } catch {
      return true;
    }
  };

  const state = () => {
    const found = document.cookie.split("; ").find((one) => one.startsWith(cookie + "="));
    return found ? found.slice(cookie.length + 1) : "";
  };
  const hex = (bytes) => Array.from(new Uint8Array(bytes), (b) => b.toString(16).padStart(2, "0")).join("");
  const hash = async (text) => hex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));

  const ask = async (present) => {
    askedAt = Date.now();
    const salt = hex(crypto.getRandomValues(new Uint8Array(16)));
    const body = new URLSearchParams({ state: (await hash(present + " " + salt)) + "." + salt });
    try {
      const answer = await fetch(check, { method: "POST", body, credentials: "same-origin" });
      const said = answer.ok ? (await answer.json()).state : "unknown";
      if (said === "changed") ended = present;
      // Cookies are kept from this frame, or the server can't be reached: ask less and less often.
      pause = said === "unknown" ? Math.min(pause * 2, LONGEST_PAUSE) : FIRST_PAUSE;
    } catch {
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  };

  window.addEventListener("message", async (event) => {
    if (event.source === null || event.source === window || typeof event.data !== "string") return;
    const reply = (answer) => event.source.postMessage(answer, event.origin);
    const parts = event.data.split(" ");
    const [hashed, salt] = (parts[1] || "").split(".");
    if (parts.length !== 2 || parts[0] === "" || !hashed || !salt) {
      reply("error");
      return;
    }
    const present = state();
    if (present !== "") seen = true;
    // The first answer after loading is the server's as well.
    if (askedAt === 0) await ask(present);
    const wanted = await hash([parts[0], event.origin, present, salt].join(" "));
    const over = present !== "" && present === ended;
    // What the frame can't see it doesn't call changed: an application would sign its person out at once.
    if (over || (wanted !== hashed && !(present === "" && (await blind())))) {
      reply("changed");
      return;
    }
    reply("unchanged");
    if (present !== "" && Date.now() - askedAt >= pause) ask(present);
  });
})();
