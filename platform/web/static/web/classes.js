// Pages of a class: menus of rows, and the sheet of first names. These exist only in the page, in a file on the
// teacher's disk and, if wanted, in this browser (first-names.js). They are never sent: their fields have no name and
// belong to no form, and nothing here makes a request.
// Optional: without scripts the server prints the cards and the list to complete by hand.
"use strict";

(() => {
  // Submit once: a second click must not generate other passwords.
  document.addEventListener("submit", (event) => {
    if (!("once" in event.target.dataset)) return;
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "1";
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("[data-once]")) delete form.dataset.sent;
  });

  // Menus: one at a time; Escape, or a click elsewhere, closes them.
  const menus = () => document.querySelectorAll("details[data-menu][open]");
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of menus()) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
  for (const act of ["click", "focusin"]) {
    document.addEventListener(act, (event) => {
      for (const menu of menus()) if (!menu.contains(event.target)) menu.open = false;
    });
  }

  for (const button of document.querySelectorAll("[data-print-page]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }

  const sheet = document.querySelector("[data-sheet]");
  if (!sheet) return;

  const TITLES = ["Numéro", "Prénom", "Identifiant", "Mot de passe", "Mot de passe du"];
  const rows = [...sheet.querySelectorAll("tr[data-login]")];
  const said = sheet.querySelector("[data-sheet-said]");
  const cards = sheet.querySelector("[data-sheet-cards]");
  const fresh = "fresh" in sheet.dataset;
  let kept = !fresh; // whether the passwords known only to this page were printed or saved
  let printing = false;

  const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const isKeeping = () => Boolean(document.querySelector("[data-names][data-keeping]"));

  function say(sentence) {
    said.textContent = sentence;
    said.focus({ preventScroll: true });
    said.scrollIntoView({ block: "nearest" });
  }
  const nameOf = (row) => row.querySelector("[data-first-name]");
  const passwordOf = (row) => row.querySelector("[data-password] .login")?.textContent ?? "";
  const count = (number, one, several) => `${number}\u00a0${number > 1 ? several : one}`;

  function showPassword(row, password) {
    const word = document.createElement("span");
    word.className = "login";
    word.textContent = password;
    row.querySelector("[data-password]").replaceChildren(word);
  }

  // --- Cards of all passwords known to the page --------------------------------------------------------------
  function offerCards() {
    const known = rows.filter(passwordOf);
    cards.hidden = fresh && known.length === rows.filter((row) => "new" in row.dataset).length || !known.length;
    cards.querySelector("[data-sheet-count]").textContent = `Imprimer ${count(known.length, "carte", "cartes")} (PDF)`;
  }
  cards.addEventListener("submit", () => {
    for (const field of cards.querySelectorAll("[name=carte]")) field.remove();
    for (const row of rows.filter(passwordOf)) {
      const field = document.createElement("input");
      field.type = "hidden";
      field.name = "carte";
      field.value = `${row.dataset.login} ${passwordOf(row)}`;
      cards.append(field);
    }
  });
  for (const row of rows) if (passwordOf(row)) row.dataset.new = "";
  for (const form of document.querySelectorAll("[data-print]")) {
    form.addEventListener("submit", () => {
      // A download does not leave the page, but the browser fires beforeunload all the same.
      printing = true;
      setTimeout(() => { printing = false; }, 5000);
      if (isKeeping() || rows.every((row) => !nameOf(row).value)) kept = true;
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
    link.download = `classe-${sheet.dataset.code}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    kept = true;
    say(`La feuille est dans vos téléchargements, sous le nom « ${link.download} ». Rangez-la en lieu sûr.`);
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
      say("Ce fichier n’est pas une feuille enregistrée ici : il lui manque les colonnes « Prénom » et « Identifiant ». Rien n’a été changé.");
      return;
    }
    const byLogin = new Map(rows.map((row) => [row.dataset.login, row]));
    const loginIn = (line) => fold((line[login] ?? "").trim());
    const found = lines.slice(1).filter((line) => byLogin.has(loginIn(line)));
    if (!found.length) {
      say("Cette feuille est celle d’une autre classe : aucun de ses identifiants n’est ici. Rien n’a été changé.");
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
    if (outdated) sentences.push(`${count(outdated, "mot de passe a changé", "mots de passe ont changé")} depuis : ${outdated > 1 ? "ils ne sont pas repris" : "il n’est pas repris"}.`);
    document.dispatchEvent(new Event("names:filled"));
    say(sentences.join(" "));
    offerCards();
  }

  sheet.querySelector("[data-sheet-open]").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (file) take(decoded(await file.arrayBuffer()));
    event.target.value = ""; // allows opening the same file again
  });
  sheet.querySelector("[data-sheet-save]").addEventListener("click", save);
  sheet.querySelector("[data-sheet-print]").addEventListener("click", () => {
    window.print();
    kept = true;
  });
  sheet.addEventListener("input", (event) => { if ("firstName" in event.target.dataset && !isKeeping()) kept = false; });
  window.addEventListener("beforeunload", (event) => { if (!kept && !printing) event.preventDefault(); });

  // Reloading this page must not generate other passwords: replace its URL by that of the class.
  if (sheet.dataset.after) history.replaceState(null, "", sheet.dataset.after);
  sheet.querySelector("[data-sheet-tools]").hidden = false;
  offerCards();
})();
