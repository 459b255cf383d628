"""Lists with names and without UAI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.damaged import formats
from bench.damaged.material import damaged
from bench.damaged.sheets import Formula, Sheet
from bench.damaged.truth import DamagedFile, Expected, Purpose

if TYPE_CHECKING:
    from bench.damaged.material import Material


@damaged
def xlsx_by_name_and_commune(m: Material) -> DamagedFile:
    sheet = Sheet("Feuil1")
    sheet.aside("Écoles équipées – rentrée 2026")
    sheet.aside()
    sheet.aside("Nom de l'établissement", "Commune", "Nb licences")
    for school in m.schools(m.size * 3):
        line = m.named(school, place="commune")
        sheet.row(line.truth, *line.of(("name", "commune", "quantity")))
    return DamagedFile(
        name=m.name, filename="équipement.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(3,),
        columns={"name": "Nom de l'établissement", "commune": "Commune", "quantity": "Nb licences"}, sheets=("Feuil1",),
    )  # fmt: skip


@damaged
def csv_by_name_and_postal_code(m: Material) -> DamagedFile:
    """The postal codes are numbers that lost their zero."""
    sheet = Sheet()
    sheet.aside("ecole", "cp", "nombre")
    for school in m.schools(m.size * 2, where=lambda school: len(school.postal_code) == 5):  # noqa: PLR2004
        line = m.named(school, place="postal")
        sheet.row(line.truth, *line.of(("name", "postal_number", "quantity")))
    return DamagedFile(
        name=m.name, filename="ecoles_cp.csv", content=formats.delimited(sheet, separator=","), rows=sheet.truth,
        columns={"name": "ecole", "postal_code": "cp", "quantity": "nombre"}, header_rows=(1,),
    )  # fmt: skip


@damaged
def ods_by_name_with_communes_to_fill_down(m: Material) -> DamagedFile:
    """The commune at the first row of its group, merged over it; a sub-total after each."""
    sheet = Sheet("Recensement")
    sheet.aside("Commune", "École", "Classes")
    for _, schools in m.communes(max(4, m.size // 5), least=2):
        first = sheet.height + 1
        commune = m.line(schools[0]).cells["commune"]
        for index, school in enumerate(schools):
            line = m.named(school, place="commune")
            sheet.row(line.truth, "" if index else commune, *line.of(("name", "quantity")))
        sheet.merged.append((first, 1, sheet.height, 1))
        sheet.note("", "Sous total", Formula(f"SUM([.C{first}:.C{sheet.height}])"))
    sheet.note("", "TOTAL", 999)
    return DamagedFile(
        name=m.name, filename="recensement_communes.ods", content=formats.ods(sheet), rows=sheet.truth,
        columns={"commune": "Commune", "name": "École", "quantity": "Classes"}, header_rows=(1,),
        sheets=("Recensement",),
    )  # fmt: skip


@damaged
def xlsx_by_name_with_merged_communes(m: Material) -> DamagedFile:
    """Communes merged down their group, in two lines of titles, one of them merged as well."""
    sheet = Sheet("Par commune")
    sheet.aside("VILLE", "ÉCOLE", "", "LICENCES")
    sheet.aside("", "Type et nom", "Directeur(trice)", "Nombre")
    sheet.merged += [(1, 1, 2, 1), (1, 2, 1, 3)]
    for _, schools in m.communes(max(4, m.size // 5), least=2):
        first = sheet.height + 1
        commune = m.line(schools[0]).cells["commune"]
        for index, school in enumerate(schools):
            line = m.named(school, place="commune", unit="licences")
            sheet.row(line.truth, "" if index else commune, *line.of(("name", "director", "quantity")))
        sheet.merged.append((first, 1, sheet.height, 1))
    return DamagedFile(
        name=m.name, filename="par commune.xlsx", content=formats.xlsx(sheet), rows=sheet.truth,
        columns={"commune": "VILLE", "name": "ÉCOLE|nom", "quantity": "LICENCES|Nombre"},
        header_rows=(1, 2), sheets=("Par commune",),
    )  # fmt: skip


@damaged
def xlsx_of_one_town(m: Material) -> DamagedFile:
    """A town's own list: no commune anywhere but in the banner; the portfolio is the town's schools."""
    [(commune, schools)] = m.communes(1, least=8, most=60)
    sheet = Sheet("Écoles")
    sheet.aside(f"VILLE DE {commune.upper()} – DIRECTION DE L'ÉDUCATION")
    sheet.aside("Groupe scolaire / école", "Adresse", "Nombre de classes", "Téléphone")
    for school in schools:
        line = m.named(school, place="remit", expected=Expected.ALONE, remit=schools)
        sheet.row(line.truth, *line.of(("name", "address", "quantity", "phone_number")))
    sheet.note("Total", "", Formula(f"SUM(C3:C{sheet.height})"), "")
    return DamagedFile(
        name=m.name, filename="nos écoles.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(2,),
        columns={"name": "Groupe scolaire / école", "quantity": "Nombre de classes"}, sheets=("Écoles",),
        remit=frozenset(school.uai for school in schools),
    )  # fmt: skip


@damaged
def csv_of_names_alone_within_a_remit(m: Material) -> DamagedFile:
    schools = m.schools()
    sheet = Sheet()
    sheet.aside("Établissement", "Quantité")
    for school in schools:
        line = m.named(school, place="remit", expected=Expected.ALONE, remit=schools)
        sheet.row(line.truth, *line.of(("name", "quantity")))
    return DamagedFile(
        name=m.name, filename="etab.csv", content=formats.delimited(sheet, encoding="cp1252"), rows=sheet.truth,
        columns={"name": "Établissement", "quantity": "Quantité"}, header_rows=(1,),
        remit=frozenset(school.uai for school in schools),
    )  # fmt: skip


@damaged
def xls_of_sheets_by_commune_without_codes(m: Material) -> DamagedFile:
    """One sheet a commune, whose name says it; the rows say it as well."""
    sheets = []
    for commune, schools in m.communes(14, least=5):
        sheet = Sheet(commune.replace("/", "-").replace("'", " ")[:31])
        sheet.aside("Ecole", "Commune", "Mail de l'école", "Nb classes")
        for school in schools:
            line = m.named(school, place="commune")
            sheet.row(line.truth, *line.of(("name", "commune")), "", line.cells["quantity"])
        sheet.note("Total", "", "", Formula(f"SUM(D2:D{sheet.height})"))
        sheets.append(sheet)
    legend = Sheet("Légende")
    legend.aside("EEPU : école élémentaire publique")
    legend.aside("EMPU : école maternelle publique")
    return DamagedFile(
        name=m.name, filename="ecoles.xls", content=formats.xls(legend, *sheets), header_rows=(1,),
        rows={place: row for sheet in sheets for place, row in sheet.truth.items()},
        columns={"name": "Ecole", "commune": "Commune", "quantity": "Nb classes"},
        sheets=tuple(sheet.name for sheet in sheets),
    )  # fmt: skip


@damaged
def perimeter_without_codes(m: Material) -> DamagedFile:
    """Contacts and classes of a département's schools, for the portfolio."""
    sheet = Sheet("Contacts")
    sheet.aside("Etablissement", "Adresse", "C.P.", "Ville", "Chef d'établissement", "Courriel", "Tél. fixe", "Nb cl.")
    for school in m.schools(m.size * 2):
        line = m.named(school, place="commune")
        keys = ("name", "address", "postal_number", "commune", "director", "email", "phone_number", "quantity")
        sheet.row(line.truth, *line.of(keys))
    return DamagedFile(
        name=m.name, filename="contacts.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"name": "Etablissement", "commune": "Ville", "postal_code": "C.P.", "email": "Courriel",
                 "quantity": "Nb cl."},
        sheets=("Contacts",), purpose=Purpose.PERIMETRE,
    )  # fmt: skip


@damaged
def csv_by_name_and_arrondissement(m: Material) -> DamagedFile:
    """Schools of towns that are numbered (Paris, Lyon, Marseille), where there are some; else of any."""
    numbered = [s for s in m.directory.schools if any(word.rstrip("erm").isdigit() for word in s.place.split())]
    schools = m.chance.sample(numbered, min(m.size, len(numbered))) if numbered else m.schools()
    sheet = Sheet()
    sheet.aside("Ecoles", "Ville", "Nbre")
    for school in schools:
        line = m.named(school, place="commune")
        sheet.row(line.truth, *line.of(("name", "commune", "quantity")))
    return DamagedFile(
        name=m.name, filename="arrondissements.csv", content=formats.delimited(sheet, encoding="utf-8-sig"),
        rows=sheet.truth, columns={"name": "Ecoles", "commune": "Ville", "quantity": "Nbre"}, header_rows=(1,),
    )  # fmt: skip


@damaged
def xlsx_half_coded(m: Material) -> DamagedFile:
    """Some rows carry the UAI, the others the name and the commune alone."""
    sheet = Sheet("Liste")
    sheet.aside("Commune", "Nom école", "UAI (si connu)", "Volume")
    for school in m.schools(m.size * 2):
        coded = m.chance.random() < 0.6  # noqa: PLR2004
        line = m.line(school) if coded else m.named(school, place="commune")
        sheet.row(line.truth, *line.of(("commune", "name", "uai", "quantity")))
    return DamagedFile(
        name=m.name, filename="liste.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"commune": "Commune", "name": "Nom école", "uai": "UAI (si connu)", "quantity": "Volume"},
        sheets=("Liste",),
    )  # fmt: skip
