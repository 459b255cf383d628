// What a page's own document tells of the RGAA's criteria. Returns one line a fault, which begins with the criterion.
() => {
  const faults = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const shown = (element) => element.checkVisibility({ visibilityProperty: true });
  const named = (element) => element.ariaLabel || element.getAttribute("aria-labelledby");
  const source = (element) => element.outerHTML.replaceAll(/\s+/g, " ").slice(0, 140);
  const note = (criterion, elements) => elements.forEach((one) => faults.push(`${criterion} ${source(one)}`));
  const ignored = "[aria-hidden=true], [role=img]";

  note("1.1", all("img:not([alt]), [role=img]").filter((one) => one.tagName === "IMG" || !named(one)));
  note("1.2", all("svg").filter((one) => !one.closest(ignored)));
  note("2.1", all("iframe").filter((one) => !one.title));
  note("4.1", all("video, audio, object, embed"));
  const titled = "[role=region][aria-label], section[aria-labelledby], section[aria-label]";
  note("5.4", all("table").filter((one) => !one.caption && !named(one) && !one.closest(titled)));
  note("5.6", all("table").filter((one) => !one.querySelector("th")));
  note("5.7", all("thead th:not([scope]):not(:empty)"));
  note("7.1", all("[onclick], [onkeydown], [onchange]"));
  const ids = all("[id]").map((one) => one.id);
  faults.push(...ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `8.2 two elements #${id}`));
  note("8.9", all("main p:empty:not([role], [aria-live], [hidden])"));

  const headings = all("h1, h2, h3, h4, h5, h6").filter(shown);
  const titles = headings.filter((one) => one.tagName === "H1").length;
  if (titles !== 1) faults.push(`9.1 ${titles} h1`);
  headings.reduce((before, one) => {
    const level = Number(one.tagName[1]);
    if (level > before + 1) faults.push(`9.1 after h${before}: ${source(one)}`);
    return level;
  }, 1);
  if (all("main").length !== 1) faults.push(`9.2 ${all("main").length} main`);
  const menus = all("nav").filter(shown);
  note("9.2", menus.filter((one) => menus.length > 1 && !named(one)));
  note("9.3", all("ul, ol").filter((one) => [...one.children].some((child) => child.tagName !== "LI")));
  note("10.1", all("[align], [bgcolor], font, center, big, [style]").filter((one) => !one.closest("svg")));

  const fields = all("input:not([type=hidden]), select, textarea").filter(shown);
  note("11.1", fields.filter((one) => !one.labels?.length && !named(one)));
  note("11.5", all("main form").filter((form) => {
    const radios = [...form.querySelectorAll("input[type=radio]")].filter(shown);
    return radios.length > 1 && !radios.every((one) => one.closest("fieldset, [role=radiogroup], [role=group]"));
  }));
  note("11.9", all("button:not([aria-hidden=true])").filter((one) => shown(one) && !one.textContent.trim() && !named(one)));
  const ofThePerson = ["first_name", "last_name", "email", "phone", "username"];
  note("11.13", fields.filter((one) => ofThePerson.includes(one.name) && one.form?.method === "post" && !one.autocomplete));

  const skip = document.querySelector("a[href='#contenu']");
  if (!skip || !document.getElementById("contenu")) faults.push("12.7 no link to the content");
  note("12.8", all("[tabindex]").filter((one) => one.tabIndex > 0));
  note("13.1", all("meta[http-equiv=refresh]"));
  return faults;
}
