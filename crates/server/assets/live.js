// Sessions that begin and end while a page is open.
"use strict";
(() => {
  const cards = document.querySelector("[data-own-events]");
  const table = document.getElementById("live");
  const state = document.getElementById("live-state");
  const listen = (address, handlers) => {
    const source = new EventSource(address);
    for (const [name, handler] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => handler(JSON.parse(event.data)));
    }
    return source;
  };
  if (cards) {
    const own = cards.dataset.own;
    const source = listen(cards.dataset.ownEvents, {
      ended: ({ id, said }) => {
        if (id === own) {
          location.assign(cards.dataset.login);
          return;
        }
        const card = cards.querySelector(`[data-session="${CSS.escape(id)}"]`);
        if (!card) return;
        card.remove();
        if (state) {
          state.hidden = false;
          state.textContent = said;
        }
      },
      began: ({ id, said }) => {
        if (!state || cards.querySelector(`[data-session="${CSS.escape(id)}"]`)) return;
        state.hidden = false;
        state.textContent = `${said} `;
        const link = document.createElement("a");
        link.href = location.pathname;
        link.textContent = cards.dataset.show;
        state.append(link);
      },
    });
    source.onerror = () => {
      // Closed for good: perhaps this session is over.
      if (source.readyState === EventSource.CLOSED) location.reload();
    };
  }
  if (table) {
    const row = (what, data) => {
      const line = document.createElement("tr");
      const cell = (text) => {
        const td = document.createElement("td");
        td.textContent = text;
        line.append(td);
        return td;
      };
      cell(data.at);
      const said = cell(data.id ? "" : what);
      if (data.id) {
        const link = document.createElement("a");
        link.href = table.dataset.session + data.id;
        link.textContent = what;
        said.append(link);
      }
      cell(data.user);
      cell(data.browser ?? "");
      cell(data.ip ?? "");
      cell(data.why);
      table.prepend(line);
      while (table.rows.length > 200) table.deleteRow(-1);
    };
    const source = listen(table.dataset.events, {
      began: (data) => row(data.what, data),
      ended: (data) => row(data.what, data),
      act: (data) => row(data.what, data),
    });
    source.onerror = () => {
      state.textContent = state.dataset.lost;
    };
    source.onopen = () => {
      state.textContent = state.dataset.listening;
    };
  }
})();
