// The link of an e-mail: its fragment is posted once, in a body, and stands in no address that a server sees.
// Optional: without scripts the link is pasted.
"use strict";

(() => {
  const form = document.querySelector("[data-link]");

  function takeFromLink() {
    const token = new URLSearchParams(window.location.hash.slice(1)).get("jeton");
    if (!token) return;
    history.replaceState(null, "", window.location.pathname);
    form.elements.jeton.value = token;
    form.requestSubmit();
  }

  takeFromLink();
  window.addEventListener("hashchange", takeFromLink);
})();
