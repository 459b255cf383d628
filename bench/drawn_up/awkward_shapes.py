"""Lists whose shape, versions or sheets mislead; drawn up after the first ones were read right."""

from bench.damaged import formats
from bench.drawn_up.drafts import ListDraft, register_list, sheet, xlsx
from bench.drawn_up.expectations import DrawnUpList

TITLES = ("UAI", "École", "Licences")


@register_list
def two_tables_on_their_side(m: ListDraft) -> DrawnUpList:
    """Schools in columns, the second half of them in a further table below."""
    schools = m.schools(12)
    truth = m.numbers(schools)
    rows: list[list[object]] = []
    for half in (schools[:6], schools[6:]):
        rows += [["UAI", *(s.uai for s in half)], ["École", *(s.name for s in half)],
                 ["Licences", *(truth[s.uai] for s in half)], []]  # fmt: skip
    return m.ask("paysage.xlsx", xlsx("Secteurs", *rows), truth, "both halves, or a sentence that one is not read")


@register_list
def versions_with_one_number(m: ListDraft) -> DrawnUpList:
    """Two versions of a list of schools; the number for all is typed on the page."""
    schools = m.schools(12)
    dropped, added = schools[10], schools[11]
    first, second = [*schools[:10], dropped], [*schools[:10], added]
    content = formats.xlsx(
        sheet("V1", TITLES[:2], *[(s.uai, s.name) for s in first]),
        sheet("V2 corrigée", TITLES[:2], *[(s.uai, s.name) for s in second]),
    )
    truth = {s.uai: 2 for s in second}
    return m.ask("écoles.xlsx", content, truth, "the question which version; nothing twice", quantity_for_all=2)


@register_list
def a_waiting_list(m: ListDraft) -> DrawnUpList:
    """The schools served, and on a second sheet of the same columns those that wait for a place."""
    schools = m.schools(14)
    truth = m.numbers(schools)
    rows = [(s.uai, s.name, truth[s.uai]) for s in schools]
    content = formats.xlsx(sheet("Retenues", TITLES, *rows[:9]), sheet("Liste d'attente", TITLES, *rows[9:]))
    served = {s.uai: truth[s.uai] for s in schools[:9]}
    return m.ask("attributions.xlsx", content, served, "the waiting ones unticked, or a question")


@register_list
def carried_forward(m: ListDraft) -> DrawnUpList:
    """A printed account: « À reporter » below each page, « Report » above the next."""
    schools = m.schools(12)
    truth = m.numbers(schools)
    rows: list[tuple[object, ...]] = []
    total = 0
    for at, school in enumerate(schools):
        if at in (4, 8):
            rows += [("", "À reporter", total), TITLES, ("", "Report", total)]
        rows.append((school.uai, school.name, truth[school.uai]))
        total += truth[school.uai]
    return m.ask("état.xlsx", xlsx("État", TITLES, *rows, ("", "Total", total)), truth, "the schools alone")


@register_list
def an_annex_under_the_same_code(m: ListDraft) -> DrawnUpList:
    """A school stands again, as « annexe », with its own number."""
    schools = m.schools(10)
    truth = m.numbers(schools)
    rows: list[tuple[object, ...]] = []
    for at, s in enumerate(schools):
        rows.append((s.uai, s.name, truth[s.uai]))
        if at in (2, 6):
            rows.append((s.uai, f"{s.name} – annexe", 2))
            truth[s.uai] += 2
    return m.ask("annexes.xlsx", xlsx("Écoles", TITLES, *rows), truth, "their sum, or a question; never one alone")


@register_list
def a_row_for_each_pupil(m: ListDraft) -> DrawnUpList:
    """An extract of pupils: the school stands on the row of each."""
    schools = m.schools(4)
    rows = [(s.uai, s.name, m.person(), level) for s in schools for level in ("CP", "CE1", "CE1", "CM2", "CM2", "CM2")]
    content = xlsx("Base élèves", ("UAI", "École", "Élève", "Niveau"), *rows)
    truth = {s.uai: 1 for s in schools}
    return m.ask("élèves.xlsx", content, truth, "one each, or a question; never a licence a pupil", quantity_for_all=1)


@register_list
def districts_as_headings(m: ListDraft) -> DrawnUpList:
    """« Secteur Nord (4 écoles) » stands above its schools, with their sum in the column of numbers."""
    schools = m.schools(12)
    truth = m.numbers(schools)
    rows: list[tuple[object, ...]] = []
    for at, name in enumerate(("Nord", "Centre", "Sud")):
        own = schools[4 * at : 4 * at + 4]
        rows.append(("", f"Secteur {name} (4 écoles)", sum(truth[s.uai] for s in own)))
        rows += [(s.uai, s.name, truth[s.uai]) for s in own]
    return m.ask("secteurs.xlsx", xlsx("Secteurs", TITLES, *rows), truth, "the schools; their sums set aside")


@register_list
def a_list_beside_notes(m: ListDraft) -> DrawnUpList:
    """To the right of the table, a blank column and the author's own reckoning."""
    schools = m.schools(10)
    truth = m.numbers(schools)
    rows: list[tuple[object, ...]] = [(s.uai, s.name, truth[s.uai]) for s in schools]
    rows[1] += ("", "budget", 4800)
    rows[2] += ("", "prix d'une licence", 40)
    rows[3] += ("", "reste", 4800 - 40 * sum(truth.values()))
    return m.ask("calculs.xlsx", xlsx("Écoles", TITLES, *rows), truth, "the schools and their numbers alone")
