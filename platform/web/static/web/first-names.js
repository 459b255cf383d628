// Pupils' first names, kept on this device alone if the teacher agrees: encrypted in this browser's storage under a key
// that only pages of the class have, and shown beside the logins. Nothing here makes a request, and no field has a name.
// Optional: without encryption (pages that are not served by HTTPS) nothing is kept, and the sheet says so on leaving.
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
  if (!place) return;

  const store = PREFIX + place.dataset.names;
  const rows = list("tr[data-pupil]");
  const fieldOf = (row) => row.querySelector("[data-first-name]");
  const fields = rows.filter(fieldOf);
  const part = (name) => place.querySelector(`[data-names-${name}]`);
  const message = part("message");
  const typed = () => new Map(fields.map((row) => [row.dataset.pupil, fieldOf(row).value.trim().slice(0, MAX_LENGTH)]).filter(([, name]) => name));
  const showBeside = (names) => {
    for (const cell of list("[data-name-of]")) cell.textContent = names.get(cell.dataset.nameOf) ?? "";
    for (const table of list("[data-names-shown]")) table.classList.toggle("has-names", names.size > 0);
  };

  // Cards are printed by a tab of their own, which asks the tab that opened it for what is typed there.
  const tabs = new BroadcastChannel(store);
  tabs.addEventListener("message", ({ data }) => {
    if (data === "names?" && fields.length) tabs.postMessage(typed());
    else if (data instanceof Map && !rows.length && data.size) showBeside(data);
  });

  // Once a first name stands on a card, the button that prints cards with first names is the filled one.
  function offerNamed() {
    const names = typed();
    const onCards = fields.some((row) => names.has(row.dataset.pupil) && row.querySelector("[data-password] .login"));
    for (const one of list("[data-names-typed]")) one.hidden = !names.size;
    for (const one of list("[data-names-carded]")) one.hidden = !onCards;
    for (const one of list("[data-name-unknown]")) one.hidden = names.has(one.dataset.nameUnknown);
    for (const button of list("[data-names-bare]")) {
      button.classList.toggle("btn-primary", !onCards);
      button.classList.toggle("btn-outline-primary", onCards);
      // Before the page gives the focus, or after.
      const named = document.querySelector("button[data-names-carded]");
      button.toggleAttribute("data-focus", !onCards);
      named.toggleAttribute("data-focus", onCards);
      if (onCards && button === document.activeElement) named.focus({ preventScroll: true });
    }
  }
  const absent = document.querySelector("[data-names-absent]");
  document.addEventListener("input", offerNamed);
  document.addEventListener("names:filled", offerNamed);
  if (!globalThis.crypto?.subtle) {
    if (!rows.length) tabs.postMessage("names?");
    if (absent) absent.hidden = false;
    offerNamed();
    return;
  }

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

  // One after the other: what was typed last is what stays. Leaving waits for it.
  let writing = Promise.resolve();
  let unwritten = 0;
  function save(names) {
    unwritten += 1;
    const done = writing.then(() => write(names)).finally(() => { unwritten -= 1; });
    writing = done.catch(() => {});
    return done;
  }
  window.addEventListener("beforeunload", (event) => { if (unwritten) event.preventDefault(); });

  // --- The page -------------------------------------------------------------------------------------------------------
  const isKeeping = () => "keeping" in place.dataset;
  let question = null; // the row that asks, once it was asked
  let last = null; // the field that was typed in last

  function say(sentence) {
    message.textContent = sentence;
    message.hidden = false;
    message.focus({ preventScroll: true });
    message.scrollIntoView({ block: "nearest" });
  }

  /** Show names beside the logins, and what holds: kept, or in this page alone. */
  function show(names) {
    place.toggleAttribute("data-keeping", names !== null);
    if (part("kept")) part("kept").hidden = names === null;
    showUnkept();
    showBeside(names ?? new Map());
    if (absent) absent.hidden = Boolean(names?.size);
    offerNamed();
  }
  function showUnkept() {
    const isAsking = question?.querySelector("[data-names-ask]").hidden === false;
    if (part("unkept")) part("unkept").hidden = isKeeping() || isAsking || !typed().size;
  }

  async function start() {
    const names = await read();
    if (names === null) localStorage.removeItem(store);
    else if (rows.length) {
      for (const row of fields) if (!fieldOf(row).value) fieldOf(row).value = names.get(row.dataset.pupil) ?? "";
      // Pupils who left the class.
      const present = new Set(rows.map((row) => row.dataset.pupil));
      for (const pupil of [...names.keys()]) if (!present.has(pupil)) names.delete(pupil);
      await save(fields.length ? typed() : names).catch(() => {});
    }
    show(names);
    // What was typed before this script was there.
    const early = fields.find((row) => fieldOf(row).value.trim());
    if (names !== null) question?.remove();
    else if (early && question === null) {
      last = fieldOf(early);
      ask(last);
      showUnkept();
    }
    if (!rows.length) tabs.postMessage("names?");
  }

  async function keep(answer) {
    try {
      await save(typed());
    } catch {
      answer("Ce navigateur n’a pas pu garder les prénoms\u00a0: imprimez la liste avant de quitter cette page.");
      return;
    }
    show(typed());
    answer("C’est fait\u00a0: les prénoms sont gardés sur cet appareil, à mesure que vous les écrivez.");
  }

  // Ask once, below the first name that is typed: the answers are what Tab reaches next.
  function ask(field) {
    const row = field.closest("tr");
    row.after(part("question").content.cloneNode(true));
    question = row.nextElementSibling;
    const answer = (sentence) => {
      question.querySelector("[data-names-ask]").hidden = true;
      const reply = question.querySelector("[data-names-answer]");
      reply.textContent = sentence;
      reply.hidden = false;
      showUnkept();
      last.focus({ preventScroll: true });
      for (const one of [last, reply]) one.scrollIntoView({ block: "nearest" });
      part("announce").textContent = sentence;
    };
    question.querySelector("[data-names-yes]").addEventListener("click", () => keep(answer));
    question.querySelector("[data-names-no]").addEventListener("click", () => {
      answer("Entendu\u00a0: les prénoms ne sont que dans cette page. Imprimez la liste avant de la quitter.");
    });
    question.scrollIntoView({ block: "nearest" });
    part("announce").textContent = "Garder les prénoms sur cet appareil\u00a0? Les deux réponses suivent ce champ.";
  }

  document.addEventListener("input", async ({ target }) => {
    if (!("firstName" in target.dataset)) return;
    last = target;
    if (!isKeeping()) {
      if (question === null && target.value.trim()) ask(target);
      showUnkept();
      return;
    }
    try {
      await save(typed());
    } catch {
      show(null);
      part("announce").textContent = part("unkept").textContent;
    }
  });
  // A sheet that was opened from a file fills its fields without typing.
  document.addEventListener("names:filled", () => { if (isKeeping()) save(typed()).catch(() => show(null)); else showUnkept(); });

  part("keep")?.addEventListener("click", () => {
    question?.remove(); // what it answered holds no more
    keep(say);
  });
  part("erase")?.addEventListener("click", async () => {
    await writing;
    localStorage.removeItem(store);
    for (const row of fields) fieldOf(row).value = "";
    part("kept").querySelector("details").open = false;
    question?.remove();
    question = null;
    show(null);
    say("C’est fait\u00a0: les prénoms de cette classe sont effacés de cet appareil.");
  });
  start();
})();
