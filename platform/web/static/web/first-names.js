// Pupils' first names, kept on this device alone: encrypted in this browser's storage under a key that only pages of the
// class have, and shown beside the logins. Nothing here makes a request, and no field has a name.
// Optional: without scripts, or without encryption (pages that are not served by HTTPS), nothing is offered.
"use strict";

(() => {
  const PREFIX = "peps-prenoms-";
  const MAX_LENGTH = 60;
  const list = (mark, part = document) => [...part.querySelectorAll(mark)];

  // A class whose pupils were erased.
  for (const gone of list("[data-names-forget]")) localStorage.removeItem(PREFIX + gone.dataset.namesForget);

  // « Mes classes »: whatever this browser keeps, whosever it is.
  const everything = document.querySelector("[data-names-everything]");
  if (everything) {
    const kept = () => Object.keys(localStorage).filter((name) => name.startsWith(PREFIX));
    everything.hidden = !kept().length;
    everything.querySelector("button").addEventListener("click", () => {
      for (const name of kept()) localStorage.removeItem(name);
      const message = everything.querySelector("[data-names-message]");
      everything.querySelector("details").remove();
      message.hidden = false;
      message.focus();
    });
  }

  const place = document.querySelector("[data-names]");
  if (!place || !globalThis.crypto?.subtle) return;

  const store = PREFIX + place.dataset.names;
  const rows = list("tr[data-pupil]");
  const pupils = new Set([...rows.map((row) => row.dataset.pupil), ...list("[data-name-of]").map((cell) => cell.dataset.nameOf)]);
  const fieldOf = (row) => row.querySelector("[data-first-name]");
  const fields = rows.filter(fieldOf);
  const ask = place.querySelector("[data-names-ask]");
  const shown = place.querySelector("[data-names-kept]");
  const message = place.querySelector("[data-names-message]");

  // --- Storage: base64 of a nonce of 12 bytes and the encrypted JSON { pupil: first name } --------------------------
  const bytesOf = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const textOf = (bytes) => btoa(String.fromCharCode(...bytes));
  const keys = place.dataset.keys.split(" ").map((key) => crypto.subtle.importKey("raw", bytesOf(key), "AES-GCM", false, ["encrypt", "decrypt"]));

  async function read() {
    const stored = localStorage.getItem(store);
    if (stored === null) return null;
    for (const key of keys) {
      try {
        const bytes = bytesOf(stored);
        const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: bytes.slice(0, 12) }, await key, bytes.slice(12));
        return new Map(Object.entries(JSON.parse(new TextDecoder().decode(plain))));
      } catch {
        // Encrypted under an earlier key, or damaged.
      }
    }
    return null;
  }

  async function write(names) {
    const nonce = crypto.getRandomValues(new Uint8Array(12));
    const plain = new TextEncoder().encode(JSON.stringify(Object.fromEntries(names)));
    const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, await keys[0], plain);
    localStorage.setItem(store, textOf([...nonce, ...new Uint8Array(sealed)]));
  }

  // One after the other: what was typed last is what stays.
  let writing = Promise.resolve();
  const save = (names) => { writing = writing.then(() => write(names)); return writing; };

  // --- The page -------------------------------------------------------------------------------------------------------
  const isKeeping = () => "keeping" in place.dataset;
  const typed = () => new Map(fields.map((row) => [row.dataset.pupil, fieldOf(row).value.trim().slice(0, MAX_LENGTH)]).filter(([, name]) => name));

  function say(sentence) {
    message.textContent = sentence;
    message.hidden = false;
  }

  function show(names) {
    const keeps = names !== null;
    place.toggleAttribute("data-keeping", keeps);
    if (ask) place.hidden = false;
    if (ask) ask.hidden = keeps;
    if (shown) shown.hidden = !keeps;
    for (const button of list("[data-names-needed]")) button.hidden = !keeps;
    for (const cell of list("[data-name-of]")) cell.textContent = names?.get(cell.dataset.nameOf) ?? "";
    for (const table of list("[data-names-shown]")) table.classList.toggle("has-names", Boolean(names?.size));
  }

  async function start() {
    const names = await read();
    if (names === null) localStorage.removeItem(store);
    else {
      for (const row of fields) if (!fieldOf(row).value) fieldOf(row).value = names.get(row.dataset.pupil) ?? "";
      // Pupils who left the class. Pages of cards show some pupils only.
      const left = ask ? [...names.keys()].filter((pupil) => !pupils.has(pupil)) : [];
      for (const pupil of left) names.delete(pupil);
      if (ask) await save(fields.length ? typed() : names);
    }
    show(names);
  }

  place.querySelector("[data-names-keep]")?.addEventListener("click", async () => {
    await save(typed());
    show(typed());
    const next = place.dataset.writing;
    if (next) {
      window.location.assign(next);
      return;
    }
    say("C’est fait : ce que vous écrivez dans la colonne « Prénom » est gardé sur cet appareil, au fur et à mesure.");
    message.focus();
  });

  place.querySelector("[data-names-erase]")?.addEventListener("click", async () => {
    await writing;
    localStorage.removeItem(store);
    for (const row of fields) fieldOf(row).value = "";
    shown.querySelector("details").open = false;
    show(null);
    say("C’est fait : les prénoms de cette classe sont effacés de cet appareil.");
    message.focus();
  });

  document.addEventListener("input", (event) => { if (isKeeping() && "firstName" in event.target.dataset) save(typed()); });
  // A sheet that was opened from a file fills its fields without typing.
  document.addEventListener("names:filled", () => { if (isKeeping()) save(typed()); });
  start();
})();
