"""Lists with rows that mean no, parts, or something said twice; drawn up against the code."""

from openpyxl import Workbook
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.styles import PatternFill

from bench.damaged import formats
from bench.drawn_up.drafts import ListDraft, register_list, restyle, sheet, xlsx
from bench.drawn_up.expectations import DrawnUpList


@register_list
def red_rows_with_a_legend(m: ListDraft) -> DrawnUpList:
    """« En rouge : ne participe pas »: the answer is a colour."""
    schools = m.schools(12)
    truth = m.numbers(schools)
    refused = {4, 7, 8}

    def style(book: Workbook) -> None:
        for row in refused:
            for cell in book.worksheets[0][row]:
                cell.fill = PatternFill("solid", fgColor="FFFF0000")

    rows = [(s.uai, s.name, truth[s.uai]) for s in schools]
    content = restyle(xlsx("Écoles", ("UAI", "École", "Licences"), *rows, (), ("En rouge : ne participe pas",)), style)
    kept = {s.uai: truth[s.uai] for n, s in enumerate(schools, start=2) if n not in refused}
    return m.ask("couleurs.xlsx", content, kept, "red rows unticked, or a remark about the legend")


@register_list
def a_sheet_of_refusals(m: ListDraft) -> DrawnUpList:
    """Two sheets of the same columns: what was granted, and what was refused."""
    schools = m.schools(14)
    truth = m.numbers(schools)
    rows = [(s.uai, s.name, truth[s.uai]) for s in schools]
    titles = ("UAI", "École", "Licences")
    content = formats.xlsx(sheet("Accordées", titles, *rows[:9]), sheet("Refusées", titles, *rows[9:]))
    granted = {s.uai: truth[s.uai] for s in schools[:9]}
    return m.ask("commission.xlsx", content, granted, "the refused ones are not read, or a question")


@register_list
def cancelled_in_the_remarks(m: ListDraft) -> DrawnUpList:
    """The last column says that some rows no longer count."""
    schools = m.schools(12)
    truth = m.numbers(schools)
    rows = [[s.uai, s.name, truth[s.uai], ""] for s in schools]
    for at, remark in ((2, "ANNULÉ"), (5, "se désiste (mail du 14/09)"), (8, "ne souhaite pas participer")):
        rows[at][3] = remark
        del truth[schools[at].uai]
    content = xlsx("Demandes", ("UAI", "École", "Licences", "Observations"), *rows)
    return m.ask("demandes.xlsx", content, truth, "the three rows unticked, or a question")


@register_list
def collapsed_details(m: ListDraft) -> DrawnUpList:
    """An outline: a hidden row for each class, and the visible total of its school."""
    schools = m.schools(6)
    truth = m.numbers(schools, 2, 4)
    page = sheet("Plan", ("UAI", "École", "Classe", "Licences"))
    details: list[int] = []
    for school in schools:
        for number in range(truth[school.uai]):
            page.add_unscored(school.uai, school.name, f"classe {number + 1}", 1)
            details.append(page.height)
        page.add_unscored("", f"Total {school.name}", "", truth[school.uai])

    def style(book: Workbook) -> None:
        for row in details:
            book.worksheets[0].row_dimensions[row].outlineLevel = 1
            book.worksheets[0].row_dimensions[row].hidden = True

    content = restyle(formats.xlsx(page), style)
    return m.ask("plan.xlsx", content, truth, "the total of each school, or a question; never 1")


@register_list
def a_separator_within_a_name(m: ListDraft) -> DrawnUpList:
    """A text file without quotes: « Jaurès; annexe » moves the numbers of its row by one column."""
    schools = m.schools()
    truth = m.numbers(schools, 2, 6)
    lines = ["UAI;École;Enseignants;Licences"]
    lines += [f"{s.uai};{s.name}{'; annexe' if n in (3, 7) else ''};{truth[s.uai] + 5};{truth[s.uai]}"
              for n, s in enumerate(schools)]  # fmt: skip
    content = "\r\n".join(lines).encode("cp1252", "replace")
    return m.ask("export.csv", content, truth, "the right column, or a question on the two rows; never the teachers")


@register_list
def a_digit_struck_within_a_cell(m: ListDraft) -> DrawnUpList:
    """« 8 » is struck and « 5 » typed after it, in one cell."""
    schools = m.schools()
    truth = m.numbers(schools, 3, 9)

    def style(book: Workbook) -> None:
        for row in (3, 8):
            number = truth[schools[row - 2].uai]
            struck = TextBlock(InlineFont(strike=True), "1")
            book.worksheets[0].cell(row, 3).value = CellRichText(struck, str(number))

    content = restyle(
        xlsx("V2", ("UAI", "École", "Licences"), *[(s.uai, s.name, truth[s.uai]) for s in schools]), style
    )
    return m.ask("v2 corrigée.xlsx", content, truth, "the digit that is not struck, or a question; never both as one")


@register_list
def parts_below_their_school(m: ListDraft) -> DrawnUpList:
    """« dont ULIS » stands below its school, with a number of its own."""
    schools = m.schools()
    truth = m.numbers(schools, 5, 9)
    page = sheet("Détail", ("École", "Commune", "Licences"))
    for at, school in enumerate(schools):
        page.add_unscored(school.name, school.commune, truth[school.uai])
        if at % 3 == 0:
            page.add_unscored("   dont ULIS", "", 2)
    return m.ask("détail.xlsx", formats.xlsx(page), truth, "the number of the school; its parts are no school")


@register_list
def private_school_groups(m: ListDraft) -> DrawnUpList:
    """A diocese writes « Ensemble scolaire » before the name, as it does for totals."""
    schools = [s for s in m.schools(16, kind="primaire") if "total" not in s.name.lower()][:8]
    truth = m.numbers(schools)
    rows = [(f"Ensemble scolaire {' '.join(s.distinctive_words).title()}", s.uai, truth[s.uai]) for s in schools]
    content = xlsx(
        "Réseau diocésain", ("Établissement", "UAI", "Licences"), *rows, ("Ensemble", "", sum(truth.values()))
    )
    return m.read("diocèse.xlsx", content, truth, "the schools; the last row is their total")
