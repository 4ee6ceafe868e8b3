// The search box of sessions says what it may go on with: a combobox with a list (ARIA Authoring Practices).
"use strict";
(() => {
  const box = document.querySelector("[data-completion]");
  if (!box) return;
  const list = document.getElementById(box.dataset.list);
  box.removeAttribute("list");
  box.setAttribute("role", "combobox");
  box.setAttribute("aria-autocomplete", "list");
  box.setAttribute("aria-controls", list.id);
  box.setAttribute("aria-expanded", "false");
  let chosen = -1;
  let asking = null;
  const options = () => Array.from(list.children);
  const close = () => {
    list.hidden = true;
    chosen = -1;
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
  };
  const mark = (next) => {
    const all = options();
    if (all.length === 0) return;
    chosen = (next + all.length) % all.length;
    all.forEach((one, at) => one.setAttribute("aria-selected", String(at === chosen)));
    all[chosen].scrollIntoView({ block: "nearest" });
    box.setAttribute("aria-activedescendant", all[chosen].id);
  };
  const take = (option) => {
    box.value = option.dataset.text + box.value.slice(box.selectionStart);
    box.setSelectionRange(option.dataset.text.length, option.dataset.text.length);
    box.focus();
    ask();
  };
  const show = (suggestions) => {
    const lines = suggestions.map(({ text, said }, at) => {
      const line = document.createElement("li");
      line.id = `${list.id}-${at}`;
      line.setAttribute("role", "option");
      line.setAttribute("aria-selected", "false");
      line.dataset.text = text;
      const words = document.createElement("span");
      words.textContent = text;
      line.append(words);
      if (said) {
        const more = document.createElement("span");
        more.className = "faint";
        more.textContent = said;
        line.append(" ", more);
      }
      return line;
    });
    list.replaceChildren(...lines);
    chosen = -1;
    box.removeAttribute("aria-activedescendant");
    list.hidden = lines.length === 0;
    box.setAttribute("aria-expanded", String(lines.length > 0));
  };
  const ask = async () => {
    asking?.abort();
    asking = new AbortController();
    const typed = box.value.slice(0, box.selectionStart);
    try {
      const address = `${box.dataset.completion}?q=${encodeURIComponent(typed)}`;
      const answer = await fetch(address, { signal: asking.signal });
      if (answer.ok) show((await answer.json()).suggestions);
      else close();
    } catch (error) {
      // Typed on before the answer was there, or there is no network: then nothing is suggested.
      if (error.name !== "AbortError") close();
    }
  };
  box.addEventListener("input", ask);
  box.addEventListener("blur", () => {
    asking?.abort();
    close();
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") {
      if (list.hidden) ask();
      else mark(chosen + 1);
      event.preventDefault();
    } else if (event.key === "ArrowUp" && !list.hidden) {
      mark(chosen < 0 ? -1 : chosen - 1);
      event.preventDefault();
    } else if (event.key === "Escape" && !list.hidden) {
      close();
      event.preventDefault();
    } else if (event.key === "Enter" && chosen >= 0) {
      take(options()[chosen]);
      event.preventDefault();
    }
  });
  // Before the box loses its focus.
  list.addEventListener("mousedown", (event) => {
    const option = event.target.closest("[role=option]");
    event.preventDefault();
    if (option) take(option);
  });
})();
