// Assigning seats to several teachers at once, and refreshing the page after changes by others. Optional: without scripts
// boxes are ticked one by one and the page is not refreshed.
"use strict";

(() => {
  const EVERY = 20_000;
  const boxes = (form) => [...form.querySelectorAll('input[name="enseignants"]')];

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
    const form = event.target.closest?.("form[data-give]");
    if (!form) return;
    if (event.target.closest("[data-all]")) for (const box of boxes(form)) box.checked = event.target.checked;
    count(form);
  });

  // Refresh the list after changes by others, unless the user is editing.
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
      // Checked again: the user may have started typing while the response was on its way.
      if (part.isConnected && !busy(part)) window.htmx.swap(part, text, { swapStyle: "outerHTML", swapDelay: 0, settleDelay: 0 });
    } catch {
      // Offline or signed out: leave the page; the next click shows the error.
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
