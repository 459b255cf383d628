// Buttons that print the page. Optional: without scripts they stay hidden, and the browser's own menu prints.
"use strict";

(() => {
  for (const button of document.querySelectorAll("[data-print-page]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      // Paper has what the page has fetched by then.
      if (!document.querySelector("[hx-trigger=load]")) window.print();
      else document.addEventListener("htmx:afterSettle", () => window.print(), { once: true });
    });
  }
})();
