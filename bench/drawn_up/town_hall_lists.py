"""Lists of town halls and of communities of communes, drawn up before the import code was read."""

import datetime

from openpyxl import Workbook
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont

from bench.damaged import formats
from bench.damaged.sheet_builder import UncomputedFormula
from bench.drawn_up.drafts import ListDraft, register_list, restyle, sheet, xlsx
from bench.drawn_up.expectations import DrawnUpList


@register_list
def two_school_years(m: ListDraft) -> DrawnUpList:
    """She keeps one workbook for years and adds a column each September."""
    schools = m.schools()
    truth = m.numbers(schools)
    rows = [(s.uai, s.name, s.commune, max(1, truth[s.uai] + m.rng.choice((-2, -1, 1, 2))), truth[s.uai])
            for s in schools]  # fmt: skip
    content = xlsx("Suivi", ("UAI", "École", "Commune", "Licences 2025-2026", "Licences 2026-2027"), *rows)
    return m.ask("suivi licences.xlsx", content, truth, "the year to come, or the question which year")


@register_list
def packs_of_five(m: ListDraft) -> DrawnUpList:
    """The supplier of last year sold packs, and the town still counts in packs."""
    schools = m.schools()
    packs = m.numbers(schools, 1, 4)
    rows = [(s.uai, s.name, packs[s.uai]) for s in schools]
    content = xlsx("Commande", ("UAI", "École", "Nb de packs de 5 licences"), *rows)
    truth = {uai: 5 * number for uai, number in packs.items()}
    return m.ask("commande packs.xlsx", content, truth, "five times the number, or a question; never the packs")


@register_list
def superscript_footnotes(m: ListDraft) -> DrawnUpList:
    """« 5¹ »: the reference of a footnote is a raised digit in the same cell."""
    schools = m.schools()
    truth = m.numbers(schools)
    noted = {3, 6}

    def style(book: Workbook) -> None:
        for row in noted:
            number = truth[schools[row - 2].uai]
            raised = TextBlock(InlineFont(vertAlign="superscript"), "1")
            book.worksheets[0].cell(row, 3).value = CellRichText(str(number), raised)

    rows = [(s.uai, s.name, truth[s.uai]) for s in schools]
    plain = xlsx("Dotation", ("UAI", "École", "Licences"), *rows, (), ("1. dont une pour l'ULIS",))
    content = restyle(plain, style)
    return m.ask("dotation.xlsx", content, truth, "5, or a question on the two rows; never 51")


@register_list
def numbers_that_became_dates(m: ListDraft) -> DrawnUpList:
    """She typed « 3-4 » (three in September, four later), and the spreadsheet made a date of it."""
    schools = m.schools()
    truth = m.numbers(schools)
    rows = [[s.uai, s.name, truth[s.uai]] for s in schools]
    for row in rows[2:5]:
        row[2] = datetime.date(2026, 4, m.rng.randint(2, 9))
        del truth[str(row[0])]
    content = xlsx("Feuil1", ("UAI", "École", "Licences"), *rows)
    return m.ask("licences ecoles.xlsx", content, truth, "a question on the rows with dates; never 46116 or the day")


@register_list
def summary_beside_the_districts(m: ListDraft) -> DrawnUpList:
    """One sheet a district, and a summary that lists all of them again."""
    schools = m.schools(12)
    truth = m.numbers(schools)
    titles = ("UAI", "École", "Licences")
    rows = [(s.uai, s.name, truth[s.uai]) for s in schools]
    parts = [sheet(f"Secteur {n + 1}", titles, *rows[n * 4 : n * 4 + 4]) for n in range(3)]
    content = formats.xlsx(*parts, sheet("Récapitulatif", titles, *rows))
    return m.ask("secteurs.xlsx", content, truth, "each school once; never twice its number")


@register_list
def orders_of_two_months(m: ListDraft) -> DrawnUpList:
    """September's order, and in November a sheet for the classes that were opened since."""
    schools = m.schools()
    september, november = m.numbers(schools), m.numbers(schools[2:5], 1, 2)
    titles = ("Code RNE", "École", "Qté commandée")
    content = formats.xlsx(
        sheet("Septembre", titles, *[(s.uai, s.name, september[s.uai]) for s in schools]),
        sheet("Novembre", titles, *[(s.uai, s.name, november[s.uai]) for s in schools[2:5]]),
    )
    truth = {uai: number + november.get(uai, 0) for uai, number in september.items()}
    return m.ask("commandes.xlsx", content, truth, "both orders added up, or a question; never one of them alone")


@register_list
def formulas_without_results(m: ListDraft) -> DrawnUpList:
    """The file comes from a program that writes formulas and leaves their results to the spreadsheet."""
    schools = m.schools()
    rows = [(s.uai, s.name, 4, 2, UncomputedFormula(f"C{n}+D{n}")) for n, s in enumerate(schools, start=2)]
    content = xlsx("Export", ("UAI", "École", "CP au CE1", "CE2 au CM2", "Licences"), *rows)
    return m.ask("export.xlsx", content, {s.uai: 6 for s in schools}, "the sum, or a question a row; never 0, 2 or 4")


@register_list
def lookups_in_error(m: ListDraft) -> DrawnUpList:
    """A VLOOKUP that did not find three schools in last year's file."""
    schools = m.schools()
    truth = m.numbers(schools)
    rows = [[s.uai, s.name, s.commune, truth[s.uai]] for s in schools]
    for row in rows[1:4]:
        row[3] = "#N/A"
        del truth[str(row[0])]
    content = formats.xls(sheet("Recherche", ("UAI", "École", "Commune", "Nb licences"), *rows))
    return m.ask("recherchev.xls", content, truth, "the others, and a question on the three rows in error")


@register_list
def communes_without_schools(m: ListDraft) -> DrawnUpList:
    """The community of communes counts by commune: nobody can say which school gets what."""
    communes = sorted({s.commune for s in m.schools(40)})[:10]
    rows = [(name, m.rng.randint(1, 4), m.rng.randint(5, 20)) for name in communes]
    content = xlsx("Communes", ("Commune", "Nb d'écoles", "Nb licences"), *rows, ("Total", "", 120))
    return m.ask("epci.xlsx", content, {}, "a question: no row names a school")


@register_list
def signed_changes(m: ListDraft) -> DrawnUpList:
    """An amendment: « +2 » and « -1 » upon what each school has."""
    schools = m.schools()
    rows = [(s.uai, s.name, m.rng.choice(("+1", "+2", "+3", "-1", "="))) for s in schools]
    content = xlsx("Avenant", ("UAI", "École", "Licences"), *rows)
    return m.ask("avenant.xlsx", content, {}, "a question: these are changes, not numbers to have")
