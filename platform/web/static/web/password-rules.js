// Ticks the rules of a new password as they are met. Optional: the server checks them, and has the say.
"use strict";

(() => {
  // As `core.formatting.fold`.
  const fold = (text) =>
    text
      .toLowerCase()
      .replaceAll("œ", "oe")
      .replaceAll("æ", "ae")
      .replaceAll("ß", "ss")
      .replaceAll("ς", "σ")
      .normalize("NFD")
      .replace(/\p{M}/gu, "");

  // As `accounts.passwords.list_personal_words`, of what the form and its page know of the person.
  function listWords(form, known) {
    const names = ["name", "first_name", "last_name", "username", "email"].map((name) => form.elements[name]?.value ?? "");
    const words = [...names, known].flatMap((value) => fold(value).match(/[\p{L}\p{Nl}\p{No}]+|\p{Nd}+/gu) ?? []);
    const long = [...new Set(words)].filter((word) => [...word].length >= 3);
    return long.sort((one, other) => [...other].length - [...one].length || (one < other ? -1 : 1));
  }

  // As `accounts.passwords.is_mostly_personal`.
  function isMostlyPersonal(password, words, minimum) {
    const folded = fold(password);
    const rest = words.reduce((left, word) => left.replaceAll(word, " "), folded);
    return rest !== folded && (rest.match(/[\p{L}\p{N}]/gu) ?? []).length < minimum;
  }

  function isMet(rule, password, form) {
    const minimum = Number(rule.dataset.min);
    if (rule.dataset.rule === "length") return [...password].length >= minimum;
    if (rule.dataset.rule === "digits") return /\D/.test(password);
    const words = listWords(form, rule.parentElement.dataset.words);
    return password !== "" && !isMostlyPersonal(password, words, minimum);
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
