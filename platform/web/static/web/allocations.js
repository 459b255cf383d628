// The bar of acts on a list: « Tout cocher » without a new page, and how many are ticked.
// Optional: without scripts the link loads the page with its rows ticked.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const bar = document.querySelector("[data-bulk]");
  if (!bar) return;
  const boxes = [...bar.form.querySelectorAll('input[name="ids"]')];
  const link = bar.querySelector("[data-tick-all]");
  const figure = bar.querySelector("[data-ticked]");
  const [tickedOnly] = bar.querySelectorAll('input[name="scope"]');

  const allTicked = () => boxes.every((box) => box.checked);

  function showCount() {
    figure.textContent = ` (${boxes.filter((box) => box.checked).length})`;
    link.textContent = allTicked() ? "Tout décocher" : "Tout cocher";
  }

  link.setAttribute("role", "button");
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const ticked = !allTicked();
    for (const box of boxes) box.checked = ticked;
    tickedOnly.checked = true;
    showCount();
  });
  // A link that acts as a button answers to the space bar too.
  link.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    link.click();
  });
  for (const box of boxes) {
    box.addEventListener("change", () => {
      tickedOnly.checked = true;
      showCount();
    });
  }
  // The browser puts former ticks back when one returns to the page.
  window.addEventListener("pageshow", showCount);
  showCount();
});
