// Numbers of « Reconduire » that were typed and not saved: leaving the page by anything but their own button asks first.
// Optional: without scripts the page is left at once, and what was typed is gone.
"use strict";

(() => {
  const form = document.querySelector("[data-typed-numbers]");
  if (!form) return;

  let saving = false;
  const isUnsaved = (field) => field.value !== form.elements[`vu-${field.name.slice(2)}`].value;

  form.addEventListener("submit", () => {
    saving = true;
  });
  window.addEventListener("pageshow", () => {
    saving = false;
  });
  window.addEventListener("beforeunload", (event) => {
    if (!saving && [...form.querySelectorAll("input[type=number]")].some(isUnsaved)) event.preventDefault();
  });
})();
