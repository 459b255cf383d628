"""Lists whose schools are grouped, numbered, repeated or counted level by level."""

from bench.damaged import formats
from bench.damaged.expectations import DamagedFile, ExpectedMatch, FilePurpose
from bench.damaged.row_generator import RowGenerator, register_file
from bench.damaged.sheet_builder import SheetBuilder


@register_file
def communes_as_titles_of_their_group(m: RowGenerator) -> DamagedFile:
    """No column of communes: each stands alone in a row above its schools, which are not coded."""
    sheet = SheetBuilder("Écoles")
    sheet.add_unscored("École", "Directeur", "Nombre de licences")
    for commune, schools in m.communes(max(4, m.size // 6)):
        sheet.add_ignored(commune.upper())
        for school in schools:
            line = m.named(school, place="commune", expected=ExpectedMatch.OPEN)
            sheet.row(line.truth, *line.of(("name", "director", "quantity")))
    return DamagedFile(
        name=m.name, filename="par commune.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"name": "École", "quantity": "Nombre de licences"}, sheets=("Écoles",),
    )  # fmt: skip


@register_file
def sheets_with_a_summary_of_their_own_words(m: RowGenerator) -> DamagedFile:
    """A sheet a commune, and a summary whose titles are theirs but whose rows are communes."""
    sheets = []
    summary = SheetBuilder("Récapitulatif")
    summary.add_unscored("Commune", "Nombre d'écoles", "Nb licences")
    for commune, schools in m.communes(8, least=4):
        sheet = SheetBuilder(commune.replace("/", "-").replace("'", " ")[:31])
        sheet.add_unscored("RNE", "Nom de l'école", "Commune", "Nb licences")
        for school in schools:
            line = m.line(school)
            sheet.row(line.truth, *line.of(("uai", "name", "commune", "quantity")))
        summary.add_unscored(commune, len(schools), 31)
        sheets.append(sheet)
    summary.add_unscored("TOTAL", 64, 248)
    return DamagedFile(
        name=m.name, filename="récapitulatif.xlsx", content=formats.xlsx(summary, *sheets), header_rows=(1,),
        rows={place: row for sheet in sheets for place, row in sheet.truth.items()},
        columns={"uai": "RNE", "name": "Nom de l'école", "commune": "Commune", "quantity": "Nb licences"},
        sheets=tuple(sheet.name for sheet in sheets),
    )  # fmt: skip


@register_file
def classes_level_by_level(m: RowGenerator) -> DamagedFile:
    """The classes of each level under one title, and their total, for the portfolio."""
    sheet = SheetBuilder("Structures")
    sheet.add_unscored("Identification", "", "", "Nombre de classes", "", "", "", "", "")
    sheet.add_unscored("UAI", "École", "Commune", "CP", "CE1", "CE2", "CM1", "CM2", "Total")
    sheet.merged += [(1, 1, 1, 3), (1, 4, 1, 9)]
    for school in m.schools():
        line = m.line(school, faults=0)
        levels = [m.rng.randint(0, 3) for _ in range(5)]
        levels[0] += 1
        truth = line.truth._replace(quantity=sum(levels))
        sheet.row(truth, *line.of(("uai", "name", "commune")), *levels, sum(levels))
    return DamagedFile(
        name=m.name, filename="structures.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(2,),
        columns={"uai": "UAI", "name": "École", "commune": "Commune", "quantity": "Total"}, sheets=("Structures",),
        purpose=FilePurpose.PORTFOLIO,
    )  # fmt: skip


@register_file
def columns_numbered_below_their_titles(m: RowGenerator) -> DamagedFile:
    """A form of the administration: (1), (2), (3) below the titles, and some schools twice."""
    sheet = SheetBuilder("Formulaire")
    sheet.add_unscored("Code UAI", "Désignation", "Commune", "Licences souhaitées")
    sheet.add_ignored("(1)", "(2)", "(3)", "(4)")
    schools = m.schools()
    for school in [*schools, *m.rng.sample(schools, max(1, len(schools) // 20))]:
        line = m.line(school)
        sheet.row(line.truth, *line.of(("uai", "name", "commune", "quantity")))
    return DamagedFile(
        name=m.name, filename="formulaire.ods", content=formats.ods(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"uai": "Code UAI", "name": "Désignation", "commune": "Commune", "quantity": "Licences souhaitées"},
        sheets=("Formulaire",),
    )  # fmt: skip


@register_file
def schools_outside_the_portfolio(m: RowGenerator) -> DamagedFile:
    """The collectivity has a portfolio; the list, by name and commune, is of other schools."""
    sheet = SheetBuilder()
    sheet.add_unscored("École", "Commune", "Département", "Nb licences")
    for school in m.schools():
        line = m.named(school, place="commune")
        sheet.row(line.truth, *line.of(("name", "commune", "departement", "quantity")))
    portfolio = frozenset(school.uai for school in m.schools(30))
    return DamagedFile(
        name=m.name, filename="ailleurs.csv", content=formats.delimited(sheet, encoding="cp1252"), rows=sheet.truth,
        columns={"name": "École", "commune": "Commune", "quantity": "Nb licences"}, header_rows=(1,),
        portfolio=portfolio,
    )  # fmt: skip
