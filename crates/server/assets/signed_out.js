// After a sign-out: Front-Channel Logout 1.0 waits for the applications' frames, for five seconds at most, then goes
// on; who stays on the page sees what the others answered through the back channel as it comes.
"use strict";
(() => {
  const told = document.getElementById("told");
  const next = document.getElementById("next");
  const goOn = () => {
    if (next) location.replace(next.href);
  };
  if (!told) return goOn();
  const frames = Array.from(told.querySelectorAll("iframe"));
  let waiting = frames.length;
  const done = (frame, state, words) => {
    const said = frame.parentElement.querySelector("[data-frame]");
    if (frame.dataset.done) return;
    frame.dataset.done = "yes";
    said.textContent = words;
    said.className = `state ${state}`;
    waiting -= 1;
    if (waiting === 0) goOn();
  };
  // A page of ours that posts from within its frame: the answer comes with the next load.
  const posts = (frame) => {
    try {
      return frame.contentWindow.location.pathname.endsWith("/samlsso/frame");
    } catch {
      return false;
    }
  };
  for (const frame of frames) {
    frame.addEventListener("load", () => posts(frame) || done(frame, "delivered", told.dataset.told));
    frame.addEventListener("error", () => done(frame, "dead", told.dataset.failed));
  }
  // A frame whose address leads on to an origin that isn't registered for it ends with 'load' as well, and the violation
  // names that origin, not the frame. So each is loaded once more by itself; telling an application twice does no harm.
  let violations = 0;
  const findBlocked = async () => {
    for (const frame of frames) {
      const before = violations;
      await new Promise((loaded) => {
        frame.addEventListener("load", () => setTimeout(loaded, 100), { once: true });
        setTimeout(loaded, 5000);
        frame.src = frame.src;
      });
      if (violations === before) continue;
      const said = frame.parentElement.querySelector("[data-frame]");
      said.textContent = told.dataset.failed;
      said.className = "state dead";
    }
  };
  document.addEventListener("securitypolicyviolation", (event) => {
    if (!event.effectiveDirective.startsWith("frame-src")) return;
    violations += 1;
    if (violations === 1 && !next) setTimeout(findBlocked, 500);
  });
  setTimeout(() => frames.forEach((frame) => done(frame, "unreachable", told.dataset.silent)), 5000);
  if (waiting === 0) goOn();

  // What is retried for days is not waited for here.
  let looks = 20;
  const look = async () => {
    const answer = await fetch(told.dataset.see);
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const now = page.getElementById("told");
    if (!now) return;
    for (const line of told.querySelectorAll("[data-sid]")) {
      const was = line.querySelector("[data-receipt]");
      const is = now.querySelector(`[data-sid="${CSS.escape(line.dataset.sid)}"] [data-receipt]`);
      if (was && is) was.replaceWith(document.importNode(is, true));
    }
    looks -= 1;
    if (now.dataset.waiting === undefined) document.getElementById("see")?.remove();
    else if (looks > 0) setTimeout(look, 1000);
  };
  if (told.dataset.waiting !== undefined && !next) setTimeout(look, 300);
})();
