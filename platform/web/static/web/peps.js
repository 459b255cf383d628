// Scripts of every page. Optional: all forms and links work without them.
"use strict";

document.addEventListener("htmx:configRequest", (event) => {
  const token = document.querySelector('meta[name="csrf-token"]');
  if (token) event.detail.headers["X-CSRFToken"] = token.content;
});

// What an act did is in view, and the keyboard goes on from there: `data-focus` marks the control that comes next,
// `data-notice` the message. Without either the focus stays where it is.
function showOutcome(part) {
  const find = (mark) => (part.matches?.(mark) ? part : part.querySelector(mark));
  const notice = find("[data-notice]");
  const next = find("[data-focus]");
  for (const place of [next, notice]) place?.scrollIntoView({ block: "nearest" });
  (next ?? notice)?.focus({ preventScroll: true });
}
document.addEventListener("DOMContentLoaded", () => showOutcome(document.body));
document.addEventListener("htmx:afterSettle", (event) => showOutcome(event.detail.elt));

// Report responses that htmx does not swap.
function showError(sentence) {
  const place = document.getElementById("messages");
  if (!place) return;
  const box = document.createElement("div");
  box.className = "alert alert-danger";
  box.setAttribute("role", "alert");
  box.setAttribute("data-notice", "");
  box.tabIndex = -1;
  box.textContent = sentence;
  place.replaceChildren(box);
  showOutcome(place);
}

document.addEventListener("htmx:responseError", (event) => {
  const status = event.detail.xhr.status;
  if (status === 403) showError("Cette action n’est pas permise, ou la page est ouverte depuis trop longtemps. Rien n’a été modifié : rechargez la page et recommencez.");
  else if (status === 429) showError("Trop d’essais à la suite. Rien n’a été modifié : patientez quelques minutes.");
  else if (status === 503) showError("Le service est momentanément indisponible. Ce que vous avez demandé est peut-être fait : attendez une minute, rechargez la page et vérifiez avant de recommencer.");
  else showError("Le serveur n’a pas pu répondre. Rechargez la page pour voir ce qui a été enregistré.");
});
document.addEventListener("htmx:sendError", () => {
  showError("La connexion est coupée. Vérifiez votre accès à Internet, puis recommencez.");
});

// Close <details> menus on Escape and on a click elsewhere.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details:is(.burger, .office-pages)[open]")) {
    menu.removeAttribute("open");
    menu.querySelector("summary").focus();
  }
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details:is(.burger, .office-pages)[open]")) {
    if (!menu.contains(event.target)) menu.removeAttribute("open");
  }
});
