// A button in each password field that shows what was typed; hidden again before the form is sent.
"use strict";
const drawn = (name, attributes) => {
  const part = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) part.setAttribute(key, value);
  return part;
};
const eye = () => {
  const picture = drawn("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" });
  picture.append(
    drawn("path", { d: "M2 12s3.6-6.5 10-6.5S22 12 22 12s-3.6 6.5-10 6.5S2 12 2 12Z" }),
    drawn("circle", { cx: 12, cy: 12, r: 3 }),
    drawn("path", { class: "stroke", d: "m4 20 16-16" }),
  );
  return picture;
};
for (const field of document.querySelectorAll("input[data-reveal]")) {
  const frame = document.createElement("span");
  const button = document.createElement("button");
  frame.className = "reveal";
  button.type = "button";
  button.setAttribute("aria-label", field.dataset.reveal);
  button.append(eye());
  const show = (shown) => {
    field.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  };
  show(false);
  button.addEventListener("click", () => {
    show(field.type === "password");
    field.focus();
  });
  // Browsers offer to keep a password that is sent from a password field, and remember text.
  field.form.addEventListener("submit", () => show(false));
  const focused = document.activeElement === field;
  field.replaceWith(frame);
  frame.append(field, button);
  if (focused) field.focus();
}
