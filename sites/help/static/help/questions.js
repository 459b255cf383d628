/* Frequent questions: filters them as one types. Without scripts the form asks the server, which has the same rule. */

(() => {
  "use strict";

  const field = document.getElementById("question-search");
  const count = document.querySelector("[data-count]");

  const fold = (text) => text.replaceAll("’", "'").toLowerCase().normalize("NFD").replace(/\p{M}/gu, "").replaceAll("œ", "oe");

  const filter = () => {
    const words = fold(field.value).split(/\s+/).filter(Boolean);
    let found = 0;
    for (const section of document.querySelectorAll("[data-questions]")) {
      let shown = 0;
      for (const question of section.querySelectorAll(".question")) {
        const text = fold(question.textContent);
        question.hidden = !words.every((word) => text.includes(word));
        shown += question.hidden ? 0 : 1;
      }
      section.hidden = shown === 0;
      found += shown;
    }
    count.textContent = `${found}\u00a0${found > 1 ? "réponses" : "réponse"}`;
  };

  // A page that the server filtered has a part of the questions: typing there asks it again.
  if (!field.value) field.addEventListener("input", filter);

  // An address such as #je-n-ai-pas-recu-ma-cle opens its answer.
  const open = () => {
    const question = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (question instanceof HTMLDetailsElement) question.open = true;
  };
  window.addEventListener("hashchange", open);
  open();
})();
