// A button at each password field, which shows what was typed and hides it again.
"use strict";

(() => {
  function show(field, button, isShown) {
    field.type = isShown ? "text" : "password";
    button.firstChild.data = isShown ? "Masquer" : "Afficher";
  }

  function addButton(field) {
    const wasFocused = document.activeElement === field;
    const group = document.createElement("div");
    // An error below is shown by Bootstrap where what stands before it is invalid.
    group.className = field.classList.contains("is-invalid") ? "password-field is-invalid" : "password-field";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-outline-secondary";
    button.append("Afficher");
    button.insertAdjacentHTML("beforeend", '<span class="visually-hidden"> le mot de passe</span>');
    button.setAttribute("aria-controls", field.id);
    button.addEventListener("click", () => show(field, button, field.type === "password"));
    field.replaceWith(group);
    group.append(field, button);
    // Shown letters are no words to correct, or to send to a service that corrects them.
    field.spellcheck = false;
    field.autocapitalize = "none";
    field.form?.addEventListener("submit", () => show(field, button, false));
    // The page comes back as it was left.
    window.addEventListener("pagehide", () => show(field, button, false));
    if (wasFocused) field.focus();
  }

  document.querySelectorAll('input[type="password"]').forEach(addButton);
})();
