// « Mon compte »: giving licences to several teachers at once, undoing for some seconds, and refreshing the page after
// changes by others. Optional: without scripts boxes are ticked one by one and the page is not refreshed.
"use strict";

(() => {
  const EVERY = 20_000;
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  const boxes = (form) => [...form.elements].filter((one) => one.name === "enseignants");

  // « Tout cocher », and the number of ticked boxes on the button.
  function count(form) {
    const all = boxes(form);
    const ticked = all.filter((box) => box.checked).length;
    const place = form.querySelector("[data-ticked]");
    if (place) place.textContent = ticked ? ` (${ticked})` : "";
    const master = form.querySelector("[data-all] input");
    if (!master) return;
    master.checked = all.length > 0 && ticked === all.length;
    master.indeterminate = ticked > 0 && ticked < all.length;
  }

  function prepare() {
    for (const form of document.querySelectorAll("form[data-give]")) {
      for (const part of form.querySelectorAll("[data-all]")) part.hidden = false;
      count(form);
    }
  }

  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (!form?.matches("[data-give]")) return;
    if (event.target.closest("[data-all]")) for (const box of boxes(form)) box.checked = event.target.checked;
    count(form);
  });

  // « Annuler (10 s) » counts down, unless motion is unwelcome, and goes when it is too late; whoever had it in focus
  // goes on from the message.
  function limitUndo() {
    for (const button of document.querySelectorAll("[data-undo]:not([data-timed])")) {
      button.dataset.timed = "";
      const seconds = button.querySelector("[data-seconds]");
      const end = Date.now() + Number(button.dataset.undo) * 1000;
      const counting = setInterval(() => {
        if (!still.matches) seconds.textContent = Math.max(0, Math.ceil((end - Date.now()) / 1000));
      }, 1000);
      setTimeout(() => {
        clearInterval(counting);
        const notice = button.closest("[data-notice]");
        if (button === document.activeElement) notice?.focus({ preventScroll: true });
        button.remove();
      }, Number(button.dataset.undo) * 1000);
    }
  }

  // A key that a link brought is shown.
  function unfoldKey() {
    const field = document.querySelector("details:not([open]) [data-key]");
    if (!field?.value) return;
    field.closest("details").open = true;
    field.focus();
  }

  // Refresh the list after changes by others, unless the user is editing. The focus stays on its button or link.
  let asking = false;
  function busy(part) {
    if (part.querySelector(".htmx-request") || part.classList.contains("htmx-request")) return true;
    if (part.querySelector("[data-undo]")) return true;
    const active = document.activeElement;
    if (part.contains(active) && !(active.id && active.matches("a, button"))) return true;
    if ([...part.querySelectorAll("[data-key], textarea")].some((field) => field.value)) return true;
    return Boolean(part.querySelector('input[name="enseignants"]:checked, details[open]:not([data-opened])'));
  }

  function replace(part, text) {
    const active = part.contains(document.activeElement) ? document.activeElement.id : "";
    window.htmx.swap(part, text, { swapStyle: "outerHTML", swapDelay: 0, settleDelay: 0 });
    if (!active) return;
    // What had the focus may be gone: a colleague gave that licence. The list itself is next.
    const place = document.getElementById(active) ?? document.getElementById("vos-enseignants") ?? document.querySelector("h1");
    if (!place.matches("a, button")) place.tabIndex = -1;
    place.focus({ preventScroll: true });
  }

  async function refresh() {
    const part = document.getElementById("licences");
    if (!part || asking || document.visibilityState !== "visible" || busy(part)) return;
    asking = true;
    try {
      const answer = await fetch(part.dataset.fresh, {
        cache: "no-store",
        redirect: "error",
        headers: { "If-None-Match": `"${part.dataset.version}"`, "HX-Request": "true" },
      });
      if (answer.status !== 200) return;
      const text = await answer.text();
      // Checked again: the user may have started typing while the response was on its way.
      if (part.isConnected && !busy(part)) replace(part, text);
    } catch {
      // Offline or signed out: leave the page; the next click shows the error.
    } finally {
      asking = false;
    }
  }

  function settle() {
    prepare();
    limitUndo();
    // What an earlier page said gives way to what the list says now.
    if (document.querySelector("#licences [data-notice]")) document.getElementById("messages")?.replaceChildren();
  }

  document.addEventListener("visibilitychange", refresh);
  window.addEventListener("focus", refresh);
  setInterval(refresh, EVERY);
  document.addEventListener("htmx:afterSettle", settle);
  window.addEventListener("hashchange", unfoldKey);
  settle();
  unfoldKey();
})();
