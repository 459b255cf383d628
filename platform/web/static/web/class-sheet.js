// The sheet of a class: who is who, its cards, its file. First names exist only in the page, in a file on the teacher's
// disk and, if wanted, in this browser (first-names.js). They are never sent: their fields have no name and belong to no
// form, and nothing here makes a request.
// Optional: without scripts the server makes the cards, and the list to complete by hand.
"use strict";

(() => {
  const sheet = document.querySelector("[data-sheet]");
  if (!sheet) return;

  const TITLES = ["Numéro", "Prénom", "Identifiant", "Mot de passe", "Mot de passe du"];
  const rows = [...sheet.querySelectorAll("tr[data-login]")];
  const cards = document.querySelector("[data-sheet-cards]");
  const others = sheet.querySelector("[data-sheet-others]"); // those of the class who have no new password
  let got = "fresh" in sheet.dataset ? "" : "all"; // of the passwords known only to this page: nothing, cards, or what outlives a new first name
  let outdated = false; // whether first names were written since the cards were got
  let saved = rows.every((row) => !row.querySelector("[data-first-name]").value); // whether the first names that were typed are on paper or in a file
  let downloading = false;
  let leaving = false;

  const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const isKeeping = () => Boolean(document.querySelector("[data-names][data-keeping]"));
  const nameOf = (row) => row.querySelector("[data-first-name]");
  const passwordOf = (row) => row.querySelector("[data-password] .login")?.textContent ?? "";
  const count = (number, one, several) => `${number}\u00a0${number > 1 ? several : one}`;

  function show(place, sentence) {
    place.textContent = sentence;
    place.scrollIntoView({ block: "nearest" });
  }
  function say(sentence) {
    const place = sheet.querySelector("[data-sheet-message]");
    show(place, sentence);
    place.focus({ preventScroll: true });
  }

  function showPassword(row, password) {
    const word = document.createElement("span");
    word.className = "login";
    word.textContent = password;
    row.querySelector("[data-password]").replaceChildren(word);
  }

  // --- What is printed ----------------------------------------------------------------------------------------------
  // Passwords that a file brought back: their cards.
  function offerCards() {
    if (!cards) return;
    const known = rows.filter(passwordOf);
    const button = cards.querySelector("[data-sheet-count]");
    cards.hidden = !known.length;
    button.textContent = `Télécharger ${count(known.length, "carte", "cartes")} (PDF)`;
    // As the server names them.
    if (known.length === 1) {
      button.dataset.file = `carte-${known[0].dataset.login.split("-")[0]}-${sheet.dataset.files}.pdf`;
      button.dataset.content = "Votre carte";
    }
  }
  cards?.addEventListener("submit", () => {
    for (const field of cards.querySelectorAll("[name=carte]")) field.remove();
    for (const row of rows.filter(passwordOf)) {
      const field = document.createElement("input");
      field.type = "hidden";
      field.name = "carte";
      field.value = `${row.dataset.login} ${passwordOf(row)}`;
      cards.append(field);
    }
  });
  for (const form of document.querySelectorAll("[data-print]")) {
    form.addEventListener("submit", ({ submitter }) => {
      // A download does not leave the page, but the browser fires beforeunload all the same.
      downloading = true;
      setTimeout(() => { downloading = false; }, 5000);
      if (got !== "all") got = submitter?.value === "liste" ? "all" : "cards";
      outdated = false;
      const { file, content } = submitter?.dataset ?? {};
      const message = document.querySelector("[data-file-message]");
      if (!file) return;
      message.classList.add("file-message");
      show(message, `${content}\u00a0: le fichier «\u00a0${file}\u00a0» est dans vos téléchargements. Ouvrez-le et imprimez-le en A4, à l’échelle 100\u00a0%.`);
    });
  }
  for (const button of document.querySelectorAll("[data-sheet-print]")) {
    button.addEventListener("click", () => {
      window.print();
      saved = true;
      got = "all";
    });
  }

  // --- The file -------------------------------------------------------------------------------------------------
  // Spreadsheet programs execute cells that begin like a formula.
  const written = (text) => {
    const safe = /^[=+\-@]/.test(text) ? `'${text}` : text;
    return /[";\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };

  function save() {
    const lines = rows.map((row) => {
      const password = passwordOf(row);
      return [row.dataset.number, nameOf(row).value.trim(), row.querySelector("th").textContent.trim(), password, password ? row.dataset.stamp : ""];
    });
    // The BOM makes spreadsheet programs read the file as UTF-8.
    const text = "\ufeff" + [TITLES, ...lines].map((line) => line.map(written).join(";")).join("\r\n") + "\r\n";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    link.download = `prenoms-${sheet.dataset.files}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    saved = true;
    got = "all";
    say(`Le fichier «\u00a0${link.download}\u00a0» est dans vos téléchargements\u00a0: rangez-le en lieu sûr.`);
  }

  function decoded(bytes) {
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
      return new TextDecoder("windows-1252").decode(bytes); // saved again by a spreadsheet program
    }
  }

  // Parse CSV rows; a quoted cell may hold the separator, doubled quotes and line breaks.
  function cells(text) {
    const body = text.replace(/^\ufeff/, "");
    const head = body.split(/\r?\n/, 1)[0];
    const separator = [";", "\t", ","].find((mark) => head.includes(mark)) ?? ";";
    const lines = [[""]];
    let quoted = false;
    for (let place = 0; place < body.length; place += 1) {
      const sign = body[place];
      const line = lines.at(-1);
      if (quoted) {
        if (sign === '"' && body[place + 1] === '"') { line[line.length - 1] += '"'; place += 1; }
        else if (sign === '"') quoted = false;
        else line[line.length - 1] += sign;
      } else if (sign === '"' && line.at(-1) === "") quoted = true;
      else if (sign === separator) line.push("");
      else if (sign === "\n") lines.push([""]);
      else if (sign !== "\r") line[line.length - 1] += sign;
    }
    return lines.filter((line) => line.some((cell) => cell.trim()));
  }

  function take(text) {
    const lines = cells(text);
    const [name, login, password, stamp] = TITLES.slice(1).map((title) => (lines[0] ?? []).findIndex((cell) => cell.trim() === title));
    if (name < 0 || login < 0) {
      say("Ce fichier n’a pas été enregistré ici\u00a0: il lui manque les colonnes «\u00a0Prénom\u00a0» et «\u00a0Identifiant\u00a0». Rien n’a été changé.");
      return;
    }
    const byLogin = new Map(rows.map((row) => [row.dataset.login, row]));
    const loginIn = (line) => fold((line[login] ?? "").trim());
    const found = lines.slice(1).filter((line) => byLogin.has(loginIn(line)));
    if (!found.length) {
      say("Ce fichier est celui d’une autre classe\u00a0: aucun de ses identifiants n’est ici. Rien n’a été changé.");
      return;
    }
    let outdated = 0;
    for (const line of found) {
      const row = byLogin.get(loginIn(line));
      const first = (line[name] ?? "").trim().replace(/^'(?=[=+\-@])/, "");
      // Values typed since then are newer than the file.
      if (first && !nameOf(row).value) nameOf(row).value = first;
      const word = (line[password] ?? "").trim();
      if (!word || passwordOf(row)) continue;
      if ((line[stamp] ?? "").trim() === row.dataset.stamp) showPassword(row, word);
      else outdated += 1;
    }
    const sentences = [`${count(found.length, "élève retrouvé", "élèves retrouvés")} sur ${rows.length}.`];
    const strangers = lines.length - 1 - found.length;
    if (strangers) sentences.push(`${count(strangers, "ligne n’est plus", "lignes ne sont plus")} de cette classe.`);
    if (outdated) sentences.push(`${count(outdated, "mot de passe a changé", "mots de passe ont changé")} depuis\u00a0: ${outdated > 1 ? "ils ne sont pas repris" : "il n’est pas repris"}.`);
    document.dispatchEvent(new Event("names:filled"));
    if (others) others.hidden = false;
    say(sentences.join(" "));
    offerCards();
  }

  sheet.querySelector("[data-sheet-open]").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (file) take(decoded(await file.arrayBuffer()));
    event.target.value = ""; // allows opening the same file again
  });
  sheet.querySelector("[data-sheet-save]").addEventListener("click", save);

  // --- The fields ---------------------------------------------------------------------------------------------------
  // Enter goes to the next pupil.
  sheet.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || !("firstName" in event.target.dataset)) return;
    const shown = rows.map(nameOf).filter((field) => field.offsetParent);
    shown[shown.indexOf(event.target) + 1]?.focus();
  });
  if (others) {
    const more = sheet.querySelector("[data-sheet-more]");
    others.hidden = true;
    more.hidden = false;
    more.addEventListener("click", () => {
      others.hidden = false;
      more.hidden = true;
      nameOf(others.rows[0]).focus();
    });
  }

  // --- Leaving ------------------------------------------------------------------------------------------------------
  sheet.addEventListener("input", ({ target }) => {
    if (!("firstName" in target.dataset)) return;
    saved = false;
    if (passwordOf(target.closest("tr"))) outdated = got === "cards";
  });
  document.addEventListener("names:filled", () => { outdated = got === "cards"; });

  /** Return the question that names all that would be lost on leaving; an empty string if nothing. */
  function findLoss() {
    const isOne = rows.filter(passwordOf).length === 1;
    const losses = [];
    if (!got) losses.push(isOne ? "La carte n’est pas encore téléchargée." : "Les cartes ne sont pas encore téléchargées.");
    if (outdated) losses.push(isOne ? "La carte que vous avez n’a pas le prénom écrit depuis." : "Les cartes que vous avez n’ont pas les prénoms écrits depuis.");
    if (losses.length) losses.push(isOne ? "Ce mot de passe ne sera plus jamais affiché." : "Ces mots de passe ne seront plus jamais affichés.");
    if (!saved && !isKeeping() && rows.some((row) => nameOf(row).value.trim())) {
      losses.push("Les prénoms que vous avez écrits ne sont pas gardés.");
    }
    return losses.length ? `${losses.join(" ")} Quitter cette page\u00a0?` : "";
  }
  const confirmLeaving = (event) => {
    const loss = findLoss();
    leaving = !loss || window.confirm(loss);
    if (!leaving) event.preventDefault();
  };
  // Links and buttons of the page ask in plain words, also where the browser itself would not ask.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!link || link.target || event.ctrlKey || event.metaKey || event.shiftKey || link.hash && link.pathname === location.pathname) return;
    confirmLeaving(event);
  });
  document.addEventListener("submit", (event) => { if (!("print" in event.target.dataset)) confirmLeaving(event); });
  window.addEventListener("beforeunload", (event) => { if (!leaving && !downloading && findLoss()) event.preventDefault(); });
  window.addEventListener("pageshow", () => { leaving = false; });

  // Reloading this page must not generate other passwords: replace its URL by that of the class.
  if (sheet.dataset.after) history.replaceState(null, "", sheet.dataset.after);
  for (const part of document.querySelectorAll("[data-sheet-scripted]")) part.hidden = false;
  offerCards();
  // The class page leads to « Ouvrir mon fichier ». Nothing has this id: the browser would take the focus away.
  const file = sheet.querySelector("[data-sheet-file]");
  if (location.hash === "#fichier") {
    file.open = true;
    file.scrollIntoView({ block: "nearest" });
    sheet.querySelector("[data-sheet-open]").focus({ preventScroll: true });
  }
})();
