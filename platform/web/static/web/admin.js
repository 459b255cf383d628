// Accessibility of django-unfold: labels for icon buttons and a main landmark. Optional: all works without scripts.
"use strict";

const NAMES = {
  "#searchbar-submit": "Rechercher dans la liste",
  "#command-submit": "Chercher une rubrique",
  "#search-input-command": "Chercher une rubrique",
  "#nav-sidebar-inner": "Menu",
  "#nav-sidebar-inner nav": "Compte",
  "a[x-on\\:click^='showActions']": "Actions",
  "#nav-sidebar a.bg-primary-600": "Accueil de l’exploitation",
};

document.addEventListener("DOMContentLoaded", () => {
  document.getElementById("main")?.setAttribute("role", "main");
  for (const [selector, name] of Object.entries(NAMES)) {
    document.querySelectorAll(selector).forEach((element) => element.setAttribute("aria-label", name));
  }
  const search = document.getElementById("searchbar");
  search?.setAttribute("aria-label", search.placeholder);
  // The header of the delete column is empty: make it a plain cell.
  document.querySelectorAll("thead th").forEach((head) => {
    if (head.textContent.trim() || head.children.length) return;
    const cell = document.createElement("td");
    cell.className = head.className;
    head.replaceWith(cell);
  });
  document.querySelectorAll(".material-symbols-outlined").forEach((icon) => icon.setAttribute("aria-hidden", "true"));
});
