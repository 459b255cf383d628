// Giving keys to several teachers at once, and seeing at once what somebody else did. Comfort only: without scripts each
// box is ticked by hand, and the page is as fresh as when it was loaded.
"use strict";

(() => {
  const EVERY = 20_000;
  const boxes = (form) => [...form.querySelectorAll('input[name="enseignants"]')];

  // « Tout cocher », and how many are ticked on the button itself.
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
    const form = event.target.closest?.("form[data-give]");
    if (!form) return;
    if (event.target.closest("[data-all]")) for (const box of boxes(form)) box.checked = event.target.checked;
    count(form);
  });

  // What a colleague or a teacher did shows by itself, unless somebody is in the middle of something here.
  let asking = false;
  function busy(part) {
    if (part.contains(document.activeElement)) return true;
    if (part.querySelector(".htmx-request") || part.classList.contains("htmx-request")) return true;
    const field = part.querySelector("[data-key]");
    return Boolean(field?.value) || Boolean(part.querySelector('input[name="enseignants"]:checked'));
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
      // Looked at again: an answer takes a moment, in which somebody may have begun to type.
      if (part.isConnected && !busy(part)) window.htmx.swap(part, text, { swapStyle: "outerHTML", swapDelay: 0, settleDelay: 0 });
    } catch {
      // Cut off, or signed out: the page stays as it is, and the next click says so.
    } finally {
      asking = false;
    }
  }

  document.addEventListener("visibilitychange", refresh);
  window.addEventListener("focus", refresh);
  setInterval(refresh, EVERY);
  document.addEventListener("htmx:afterSettle", prepare);
  prepare();
})();
