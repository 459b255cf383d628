// A card's QR code opens the page with the two words in the fragment, which no server and no log sees. They are put into
// the fields and leave the address bar at once. Comfort only: the words stand on the card as well.
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
      return; // no address of ours
    }
    form.querySelector("button").focus();
  }

  takeFromLink();
  window.addEventListener("hashchange", takeFromLink);
})();
