/* Frequent questions: an address such as #je-n-ai-pas-recu-ma-cle opens its answer. */

(() => {
  "use strict";

  const open = () => {
    const question = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (question instanceof HTMLDetailsElement) question.open = true;
  };
  window.addEventListener("hashchange", open);
  open();
})();
