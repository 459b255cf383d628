// A card's QR code opens the page with the two words in the URL fragment, which is not sent to the server or logged.
// They are moved to the fields and removed from the address bar. Once the login has the form of one, its animal shows:
// from the word alone, whether or not anybody has it. Optional: the words are printed on the card as well.
"use strict";

(() => {
  const form = document.querySelector("[data-pupil]");
  if (!form) return;
  const place = form.querySelector("[data-animal]");
  const fold = (text) => text.toLowerCase().replaceAll("œ", "oe").normalize("NFKD").replace(/\p{M}/gu, "");
  const animals = new Map(form.dataset.animals.split(" ").map((animal) => [fold(animal), animal]));
  let current = fold(place.querySelector("strong")?.textContent ?? "");
  const awaited = current ? [] : [...place.childNodes];

  // The longest animal that begins the letters: « lionceau » before « lion ».
  function findAnimal(login) {
    const [, letters] = /^([a-z]+)[0-9]{4}$/.exec(fold(login).replace(/[^a-z0-9]/g, "")) ?? [];
    if (!letters) return "";
    const found = [...animals.keys()].filter((animal) => letters.startsWith(animal) && letters.length > animal.length);
    return found.sort((one, other) => other.length - one.length)[0] ?? "";
  }

  function showAnimal() {
    const animal = findAnimal(form.elements.login.value);
    if (animal === current) return;
    current = animal;
    place.replaceChildren(...awaited);
    if (!animal) return;
    const spelling = animals.get(animal);
    const picture = document.createElement("img");
    picture.src = form.dataset.drawings.replace("animal.svg", `${animal}.svg`);
    picture.alt = "";
    const box = document.createElement("span");
    box.className = "animal";
    box.append(picture);
    const name = document.createElement("strong");
    name.textContent = spelling[0].toUpperCase() + spelling.slice(1);
    place.replaceChildren(box, name);
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

  form.elements.login.addEventListener("input", showAnimal);
  window.addEventListener("hashchange", takeFromLink);
  showAnimal();
  takeFromLink();
})();
