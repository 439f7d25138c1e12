// SPDX-License-Identifier: MPL-2.0
// Without TLS, the pages of a session have a path that only its browser knows. A link to the dashboard does not have it,
// so the page to sign in leads on to it. Another port of the machine cannot read what is stored here. The server asks to
// sign in again if the session has ended.
"use strict";
(() => {
  const card = document.querySelector("[data-next]");
  try {
    const base = localStorage.getItem("pouncet-base");
    if (!base) return;
    if (!card) { localStorage.removeItem("pouncet-base"); return; }
    if (base.startsWith("/ui/~")) window.location.replace(base + card.dataset.next.slice("/ui/".length));
  } catch { /* the browser stores nothing */ }
})();
