"""Lists modelled on real ones, with the habits of their authors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.damaged import formats, writing
from bench.damaged.material import damaged
from bench.damaged.sheets import Formula, Sheet
from bench.damaged.truth import DamagedFile, Expected, Row

if TYPE_CHECKING:
    from bench.damaged.material import Material


@damaged
def departement_in_the_manner_of_excel(m: Material) -> DamagedFile:
    """Two banners, a hidden column, titles with spaces at their end, numbers without zeros, a total, more sheets."""
    sheet = Sheet("Ecoles")
    sheet.aside("LISTE DES ÉCOLES PUBLIQUES - RENTRÉE 2026")
    sheet.aside("Document de travail - ne pas diffuser")
    sheet.aside()
    titles = {
        "RNE": "uai", "ECOLE ": "name", "ADRESSE": "address", "Code postal ": "postal_number", "COMMUNE": "commune",
        "Telephone ": "phone_number", "MAIL": "email", "circonscription ": "district",
    }  # fmt: skip
    sheet.aside(*titles)
    sheet.merged.append((1, 1, 1, 8))
    sheet.hidden.append(8)
    for index, school in enumerate(m.schools()):
        line = m.line(school)
        sheet.row(line.truth, *line.of(titles.values()))
        if index % 50 == 11:  # noqa: PLR2004 - now and then
            sheet.aside()
    sheet.aside()
    sheet.note("TOTAL", m.size, "écoles")
    legend, empty = Sheet("Légende"), Sheet("Feuil3")
    legend.aside("RNE = UAI")
    return DamagedFile(
        name=m.name, filename="écoles du département.xlsx", content=formats.xlsx(sheet, legend, empty),
        rows=sheet.truth, header_rows=(4,), sheets=("Ecoles",), quantity_for_all=1,
        columns={"uai": "RNE", "name": "ECOLE", "postal_code": "Code postal", "commune": "COMMUNE", "email": "MAIL"},
    )  # fmt: skip


@damaged
def csv_with_english_titles(m: Material) -> DamagedFile:
    sheet = Sheet()
    sheet.aside("NAME", "STREET", "ZIPCODE", "CITY", "UAI")
    for school in m.schools():
        line = m.line(school)
        sheet.row(line.truth, *line.of(("name", "address", "postal", "commune", "uai")))
    return DamagedFile(
        name=m.name, filename="schools.csv", content=formats.delimited(sheet, separator=","), rows=sheet.truth,
        columns={"uai": "UAI", "name": "NAME", "postal_code": "ZIPCODE", "commune": "CITY"}, header_rows=(1,),
        quantity_for_all=4,
    )  # fmt: skip


@damaged
def export_of_a_map(m: Material) -> DamagedFile:
    """Forty columns of a geographic server: JSON, points, sites, and the UAI of another school in one of them."""
    titles = (
        "FID", "uai", "nom", "nature", "code_nature", "adresse", "insee", "code_postal", "commune", "telephone", "fax",
        "web", "mail", "restauration", "ulis", "siren_siret", "nombre_d_eleves", "effectifs_par_uai", "pial",
        "circonscription", "ips", "datemaj", "gid", "the_geom",
    )  # fmt: skip
    schools = m.schools()
    head = m.chance.choice(schools)
    sheet = Sheet()
    sheet.aside(*titles)
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


@damaged
def colleges_by_their_bare_names(m: Material) -> DamagedFile:
    """The title alone says that they are collèges; cells with spaces in front."""
    sheet = Sheet()
    sheet.aside("Départements ", "COMMUNE", "Collèges ", "Label ", "Licences")
    for school in m.schools(where=lambda school: school.kind == "college"):
        line = m.line(school, damage="none")
        words = writing.proper(school.name)
        certain = bool(words) and m.directory.one_fits(school, place=school.place)
        truth = line.truth._replace(expected=Expected.NAMED if certain else Expected.OPEN)
        name = writing.bare(" ".join(words)).upper()
        sheet.row(truth, f"  {school.departement}", line.cells["commune"], name, "REP", line.cells["quantity"])
    return DamagedFile(
        name=m.name, filename="collèges.csv", content=formats.delimited(sheet, encoding="utf-8-sig"), rows=sheet.truth,
        columns={"name": "Collèges", "commune": "COMMUNE", "quantity": "Licences"}, header_rows=(1,),
    )  # fmt: skip


@damaged
def schools_under_their_usual_names(m: Material) -> DamagedFile:
    """Right UAI and communes; the school is called as the village calls it, which is no other school's name."""
    sheet = Sheet("Feuil1")
    sheet.aside("Code école", "Appellation", "Ville", "Nombre de licences")
    for school in m.schools(where=lambda school: school.kind in ("maternelle", "elementaire", "primaire")):
        line = m.line(school, damage="none")
        name = m.chance.choice((line.cells["name"], "École du bourg", "RPI", "Groupe scolaire", "Les Coccinelles", ""))
        sheet.row(line.truth, line.cells["true_uai"], name, *line.of(("commune", "quantity")))
    return DamagedFile(
        name=m.name, filename="usuels.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"uai": "Code école", "name": "Appellation", "commune": "Ville", "quantity": "Nombre de licences"},
        sheets=("Feuil1",),
    )  # fmt: skip


@damaged
def schools_of_the_next_town(m: Material) -> DamagedFile:
    """Names that exist, a few kilometres away: the commune of the row has no such school."""
    sheet = Sheet()
    sheet.aside("Ecole", "Commune", "Code postal", "Licences")
    towns = [schools for _, schools in m.communes(max(6, m.size // 4))]
    for schools, others in zip(towns, towns[1:] + towns[:1], strict=True):
        there = {word for school in m.directory.all if school.place == others[0].place for word in school.telling}
        code = others[0].postal_code
        for school in schools:
            line = m.line(school, damage="none", faults=0)
            if school.telling and not there.intersection(school.telling):
                truth = Row(Expected.NEVER, "", line.truth.quantity)
                sheet.row(truth, school.name, others[0].commune, code, line.cells["quantity"])
    for school in m.schools(20):
        line = m.named(school, place="commune")
        sheet.row(line.truth, *line.of(("name", "commune", "postal", "quantity")))
    return DamagedFile(
        name=m.name, filename="voisins.csv", content=formats.delimited(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"name": "Ecole", "commune": "Commune", "postal_code": "Code postal", "quantity": "Licences"},
    )  # fmt: skip


@damaged
def postal_code_and_town_in_one_column(m: Material) -> DamagedFile:
    sheet = Sheet("Adresses")
    sheet.aside("Établissement", "Adresse", "CP Ville", "Licences")
    for school in m.schools(where=lambda school: len(school.postal_code) == 5):  # noqa: PLR2004 - where it is known
        line = m.named(school, place="commune")
        town = f"{school.postal_code} {line.cells['commune']}"
        sheet.row(line.truth, *line.of(("name", "address")), town, line.cells["quantity"])
    return DamagedFile(
        name=m.name, filename="adresses.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"name": "Établissement", "quantity": "Licences"}, sheets=("Adresses",),
    )  # fmt: skip


@damaged
def csv_of_one_column(m: Material) -> DamagedFile:
    """UAI and nothing else, one a line, under a title."""
    sheet = Sheet()
    sheet.aside("Code RNE")
    for school in m.schools():
        line = m.line(school, damage="proven")
        sheet.row(line.truth, line.cells["uai"])
    return DamagedFile(
        name=m.name, filename="rne.csv", content=formats.delimited(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"uai": "Code RNE"}, quantity_for_all=2,
    )  # fmt: skip


@damaged
def text_named_xls(m: Material) -> DamagedFile:
    """What old software calls an Excel file: tabs, Windows-1252, bare line feeds, named .xls."""
    sheet = Sheet()
    sheet.aside("numéro", "dénomination", "ville", "nb_licences")
    for school in m.schools():
        line = m.line(school)
        sheet.row(line.truth, *line.of(("uai", "name", "commune", "quantity")))
    content = formats.delimited(sheet, separator="\t", encoding="cp1252").replace(b"\r\n", b"\n")
    return DamagedFile(
        name=m.name, filename="export.xls", content=content, rows=sheet.truth, header_rows=(1,),
        columns={"uai": "numéro", "name": "dénomination", "commune": "ville", "quantity": "nb_licences"},
    )  # fmt: skip


@damaged
def csv_with_communes_to_fill_down(m: Material) -> DamagedFile:
    """Merged cells saved as text: the commune at the first row of its group alone, no UAI; UTF-16, big end first."""
    sheet = Sheet()
    sheet.aside("Commune", "Ecole", "Nombre de licences")
    for _, schools in m.communes(max(4, m.size // 5), least=2):
        commune = writing.commune_name(schools[0].commune, schools[0].departement, m.chance)
        for index, school in enumerate(schools):
            line = m.named(school, place="commune")
            sheet.row(line.truth, "" if index else commune, *line.of(("name", "quantity")))
    content = b"\xfe\xff" + formats.delimited(sheet, encoding="utf-16-be")
    return DamagedFile(
        name=m.name, filename="fusionnées.csv", content=content, rows=sheet.truth, header_rows=(1,),
        columns={"commune": "Commune", "name": "Ecole", "quantity": "Nombre de licences"},
    )  # fmt: skip


@damaged
def ods_of_several_sheets_in_two_lines(m: Material) -> DamagedFile:
    """A sheet a commune, banners of unlike heights, titles in two lines, UAI and totals; a sheet of another kind."""
    sheets = []
    for commune, schools in m.communes(6, least=4):
        sheet = Sheet(_sheet_name(commune))
        for _ in range(m.chance.randint(0, 4)):
            sheet.aside(f"Commune de {commune}")
        top = sheet.height + 1
        sheet.aside("École", "", "Besoins", "")
        sheet.aside("UAI", "Nom", "Classes", "Licences")
        sheet.merged += [(top, 1, top, 2), (top, 3, top, 4)]
        for school in schools:
            line = m.line(school)
            sheet.row(line.truth, *line.of(("uai", "name")), m.chance.randint(1, 9), line.cells["quantity"])
        sheet.note("Totaux", "", Formula(f"SUM([.C{top + 2}:.C{sheet.height}])"), 99)
        sheets.append(sheet)
    summary = Sheet("Synthèse")
    summary.aside("Commune", "Écoles", "Licences")
    for sheet in sheets:
        summary.aside(sheet.name, sheet.height, 40)
    return DamagedFile(
        name=m.name, filename="besoins.ods", content=formats.ods(summary, *sheets), header_rows=(2, 3, 4, 5, 6),
        rows={place: row for sheet in sheets for place, row in sheet.truth.items()},
        columns={"uai": "UAI", "name": "Nom", "classes": "Classes", "quantity": "Licences"},
        sheets=tuple(sheet.name for sheet in sheets),
    )  # fmt: skip


@damaged
def list_with_blank_columns(m: Material) -> DamagedFile:
    """The table begins at column D, row 9; a blank column parts the UAI from the rest; numbers are text."""
    sheet = Sheet("Listing")
    sheet.aside()
    sheet.aside("", "", "", "Éducation nationale")
    for _ in range(6):
        sheet.aside()
    sheet.aside("", "", "", "Code de l'établissement", "", "Libellé", "Commune de l'établissement", "", "Nb. lic.")
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
