// The link of a key's e-mail: its fragment is posted once, in a body, and stands in no address that a server sees.
// Optional: without scripts the key is typed.
"use strict";

(() => {
  // Until the server keeps the key: where it could not be reached, the page tries once more when it is opened again.
  const STASH = "lien-cle";
  const form = document.querySelector("[data-key-link]");

  function send(fragment) {
    const fields = new URLSearchParams(fragment);
    form.elements.cle.value = fields.get("cle");
    form.elements.jeton.value = fields.get("jeton") ?? "";
    form.requestSubmit();
  }

  function takeFromLink() {
    const fragment = window.location.hash.slice(1);
    if (!new URLSearchParams(fragment).has("cle")) return;
    history.replaceState(null, "", window.location.pathname);
    sessionStorage.setItem(STASH, fragment);
    send(fragment);
  }

  const unsent = sessionStorage.getItem(STASH);
  sessionStorage.removeItem(STASH);
  if (unsent && !window.location.hash && "awaited" in form.dataset) send(unsent);
  takeFromLink();
  window.addEventListener("hashchange", takeFromLink);
})();
