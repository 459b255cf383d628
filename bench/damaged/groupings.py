"""Lists whose schools are grouped, numbered, repeated or counted level by level."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.damaged import formats
from bench.damaged.material import damaged
from bench.damaged.sheets import Sheet
from bench.damaged.truth import DamagedFile, Expected, Purpose

if TYPE_CHECKING:
    from bench.damaged.material import Material


@damaged
def communes_as_titles_of_their_group(m: Material) -> DamagedFile:
    """No column of communes: each stands alone in a row above its schools, which are not coded."""
    sheet = Sheet("Écoles")
    sheet.aside("École", "Directeur", "Nombre de licences")
    for commune, schools in m.communes(max(4, m.size // 6)):
        sheet.note(commune.upper())
        for school in schools:
            line = m.named(school, place="commune", expected=Expected.OPEN)
            sheet.row(line.truth, *line.of(("name", "director", "quantity")))
    return DamagedFile(
        name=m.name, filename="par commune.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"name": "École", "quantity": "Nombre de licences"}, sheets=("Écoles",),
    )  # fmt: skip


@damaged
def sheets_with_a_summary_of_their_own_words(m: Material) -> DamagedFile:
    """A sheet a commune, and a summary whose titles are theirs but whose rows are communes."""
    sheets = []
    summary = Sheet("Récapitulatif")
    summary.aside("Commune", "Nombre d'écoles", "Nb licences")
    for commune, schools in m.communes(8, least=4):
        sheet = Sheet(commune.replace("/", "-").replace("'", " ")[:31])
        sheet.aside("RNE", "Nom de l'école", "Commune", "Nb licences")
        for school in schools:
            line = m.line(school)
            sheet.row(line.truth, *line.of(("uai", "name", "commune", "quantity")))
        summary.aside(commune, len(schools), 31)
        sheets.append(sheet)
    summary.aside("TOTAL", 64, 248)
    return DamagedFile(
        name=m.name, filename="récapitulatif.xlsx", content=formats.xlsx(summary, *sheets), header_rows=(1,),
        rows={place: row for sheet in sheets for place, row in sheet.truth.items()},
        columns={"uai": "RNE", "name": "Nom de l'école", "commune": "Commune", "quantity": "Nb licences"},
        sheets=tuple(sheet.name for sheet in sheets),
    )  # fmt: skip


@damaged
def classes_level_by_level(m: Material) -> DamagedFile:
    """The classes of each level under one title, and their total, for the portfolio."""
    sheet = Sheet("Structures")
    sheet.aside("Identification", "", "", "Nombre de classes", "", "", "", "", "")
    sheet.aside("UAI", "École", "Commune", "CP", "CE1", "CE2", "CM1", "CM2", "Total")
    sheet.merged += [(1, 1, 1, 3), (1, 4, 1, 9)]
    for school in m.schools():
        line = m.line(school, faults=0)
        levels = [m.chance.randint(0, 3) for _ in range(5)]
        levels[0] += 1
        truth = line.truth._replace(quantity=sum(levels))
        sheet.row(truth, *line.of(("uai", "name", "commune")), *levels, sum(levels))
    return DamagedFile(
        name=m.name, filename="structures.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(2,),
        columns={"uai": "UAI", "name": "École", "commune": "Commune", "quantity": "Total"}, sheets=("Structures",),
        purpose=Purpose.PERIMETRE,
    )  # fmt: skip


@damaged
def columns_numbered_below_their_titles(m: Material) -> DamagedFile:
    """A form of the administration: (1), (2), (3) below the titles, and some schools twice."""
    sheet = Sheet("Formulaire")
    sheet.aside("Code UAI", "Désignation", "Commune", "Licences souhaitées")
    sheet.note("(1)", "(2)", "(3)", "(4)")
    schools = m.schools()
    for school in [*schools, *m.chance.sample(schools, max(1, len(schools) // 20))]:
        line = m.line(school)
        sheet.row(line.truth, *line.of(("uai", "name", "commune", "quantity")))
    return DamagedFile(
        name=m.name, filename="formulaire.ods", content=formats.ods(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"uai": "Code UAI", "name": "Désignation", "commune": "Commune", "quantity": "Licences souhaitées"},
        sheets=("Formulaire",),
    )  # fmt: skip


@damaged
def schools_outside_the_remit(m: Material) -> DamagedFile:
    """The collectivity has a portfolio; the list, by name and commune, is of other schools."""
    sheet = Sheet()
    sheet.aside("École", "Commune", "Département", "Nb licences")
    for school in m.schools():
        line = m.named(school, place="commune")
        sheet.row(line.truth, *line.of(("name", "commune", "departement", "quantity")))
    remit = frozenset(school.uai for school in m.schools(30))
    return DamagedFile(
        name=m.name, filename="ailleurs.csv", content=formats.delimited(sheet, encoding="cp1252"), rows=sheet.truth,
        columns={"name": "École", "commune": "Commune", "quantity": "Nb licences"}, header_rows=(1,), remit=remit,
    )  # fmt: skip
