// Drag and drop on the upload page. Optional: the file field works without scripts.
"use strict";

for (const form of document.querySelectorAll("[data-dropzone]")) {
  const field = form.querySelector('input[type="file"]');
  const hint = form.querySelector("[data-drop-hint]");
  if (!field || !hint) continue;
  const invitation = "Vous pouvez aussi glisser le fichier ici.";
  const said = () => {
    hint.textContent = field.files.length ? `Fichier choisi : ${field.files[0].name}` : invitation;
  };
  hint.hidden = false;
  said();
  field.addEventListener("change", said);
  let depth = 0;
  const over = (inside) => form.classList.toggle("import-drop-over", inside);
  form.addEventListener("dragenter", (event) => { event.preventDefault(); depth += 1; over(true); });
  form.addEventListener("dragleave", () => { depth -= 1; if (depth <= 0) over(false); });
  form.addEventListener("dragover", (event) => event.preventDefault());
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    over(false);
    if (!event.dataTransfer.files.length) return;
    const one = new DataTransfer();
    one.items.add(event.dataTransfer.files[0]);
    field.files = one.files;
    said();
  });
  form.addEventListener("submit", () => {
    const button = form.querySelector("button.btn-primary");
    if (button && form.checkValidity()) { button.disabled = true; button.textContent = "Dépôt en cours…"; }
  });
}
