// Ticks the rules of a new password as they are met. Optional: the server checks them, and has the say.
"use strict";

(() => {
  const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

  // The words that the form knows of the person: names, identifiant, what stands before the @ of an address.
  function readNames(form) {
    const names = ["name", "first_name", "last_name", "username", "email"].map((name) => form.elements[name]?.value ?? "");
    const words = names.flatMap((value) => fold(value.split("@")[0]).split(/[^a-z0-9]+/));
    return words.filter((word) => word.length > 3);
  }

  function isMet(rule, password, form) {
    if (rule.dataset.rule === "length") return [...password].length >= Number(rule.dataset.min);
    if (rule.dataset.rule === "digits") return /\D/.test(password);
    return password !== "" && !readNames(form).some((name) => fold(password).includes(name));
  }

  function tick(form) {
    for (const rules of form.querySelectorAll("[data-password-rules]")) {
      const field = form.elements[rules.dataset.passwordRules];
      if (!field) continue;
      for (const rule of rules.querySelectorAll("[data-rule]")) {
        const met = isMet(rule, field.value, form);
        rule.classList.toggle("is-met", met);
        rule.querySelector("[data-met]").hidden = !met;
      }
    }
  }

  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (form?.querySelector("[data-password-rules]")) tick(form);
  });
})();
