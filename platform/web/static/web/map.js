// Below a map, the name of the school whose dot is pointed at or has the focus.
// Optional: without it the browser shows the name of a dot that is pointed at.
"use strict";

(() => {
  const follow = (name) => {
    const invitation = name.textContent;
    const show = (event) => {
      name.textContent = event.target.closest("[data-map] a")?.getAttribute("aria-label") ?? invitation;
    };
    const forget = () => { name.textContent = invitation; };
    name.hidden = false;
    // Not at the drawing itself: browsers give the focus to drawings that listen to it.
    const frame = name.parentElement;
    for (const act of ["mouseover", "focusin"]) frame.addEventListener(act, show);
    for (const act of ["mouseleave", "focusout"]) frame.addEventListener(act, forget);
  };
  const followAll = () => document.querySelectorAll("[data-map-name][hidden]").forEach(follow);
  followAll();
  // A map that the page fetches.
  document.addEventListener("htmx:afterSettle", followAll);
})();
