// SPDX-License-Identifier: MPL-2.0
// What the dashboard adds in a browser with JavaScript. Everything here is comfort: without it, each form and each link
// works as a page of its own.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");

  // A menu that leads to another page does so as soon as it is changed.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-submits]");
    if (form) form.requestSubmit();
  });

  // A form is sent once. The server would also make its changes once.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.dataset.reveal !== undefined) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    for (const b of form.querySelectorAll("button")) b.setAttribute("aria-disabled", "true");
  });
  // The browser may show a page again as it was left, for example with the button Back.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      for (const b of form.querySelectorAll("button")) b.removeAttribute("aria-disabled");
    }
  });

  // A page with a value leaves after its time, and when nobody looks at it.
  const leaving = document.querySelector("[data-leave]");
  if (leaving) {
    const leave = () => window.location.replace(leaving.dataset.leave);
    const ends = Date.now() + 1000 * Number(leaving.dataset.seconds);
    const shown = leaving.querySelector("[data-left]");
    setInterval(() => {
      const left = Math.ceil((ends - Date.now()) / 1000);
      if (shown) shown.textContent = Math.max(left, 0);
      if (left <= 0) leave();
    }, 250);
    document.addEventListener("visibilitychange", () => { if (document.hidden) leave(); });
    window.addEventListener("pagehide", () => leaving.replaceChildren());
  }

  // Revealing and copying in place.
  for (const form of document.querySelectorAll("form[data-reveal]")) {
    const output = form.querySelector("output");
    const status = form.querySelector("[role=status]");
    let timer = 0;
    const hide = () => {
      clearInterval(timer);
      timer = 0;
      output.textContent = "";
      status.textContent = "";
      form.classList.remove("open");
      for (const b of form.querySelectorAll("[data-label]")) b.textContent = b.dataset.label;
    };
    const show = (value, seconds) => {
      output.textContent = value;
      form.classList.add("open");
      const ends = Date.now() + 1000 * seconds;
      const tick = () => {
        const left = Math.ceil((ends - Date.now()) / 1000);
        status.textContent = form.dataset.counting.replace("%d", Math.max(left, 0));
        if (left <= 0) hide();
      };
      timer = setInterval(tick, 250);
      tick();
    };
    document.addEventListener("visibilitychange", () => { if (document.hidden) hide(); });
    window.addEventListener("pagehide", hide);
    for (const button of form.querySelectorAll("button[data-copies]")) button.hidden = !navigator.clipboard;
    form.addEventListener("submit", async (event) => {
      const copies = event.submitter && event.submitter.dataset.copies !== undefined;
      event.preventDefault();
      if (timer && !copies) { hide(); return; }
      let answer;
      try {
        answer = await fetch(form.action, {
          method: "POST", body: new URLSearchParams(new FormData(form)), headers: { "Accept": "application/json" },
          cache: "no-store", redirect: "manual",
        });
      } catch {
        status.textContent = form.dataset.failed;
        return;
      }
      if (!answer.ok || !(answer.headers.get("Content-Type") || "").startsWith("application/json")) {
        form.submit(); // the server asks for something first, or says what is wrong, on a page
        return;
      }
      const got = await answer.json();
      if (!copies) { show(got.value, got.seconds); return; }
      try {
        await navigator.clipboard.writeText(got.value);
        status.textContent = form.dataset.copied;
      } catch {
        status.textContent = form.dataset.failed;
      }
    });
  }

  // A typed value can be shown to the person who types it.
  for (const button of document.querySelectorAll("button[data-shows]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const field = document.getElementById(button.dataset.shows);
      const shown = field.classList.toggle("shown");
      if (field.tagName === "INPUT") field.type = shown ? "text" : "password";
      button.setAttribute("aria-pressed", String(shown));
    });
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) return;
    for (const b of document.querySelectorAll("button[data-shows][aria-pressed=true]")) b.click();
  });
})();
