// SPDX-License-Identifier: MPL-2.0
// What the dashboard adds in a browser with JavaScript. Everything here is comfort: without it, each form and each link
// works as a page of its own.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  // Without TLS, the page to sign in finds the pages of the session with this: see signin.js.
  try {
    if (root.dataset.base) localStorage.setItem("pouncet-base", root.dataset.base);
  } catch { /* the browser stores nothing: the person signs in again */ }

  // In a narrow window the navigation scrolls.
  const bar = document.querySelector(".side");
  const current = bar && bar.querySelector("[aria-current]");
  const center = () => { bar.scrollLeft = current.offsetLeft - (bar.clientWidth - current.offsetWidth) / 2; };
  if (current) {
    center();
    window.matchMedia("(max-width: 860px)").addEventListener("change", center);
  }

  // A menu that leads to another page does so as soon as it is changed.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-submits]");
    if (form) form.requestSubmit();
    const button = document.getElementById(event.target.dataset.presses || "");
    if (button) button.form.requestSubmit(button);
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
    let busy = false; // a request runs, so that a second click asks for nothing
    const hide = () => {
      clearInterval(timer);
      timer = 0;
      output.textContent = "";
      status.textContent = "";
      form.classList.remove("open");
      for (const b of form.querySelectorAll("[data-label]")) b.textContent = b.dataset.label;
    };
    const show = (value, seconds, note) => {
      clearInterval(timer);
      output.textContent = value;
      form.classList.add("open");
      const ends = Date.now() + 1000 * seconds;
      const tick = () => {
        const left = Math.ceil((ends - Date.now()) / 1000);
        status.textContent = form.dataset.counting.replace("%d", Math.max(left, 0)) + note;
        if (left <= 0) hide();
      };
      timer = setInterval(tick, 250);
      tick();
    };
    const reveal = async (copies) => {
      const body = new URLSearchParams(new FormData(form));
      body.set("do", copies ? "copy" : "show");
      const answer = await fetch(form.action, {
        method: "POST", body, headers: { "Accept": "application/json" }, cache: "no-store", redirect: "manual",
      });
      if (answer.status === 401 || !copies && [403, 404, 409].includes(answer.status)) {
        lead(copies); // the server asks for something first, or says what is wrong, on a page
        return;
      }
      if (!answer.ok || !(answer.headers.get("Content-Type") || "").startsWith("application/json")) {
        throw new Error("the answer has no value");
      }
      const got = await answer.json();
      const note = got.binary ? ". " + form.dataset.binary : "";
      if (copies) {
        await navigator.clipboard.writeText(got.value);
        if (!timer) status.textContent = form.dataset.copied + note;
      } else if (!document.hidden) {
        show(got.value, got.seconds, note);
      }
    };
    // lead sends the form as a page. The page of a form that copies never shows the value.
    const lead = (copies) => {
      const what = document.createElement("input");
      what.type = "hidden";
      what.name = "do";
      what.value = copies ? "copy" : "show";
      form.append(what);
      form.submit();
      what.remove();
    };
    document.addEventListener("visibilitychange", () => { if (document.hidden) hide(); });
    window.addEventListener("pagehide", hide);
    for (const button of form.querySelectorAll("button[data-copies]")) button.hidden = !navigator.clipboard;
    form.addEventListener("submit", async (event) => {
      const copies = event.submitter && event.submitter.dataset.copies !== undefined;
      event.preventDefault();
      if (busy) return;
      if (timer && !copies) { hide(); return; }
      busy = true;
      try {
        await reveal(copies);
      } catch {
        status.textContent = form.dataset.failed;
      } finally {
        busy = false;
      }
    });
  }

  // A typed value can be shown to the person who types it.
  for (const button of document.querySelectorAll("button[data-shows]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const field = document.getElementById(button.dataset.shows);
      const shown = field.classList.toggle("shown");
      button.setAttribute("aria-pressed", String(shown));
    });
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) return;
    for (const b of document.querySelectorAll("button[data-shows][aria-pressed=true]")) b.click();
  });
})();
