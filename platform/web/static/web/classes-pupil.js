// A card's QR code opens the page with the two words in the URL fragment, which is not sent to the server or logged.
// They are moved to the fields and removed from the address bar. Optional: the words are printed on the card as well.
"use strict";

(() => {
  function takeFromLink() {
    const form = document.querySelector("[data-pupil]");
    const found = /^#([^/]+)\/([^/]+)$/.exec(window.location.hash);
    if (!form || !found) return;
    history.replaceState(null, "", window.location.pathname);
    try {
      form.elements.login.value = decodeURIComponent(found[1]);
      form.elements.password.value = decodeURIComponent(found[2]);
    } catch {
      return; // not one of our URLs
    }
    form.querySelector("button").focus();
  }

  takeFromLink();
  window.addEventListener("hashchange", takeFromLink);
})();
