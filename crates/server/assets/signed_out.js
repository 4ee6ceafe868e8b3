// Front-Channel Logout 1.0: waits for the applications' frames, for five seconds at most, then goes on.
"use strict";
(() => {
  const told = document.getElementById("told");
  const lines = Array.from(told.querySelectorAll("li"));
  const next = document.getElementById("next");
  let waiting = lines.length;
  const goOn = () => {
    if (next) location.replace(next.href);
  };
  const done = (line, words) => {
    const said = line.querySelector("[data-state]");
    if (line.dataset.done) return;
    line.dataset.done = "yes";
    said.textContent = words;
    waiting -= 1;
    if (waiting === 0) goOn();
  };
  for (const line of lines) {
    const frame = line.querySelector("iframe");
    frame.addEventListener("load", () => done(line, told.dataset.told));
    frame.addEventListener("error", () => done(line, told.dataset.failed));
  }
  setTimeout(() => lines.forEach((line) => done(line, told.dataset.silent)), 5000);
  if (waiting === 0) goOn();
})();
