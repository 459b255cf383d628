"""Lists modelled on real ones, with the habits of their authors."""

from bench.damaged import formats, spellings
from bench.damaged.expectations import DamagedFile, ExpectedMatch, ExpectedRow
from bench.damaged.row_generator import RowGenerator, register_file
from bench.damaged.sheet_builder import SheetBuilder, UncomputedFormula


@register_file
def departement_in_the_manner_of_excel(m: RowGenerator) -> DamagedFile:
    """Two banners, a hidden column, titles with spaces at their end, numbers without zeros, a total, more sheets."""
    sheet = SheetBuilder("Ecoles")
    sheet.add_unscored("LISTE DES ÉCOLES PUBLIQUES - RENTRÉE 2026")
    sheet.add_unscored("Document de travail - ne pas diffuser")
    sheet.add_unscored()
    titles = {
        "RNE": "uai", "ECOLE ": "name", "ADRESSE": "address", "Code postal ": "postal_number", "COMMUNE": "commune",
        "Telephone ": "phone_number", "MAIL": "email", "circonscription ": "district",
    }  # fmt: skip
    sheet.add_unscored(*titles)
    sheet.merged.append((1, 1, 1, 8))
    sheet.hidden.append(8)
    for index, school in enumerate(m.schools()):
        line = m.line(school)
        sheet.row(line.truth, *line.of(titles.values()))
        if index % 50 == 11:  # noqa: PLR2004 - now and then
            sheet.add_unscored()
    sheet.add_unscored()
    sheet.add_ignored("TOTAL", m.size, "écoles")
    legend, empty = SheetBuilder("Légende"), SheetBuilder("Feuil3")
    legend.add_unscored("RNE = UAI")
    return DamagedFile(
        name=m.name, filename="écoles du département.xlsx", content=formats.xlsx(sheet, legend, empty),
        rows=sheet.truth, header_rows=(4,), sheets=("Ecoles",), quantity_for_all=1,
        columns={"uai": "RNE", "name": "ECOLE", "postal_code": "Code postal", "commune": "COMMUNE", "email": "MAIL"},
    )  # fmt: skip


@register_file
def csv_with_english_titles(m: RowGenerator) -> DamagedFile:
    sheet = SheetBuilder()
    sheet.add_unscored("NAME", "STREET", "ZIPCODE", "CITY", "UAI")
    for school in m.schools():
        line = m.line(school)
        sheet.row(line.truth, *line.of(("name", "address", "postal", "commune", "uai")))
    return DamagedFile(
        name=m.name, filename="schools.csv", content=formats.delimited(sheet, separator=","), rows=sheet.truth,
        columns={"uai": "UAI", "name": "NAME", "postal_code": "ZIPCODE", "commune": "CITY"}, header_rows=(1,),
        quantity_for_all=4,
    )  # fmt: skip


@register_file
def export_of_a_map(m: RowGenerator) -> DamagedFile:
    """Forty columns of a geographic server: JSON, points, sites, and the UAI of another school in one of them."""
    titles = (
        "FID", "uai", "nom", "nature", "code_nature", "adresse", "insee", "code_postal", "commune", "telephone", "fax",
        "web", "mail", "restauration", "ulis", "siren_siret", "nombre_d_eleves", "effectifs_par_uai", "pial",
        "circonscription", "ips", "datemaj", "gid", "the_geom",
    )  # fmt: skip
    schools = m.schools()
    head = m.rng.choice(schools)
    sheet = SheetBuilder()
    sheet.add_unscored(*titles)
    for number, school in enumerate(schools):
        line = m.line(school, damage="none")
        sheet.row(
            line.truth, f"edu.school.{number}", *line.of(("true_uai", "directory_name", "kind", "year", "address")),
            *line.of(("insee", "postal", "directory_commune", "phone", "phone")), "https://ecole.example/",
            line.cells["email"], "true", "false", line.cells["siret"], line.cells["pupils"], '{"2025": 12, "2026": 14}',
            head.uai, line.cells["district"], 101.5, "2026-03-01", number, "POINT (4.49 45.06)",
        )  # fmt: skip
    return DamagedFile(
        name=m.name, filename="edu_education.csv", content=formats.delimited(sheet, separator=","), rows=sheet.truth,
        columns={"uai": "uai", "name": "nom", "postal_code": "code_postal", "commune": "commune", "email": "mail"},
        header_rows=(1,), quantity_for_all=1,
    )  # fmt: skip


@register_file
def colleges_by_their_bare_names(m: RowGenerator) -> DamagedFile:
    """The title alone says that they are collèges; cells with spaces in front."""
    sheet = SheetBuilder()
    sheet.add_unscored("Départements ", "COMMUNE", "Collèges ", "Label ", "Licences")
    for school in m.schools(where=lambda school: school.kind == "college"):
        line = m.line(school, damage="none")
        words = spellings.proper_words(school.name)
        certain = bool(words) and m.directory.is_unique_match(school, place=school.place)
        truth = line.truth._replace(expected=ExpectedMatch.NAMED if certain else ExpectedMatch.OPEN)
        name = spellings.strip_accents(" ".join(words)).upper()
        sheet.row(truth, f"  {school.departement}", line.cells["commune"], name, "REP", line.cells["quantity"])
    return DamagedFile(
        name=m.name, filename="collèges.csv", content=formats.delimited(sheet, encoding="utf-8-sig"), rows=sheet.truth,
        columns={"name": "Collèges", "commune": "COMMUNE", "quantity": "Licences"}, header_rows=(1,),
    )  # fmt: skip


@register_file
def schools_under_their_usual_names(m: RowGenerator) -> DamagedFile:
    """Right UAI and communes; the school is called as the village calls it, which is no other school's name."""
    sheet = SheetBuilder("Feuil1")
    sheet.add_unscored("Code école", "Appellation", "Ville", "Nombre de licences")
    for school in m.schools(where=lambda school: school.kind in ("maternelle", "elementaire", "primaire")):
        line = m.line(school, damage="none")
        name = m.rng.choice((line.cells["name"], "École du bourg", "RPI", "Groupe scolaire", "Les Coccinelles", ""))
        sheet.row(line.truth, line.cells["true_uai"], name, *line.of(("commune", "quantity")))
    return DamagedFile(
        name=m.name, filename="usuels.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"uai": "Code école", "name": "Appellation", "commune": "Ville", "quantity": "Nombre de licences"},
        sheets=("Feuil1",),
    )  # fmt: skip


@register_file
def schools_of_the_next_town(m: RowGenerator) -> DamagedFile:
    """Names that exist, a few kilometres away: the commune of the row has no such school."""
    sheet = SheetBuilder()
    sheet.add_unscored("Ecole", "Commune", "Code postal", "Licences")
    towns = [schools for _, schools in m.communes(max(6, m.size // 4))]
    for schools, others in zip(towns, towns[1:] + towns[:1], strict=True):
        there = {
            word for school in m.directory.all if school.place == others[0].place for word in school.distinctive_words
        }
        code = others[0].postal_code
        for school in schools:
            line = m.line(school, damage="none", faults=0)
            if school.distinctive_words and not there.intersection(school.distinctive_words):
                truth = ExpectedRow(ExpectedMatch.NEVER, "", line.truth.quantity)
                sheet.row(truth, school.name, others[0].commune, code, line.cells["quantity"])
    for school in m.schools(20):
        line = m.named(school, place="commune")
        sheet.row(line.truth, *line.of(("name", "commune", "postal", "quantity")))
    return DamagedFile(
        name=m.name, filename="voisins.csv", content=formats.delimited(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"name": "Ecole", "commune": "Commune", "postal_code": "Code postal", "quantity": "Licences"},
    )  # fmt: skip


@register_file
def postal_code_and_town_in_one_column(m: RowGenerator) -> DamagedFile:
    sheet = SheetBuilder("Adresses")
    sheet.add_unscored("Établissement", "Adresse", "CP Ville", "Licences")
    for school in m.schools(where=lambda school: len(school.postal_code) == 5):  # noqa: PLR2004 - where it is known
        line = m.named(school, place="commune")
        town = f"{school.postal_code} {line.cells['commune']}"
        sheet.row(line.truth, *line.of(("name", "address")), town, line.cells["quantity"])
    return DamagedFile(
        name=m.name, filename="adresses.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"name": "Établissement", "quantity": "Licences"}, sheets=("Adresses",),
    )  # fmt: skip


@register_file
def csv_of_one_column(m: RowGenerator) -> DamagedFile:
    """UAI and nothing else, one a line, under a title."""
    sheet = SheetBuilder()
    sheet.add_unscored("Code RNE")
    for school in m.schools():
        line = m.line(school, damage="proven")
        sheet.row(line.truth, line.cells["uai"])
    return DamagedFile(
        name=m.name, filename="rne.csv", content=formats.delimited(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"uai": "Code RNE"}, quantity_for_all=2,
    )  # fmt: skip


@register_file
def text_named_xls(m: RowGenerator) -> DamagedFile:
    """What old software calls an Excel file: tabs, Windows-1252, bare line feeds, named .xls."""
    sheet = SheetBuilder()
    sheet.add_unscored("numéro", "dénomination", "ville", "nb_licences")
    for school in m.schools():
        line = m.line(school)
        sheet.row(line.truth, *line.of(("uai", "name", "commune", "quantity")))
    content = formats.delimited(sheet, separator="\t", encoding="cp1252").replace(b"\r\n", b"\n")
    return DamagedFile(
        name=m.name, filename="export.xls", content=content, rows=sheet.truth, header_rows=(1,),
        columns={"uai": "numéro", "name": "dénomination", "commune": "ville", "quantity": "nb_licences"},
    )  # fmt: skip


@register_file
def csv_with_communes_to_fill_down(m: RowGenerator) -> DamagedFile:
    """Merged cells saved as text: the commune at the first row of its group alone, no UAI; UTF-16, big end first."""
    sheet = SheetBuilder()
    sheet.add_unscored("Commune", "Ecole", "Nombre de licences")
    for _, schools in m.communes(max(4, m.size // 5), least=2):
        commune = spellings.spell_commune(schools[0].commune, schools[0].departement, m.rng)
        for index, school in enumerate(schools):
            line = m.named(school, place="commune")
            sheet.row(line.truth, "" if index else commune, *line.of(("name", "quantity")))
    content = b"\xfe\xff" + formats.delimited(sheet, encoding="utf-16-be")
    return DamagedFile(
        name=m.name, filename="fusionnées.csv", content=content, rows=sheet.truth, header_rows=(1,),
        columns={"commune": "Commune", "name": "Ecole", "quantity": "Nombre de licences"},
    )  # fmt: skip


@register_file
def ods_of_several_sheets_in_two_lines(m: RowGenerator) -> DamagedFile:
    """A sheet a commune, banners of unlike heights, titles in two lines, UAI and totals; a sheet of another kind."""
    sheets = []
    for commune, schools in m.communes(6, least=4):
        sheet = SheetBuilder(_sheet_name(commune))
        for _ in range(m.rng.randint(0, 4)):
            sheet.add_unscored(f"Commune de {commune}")
        top = sheet.height + 1
        sheet.add_unscored("École", "", "Besoins", "")
        sheet.add_unscored("UAI", "Nom", "Classes", "Licences")
        sheet.merged += [(top, 1, top, 2), (top, 3, top, 4)]
        for school in schools:
            line = m.line(school)
            sheet.row(line.truth, *line.of(("uai", "name")), m.rng.randint(1, 9), line.cells["quantity"])
        sheet.add_ignored("Totaux", "", UncomputedFormula(f"SUM([.C{top + 2}:.C{sheet.height}])"), 99)
        sheets.append(sheet)
    summary = SheetBuilder("Synthèse")
    summary.add_unscored("Commune", "Écoles", "Licences")
    for sheet in sheets:
        summary.add_unscored(sheet.name, sheet.height, 40)
    return DamagedFile(
        name=m.name, filename="besoins.ods", content=formats.ods(summary, *sheets), header_rows=(2, 3, 4, 5, 6),
        rows={place: row for sheet in sheets for place, row in sheet.truth.items()},
        columns={"uai": "UAI", "name": "Nom", "classes": "Classes", "quantity": "Licences"},
        sheets=tuple(sheet.name for sheet in sheets),
    )  # fmt: skip


@register_file
def list_with_blank_columns(m: RowGenerator) -> DamagedFile:
    """The table begins at column D, row 9; a blank column parts the UAI from the rest; numbers are text."""
    sheet = SheetBuilder("Listing")
    sheet.add_unscored()
    sheet.add_unscored("", "", "", "Éducation nationale")
    for _ in range(6):
        sheet.add_unscored()
    sheet.add_unscored(
        "", "", "", "Code de l'établissement", "", "Libellé", "Commune de l'établissement", "", "Nb. lic."
    )
    for school in m.schools():
        line = m.line(school)
        quantity = str(line.cells["quantity"])
        sheet.row(
            line.truth, *("", "", ""), line.cells["uai"], "", *line.of(("name", "commune")), "", quantity,
        )  # fmt: skip
    return DamagedFile(
        name=m.name, filename="listing.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(9,),
        columns={"uai": "Code de l'établissement", "name": "Libellé", "commune": "Commune de l'établissement",
                 "quantity": "Nb. lic."},
        sheets=("Listing",),
    )  # fmt: skip


def _sheet_name(commune: str) -> str:
    # Excel allows 31 characters, and not all of them.
    return commune.replace("/", "-").replace("'", " ")[:31]
