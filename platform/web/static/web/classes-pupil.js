// A card's QR code opens the page with the two words in the URL fragment, which is not sent to the server or logged.
// They are moved to the fields and removed from the address bar. Once the login has the form of one, its animal shows:
// from the word alone, whether or not anybody has it. Optional: the words are printed on the card as well.
"use strict";

(() => {
  const form = document.querySelector("[data-pupil]");
  if (!form) return;
  const part = (name) => form.querySelector(`[data-animal-${name}]`);
  const fold = (text) => text.toLowerCase().replaceAll("œ", "oe").normalize("NFKD").replace(/\p{M}/gu, "");
  const animals = new Map(form.dataset.animals.split(" ").map((animal) => [fold(animal), animal]));
  let current = fold(part("known").textContent.trim());

  // The letters before a number of four digits; empty until the text has that form.
  const findLetters = (login) => /^([a-z]+)[0-9]{4}$/.exec(fold(login).replace(/[^a-z0-9]/g, ""))?.[1] ?? "";

  // The longest animal that begins the letters: « lionceau » before « lion ».
  function findAnimal(letters) {
    const found = [...animals.keys()].filter((animal) => letters.startsWith(animal) && letters.length > animal.length);
    return found.sort((one, other) => other.length - one.length)[0] ?? "";
  }

  function showAnimal() {
    const animal = findAnimal(findLetters(form.elements.login.value));
    if (animal === current) return;
    current = animal;
    part("known").hidden = !animal;
    part("awaited").hidden = Boolean(animal);
    if (!animal) return;
    const spelling = animals.get(animal);
    const picture = document.createElement("img");
    picture.src = form.dataset.drawings.replace("animal.svg", `${animal}.svg`);
    picture.alt = "";
    part("known").querySelector(".animal").replaceChildren(picture);
    part("known").querySelector("strong").textContent = spelling[0].toUpperCase() + spelling.slice(1);
  }

  function takeFromLink() {
    const found = /^#([^/]+)\/([^/]+)$/.exec(window.location.hash);
    if (!found) return;
    history.replaceState(null, "", window.location.pathname);
    try {
      form.elements.login.value = decodeURIComponent(found[1]);
      form.elements.password.value = decodeURIComponent(found[2]);
    } catch {
      return; // not one of our URLs
    }
    showAnimal();
    form.querySelector("button").focus();
  }

  // The wait goes down second by second; only its end is announced. By the clock: a tab at rest counts late.
  function countDown(wait) {
    const seconds = wait.querySelector("[data-wait-seconds]");
    const until = performance.now() + 1000 * Number(wait.dataset.wait);
    const timer = setInterval(() => {
      const left = Math.ceil((until - performance.now()) / 1000);
      seconds.querySelector("strong").textContent = left;
      seconds.querySelector("span").textContent = left > 1 ? "secondes" : "seconde";
      if (left > 0) return;
      clearInterval(timer);
      seconds.remove();
      wait.querySelector("[data-wait-sentence]").textContent = "Essaie encore.";
    }, 200);
  }
  const wait = form.querySelector("[data-wait]");
  if (wait) countDown(wait);

  form.elements.login.addEventListener("input", () => {
    showAnimal();
    const isUnknown = findLetters(form.elements.login.value) && !current;
    part("sentence").textContent = isUnknown ? "Je ne connais pas cet animal. Regarde ta carte." : "Ton animal viendra ici.";
  });
  window.addEventListener("hashchange", takeFromLink);
  showAnimal();
  takeFromLink();
})();
