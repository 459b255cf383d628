// The activation key field: reports a typo once the field is left, and reads the key from a link.
// Optional: the server normalises and checks keys in the same way.
"use strict";

(() => {
  const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  const LENGTH = 12;
  const STASH = "cle";

  // The powers of x in GF(32) with x⁵ + x² + 1, and their logarithms, as in licensing/subscriptions/keys.py.
  const powers = [];
  for (let power = 0, value = 1; power < 31; power += 1) {
    powers.push(value);
    value <<= 1;
    if (value & 32) value ^= 0b100101;
  }
  const logarithms = new Map(powers.map((value, power) => [value, power]));

  function checks(code) {
    let total = 0;
    for (let place = 0; place < LENGTH - 1; place += 1) {
      const value = ALPHABET.indexOf(code[place]);
      if (value > 0) total ^= powers[(logarithms.get(value) + place + 1) % 31];
    }
    return ALPHABET[total] === code[LENGTH - 1];
  }

  const readable = (text) => text.normalize("NFKC").toUpperCase().replace(/[^\p{L}\p{N}]/gu, "");
  const lookalikes = (text) => text.replace(/O/g, "0").replace(/[IL]/g, "1");

  // Return the error of a typed key, or an empty text.
  function typo(text) {
    const written = readable(text);
    if (written.length < LENGTH) return written ? `Il manque des caractères : la clé en compte ${LENGTH} après son préfixe.` : "";
    const code = lookalikes(written.slice(-LENGTH));
    for (const symbol of code) if (!ALPHABET.includes(symbol)) return `Le caractère « ${symbol} » n’apparaît dans aucune clé.`;
    return checks(code) ? "" : "Cette clé comporte une faute de frappe : comparez-la à celle de l’e-mail, groupe par groupe.";
  }

  function say(field, sentence) {
    const place = field.form.querySelector("[data-key-typo]");
    if (!place) return;
    place.textContent = sentence;
    place.hidden = !sentence;
    field.classList.toggle("is-invalid", Boolean(sentence));
    if (sentence) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }

  const isKey = (field) => field instanceof HTMLInputElement && "key" in field.dataset;

  // While typing nothing is reported, as what is typed so far is no key yet, and nothing is rewritten: neither dashes nor
  // the caret move. An error that was reported goes with the next letter.
  document.addEventListener("input", (event) => {
    if (isKey(event.target)) say(event.target, "");
  });
  document.addEventListener("change", (event) => {
    if (isKey(event.target)) say(event.target, typo(event.target.value));
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    const said = button.firstChild;
    const before = said.textContent;
    said.textContent = "Copiée";
    setTimeout(() => { said.textContent = before; }, 2000);
  });

  function offerCopying() {
    if (!navigator.clipboard) return;
    for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
  }

  // A link holds its key in the URL fragment, which is not sent to the server or logged. It is removed from the address
  // bar at once and kept in sessionStorage, to survive a sign-in.
  // The page of a key posts its link instead (key-start.js).
  function takeFromLink() {
    if (document.querySelector("[data-key-link]")) return;
    const match = /^#cle=([^&]+)$/.exec(window.location.hash);
    if (match) {
      sessionStorage.setItem(STASH, decodeURIComponent(match[1]));
      history.replaceState(null, "", window.location.pathname + window.location.search);
    }
    const field = document.querySelector("[data-key]");
    const waiting = sessionStorage.getItem(STASH);
    if (!field || !waiting) return;
    sessionStorage.removeItem(STASH);
    if (field.value) return;
    field.value = waiting;
    say(field, typo(waiting));
    field.focus();
  }

  takeFromLink();
  window.addEventListener("hashchange", takeFromLink);
  offerCopying();
  document.addEventListener("htmx:afterSettle", offerCopying);
})();
