// Passkey buttons: shown where the browser knows passkeys, with a sentence where one could not be used.
// The calls to the browser are allauth's (`mfa/js/webauthn.js`), which reports errors as an event.
"use strict";

(() => {
  const SENTENCES = {
    NotAllowedError: "Rien n’a été fait : la demande a été refusée, ou a trop attendu. Recommencez.",
    InvalidStateError: "Cet appareil est déjà enregistré pour ce compte : il est dans la liste.",
    NotSupportedError: "Cet appareil ne sait pas se faire reconnaître : choisissez-en un autre, ou une application.",
    ConstraintError: "Cet appareil ne vérifie pas qui le tient : donnez-lui un code PIN, ou décochez la case.",
  };
  const OTHERWISE = "L’appareil n’a pas pu être utilisé. Rechargez la page, puis recommencez.";

  document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    const place = document.querySelector("[data-passkey-error]");
    place.textContent = SENTENCES[event.detail.exception.name] ?? OTHERWISE;
    place.hidden = false;
  });

  document.addEventListener("DOMContentLoaded", () => {
    if (!window.webauthnJSON?.supported()) return;
    for (const note of document.querySelectorAll("[data-passkey-unsupported]")) note.hidden = true;
    for (const part of document.querySelectorAll("[data-passkey]")) part.hidden = false;
  });
})();
