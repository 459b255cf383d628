"""Lists whose rows carry a UAI, intact or damaged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bench.damaged import formats
from bench.damaged.material import damaged
from bench.damaged.sheets import Formula, Sheet
from bench.damaged.truth import DamagedFile

if TYPE_CHECKING:
    from bench.damaged.material import Material


@damaged
def xls_of_fourteen_sheets(m: Material) -> DamagedFile:
    """Fourteen sheets of one shape, a commune each, after a notice and before a pivot."""
    notice = Sheet("Notice")
    notice.aside("Comment remplir ce classeur")
    notice.aside("Une feuille par commune. Le RNE est l'ancien nom de l'UAI (exemple : 0300001A).")
    sheets = []
    keys = ("uai", "name", "address", "phone_number", "quantity")
    for commune, schools in m.communes(14, least=5):
        # Excel allows 31 characters, and not all of them.
        sheet = Sheet(commune.replace("/", "-").replace("'", " ")[:31])
        sheet.aside(f"Ville de {commune} – licences numériques 2026-2027")
        for _ in range(m.chance.randint(1, 3)):
            sheet.aside()
        sheet.aside("N° RNE", "Ecole", "Adresse", "Tél.", "Nb licences")
        for school in schools:
            line = m.line(school)
            sheet.row(line.truth, *line.of(keys))
        sheet.note("TOTAL", "", "", "", Formula(f"SUM(E4:E{sheet.height})"))
        sheets.append(sheet)
    pivot = Sheet("TCD")
    pivot.aside("Étiquettes de lignes", "Somme de Nb licences")
    for sheet in sheets:
        pivot.aside(sheet.name, 42)
    pivot.aside("Total général", 588)
    return DamagedFile(
        name=m.name, filename="licences_par_commune.xls", content=formats.xls(notice, *sheets, pivot),
        rows={place: row for sheet in sheets for place, row in sheet.truth.items()},
        columns={"uai": "N° RNE", "name": "Ecole", "quantity": "Nb licences"}, header_rows=(3, 4, 5),
        sheets=tuple(sheet.name for sheet in sheets),
    )  # fmt: skip


@damaged
def ods_with_gaps_to_fill_down(m: Material) -> DamagedFile:
    """The commune and its postal code stand at the first row of each group alone; some numbers are missing."""
    sheet = Sheet("Écoles")
    sheet.aside("Communauté de communes – recensement des écoles")
    sheet.aside("Commune", "CP", "École", "Code UAI", "Nombre de classes")
    for _, schools in m.communes(max(4, m.size // 8), least=2):
        for index, school in enumerate(schools):
            line = m.line(school, faults=0.1)
            first = line.of(("commune", "postal_number")) if index == 0 else ["", ""]
            sheet.row(line.truth, *first, *line.of(("name", "uai", "quantity")))
        sheet.aside()
    return DamagedFile(
        name=m.name, filename="recensement.ods", content=formats.ods(sheet), rows=sheet.truth, sheets=(sheet.name,),
        columns={"commune": "Commune", "name": "École", "uai": "Code UAI", "quantity": "Nombre de classes"},
        header_rows=(2,),
    )  # fmt: skip


@damaged
def csv_of_excel_in_windows_1252(m: Material) -> DamagedFile:
    """Saved again by Excel: Windows-1252, semicolons, zeros lost, telephone numbers as 1,43E+08, empty last columns."""
    sheet = Sheet()
    sheet.aside("Établissement", "Commune", "Code postal", "UAI", "Téléphone", "Mél.", "Qté licences")
    for school in m.schools():
        line = m.line(school, unit="licences")
        sheet.row(
            line.truth, *line.of(("name", "commune", "postal_number", "uai", "phone_number", "email", "quantity"))
        )
    sheet.note("Total", "", "", "", "", "", 1234)
    return DamagedFile(
        name=m.name, filename="Liste écoles (2).csv", rows=sheet.truth, header_rows=(1,),
        content=formats.delimited(sheet, encoding="cp1252", width=11),
        columns={"uai": "UAI", "name": "Établissement", "commune": "Commune", "postal_code": "Code postal",
                 "email": "Mél.", "quantity": "Qté licences"},
    )  # fmt: skip


@damaged
def xlsx_with_two_lines_of_titles_and_sub_totals(m: Material) -> DamagedFile:
    """A banner, titles in two merged lines, a sub-total after each commune, formulas that were never computed."""
    sheet = Sheet("Tableau")
    sheet.aside("Dotation en licences des écoles publiques – année scolaire 2026-2027")
    sheet.aside()
    sheet.aside("Localisation", "", "Établissement", "", "Dotation", "")
    sheet.aside("Commune", "Code postal", "Dénomination", "Code RNE", "Licences demandées", "Observations")
    sheet.merged += [(1, 1, 1, 6), (3, 1, 3, 2), (3, 3, 3, 4), (3, 5, 3, 6)]
    for commune, schools in m.communes(max(3, m.size // 10)):
        first = sheet.height + 1
        for school in schools:
            line = m.line(school)
            sheet.row(line.truth, *line.of(("commune", "postal", "name", "uai", "quantity")), "")
        sheet.note(f"Sous-total {commune}", "", "", "", Formula(f"SUM(E{first}:E{sheet.height})"))
    sheet.note("TOTAL GÉNÉRAL", "", "", "", Formula(f"SUM(E5:E{sheet.height})"))
    return DamagedFile(
        name=m.name, filename="dotation.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, sheets=(sheet.name,),
        columns={"commune": "Commune", "postal_code": "Code postal", "name": "Dénomination", "uai": "Code RNE",
                 "quantity": "Licences demandées"},
        header_rows=(4,),
    )  # fmt: skip


@damaged
def csv_of_nine_thousand_rows_without_titles(m: Material) -> DamagedFile:
    """No header row: columns are identified by their content."""
    sheet = Sheet()
    for school in m.schools(m.size * 50):
        line = m.line(school)
        sheet.row(
            line.truth, *line.of(("uai", "name", "address", "postal_number", "directory_commune", "email", "pupils"))
        )
    return DamagedFile(
        name=m.name, filename="export.csv", content=formats.delimited(sheet, encoding="utf-8"), rows=sheet.truth,
        columns={"uai": "", "email": ""}, header_rows=(None,), quantity_for_all=1,
    )  # fmt: skip


@damaged
def xlsx_without_titles(m: Material) -> DamagedFile:
    """A column of UAI and nothing else but a blank one beside it; in places two blank rows."""
    sheet = Sheet("Feuil1")
    for index, school in enumerate(m.schools()):
        line = m.line(school, damage="proven")
        sheet.row(line.truth, "", line.cells["uai"])
        if index % 17 == 3:  # noqa: PLR2004 - now and then
            sheet.aside()
            sheet.aside()
    return DamagedFile(
        name=m.name, filename="uai.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, columns={"uai": ""},
        header_rows=(None,), sheets=("Feuil1",), quantity_for_all=3,
    )  # fmt: skip


@damaged
def utf_16_text_of_excel(m: Material) -> DamagedFile:
    """« Texte Unicode » of Excel: UTF-16 with its mark, tabs."""
    sheet = Sheet()
    sheet.aside("Liste des écoles", "")
    sheet.aside()
    sheet.aside("Identifiant établissement", "Nom de l'école", "Ville", "Nbre de licences souhaitées")
    for school in m.schools():
        line = m.line(school, unit="licences")
        sheet.row(line.truth, *line.of(("uai", "name", "commune", "quantity")))
    return DamagedFile(
        name=m.name, filename="ecoles.txt", rows=sheet.truth, header_rows=(3,),
        content=formats.delimited(sheet, separator="\t", encoding="utf-16"),
        columns={"uai": "Identifiant établissement", "name": "Nom de l'école", "commune": "Ville",
                 "quantity": "Nbre de licences souhaitées"},
    )  # fmt: skip


@damaged
def csv_with_json_and_padded_titles(m: Material) -> DamagedFile:
    """Commas, a byte order mark, titles with spaces at their end, JSON in cells, an empty last column."""
    sheet = Sheet()
    sheet.aside("Départements ", "zipcode", "COMMUNE ", "Code UAI ", " Ecoles ", "coordinates", "Quantité ")
    for school in m.schools():
        line = m.line(school)
        where = [round(m.chance.uniform(-4, 8), 4), round(m.chance.uniform(42, 51), 4)]
        point = json.dumps({"type": "Point", "coordinates": where}, separators=(",", ":"))
        sheet.row(
            line.truth, *line.of(("departement", "postal", "commune", "uai", "name")), point, line.cells["quantity"]
        )
    return DamagedFile(
        name=m.name, filename="seed-schools.csv", rows=sheet.truth, header_rows=(1,),
        content=formats.delimited(sheet, separator=",", encoding="utf-8-sig", width=8),
        columns={"uai": "Code UAI", "name": "Ecoles", "commune": "COMMUNE", "postal_code": "zipcode",
                 "quantity": "Quantité"},
    )  # fmt: skip


@damaged
def csv_with_bars_and_a_line_for_excel(m: Material) -> DamagedFile:
    """Bars between the cells, no byte order mark, and « sep= » in the first line."""
    sheet = Sheet()
    sheet.rows.append(["sep=|"])
    sheet.aside("numero_uai", "appellation_officielle", "libelle_commune", "volume")
    for school in m.schools():
        line = m.line(school)
        sheet.row(line.truth, *line.of(("uai", "directory_name", "directory_commune", "quantity")))
    content = formats.delimited(sheet, separator="|").replace(b'"sep=|"', b"sep=|")
    return DamagedFile(
        name=m.name, filename="extraction.csv", rows=sheet.truth, header_rows=(2,), content=content,
        columns={"uai": "numero_uai", "name": "appellation_officielle", "commune": "libelle_commune",
                 "quantity": "volume"},
    )  # fmt: skip


@damaged
def tsv_of_a_software(m: Material) -> DamagedFile:
    """Tabs, UTF-8, the UAI last, and a column of remarks with line breaks inside its cells."""
    sheet = Sheet()
    sheet.aside("Remarque", "Libellé établissement", "Localité", "Abonnements", "RNE")
    for school in m.schools():
        line = m.line(school)
        remark = m.chance.choice(("", "", "voir avec la mairie ;\nrappeler lundi", '« urgent » "12"'))
        sheet.row(line.truth, remark, *line.of(("name", "commune", "quantity", "uai")))
    return DamagedFile(
        name=m.name, filename="ecoles.tsv", rows=sheet.truth, header_rows=(1,),
        content=formats.delimited(sheet, separator="\t"),
        columns={"uai": "RNE", "name": "Libellé établissement", "commune": "Localité", "quantity": "Abonnements"},
    )  # fmt: skip


@damaged
def xls_of_another_age(m: Material) -> DamagedFile:
    """Excel 97, capitals throughout, the table begins at the third column, a total above and below."""
    sheet = Sheet("ECOLES")
    sheet.aside("", "", "INSPECTION ACADEMIQUE")
    sheet.aside("", "", "TOTAL", "", "", 999)
    sheet.aside("", "", "N°ETAB.", "NOM ETAB", "VILLE", "NB CL.")
    for school in m.schools():
        line = m.line(school, unit="cl.")
        sheet.row(line.truth, "", "", *line.of(("uai", "name", "commune", "quantity")))
    sheet.note("", "", "TOTAL ECOLES", "", "", Formula(f"SUM(F4:F{sheet.height})"))
    return DamagedFile(
        name=m.name, filename="ECOLES.XLS", content=formats.xls(sheet), rows=sheet.truth, header_rows=(3,),
        columns={"uai": "N°ETAB.", "name": "NOM ETAB", "commune": "VILLE", "quantity": "NB CL."}, sheets=("ECOLES",),
    )  # fmt: skip


@damaged
def xlsm_of_a_town_hall(m: Material) -> DamagedFile:
    """A workbook with macros; the table is the fourth sheet, after lists of values that look like tables."""
    values = Sheet("Listes")
    values.aside("Communes", "Code INSEE", "Niveaux")
    for school in m.schools(20):
        values.aside(school.commune, school.commune_code or "30189", "CP")
    contacts = Sheet("Élus")
    contacts.aside("Nom", "Commune", "Mail", "Téléphone")
    for school in m.schools(15):
        contacts.aside("M. le Maire", school.commune, "maire@ville.example", 466_000_000)
    home = Sheet("Accueil")
    home.aside("Cliquez ici pour commencer")
    sheet = Sheet("Saisie")
    sheet.aside("Saisie des volumes")
    sheet.aside("Code\nétablissement", "Etblt", "Commune\nd'implantation", "Nb de\nlicences", "Mél direction")
    for school in m.schools():
        line = m.line(school)
        sheet.row(line.truth, *line.of(("uai", "name", "commune", "quantity", "email")))
    return DamagedFile(
        name=m.name, filename="saisie.xlsm", content=formats.xlsm(home, values, contacts, sheet), rows=sheet.truth,
        columns={"uai": "Code établissement", "name": "Etblt", "commune": "Commune d'implantation",
                 "quantity": "Nb de licences", "email": "Mél direction"},
        header_rows=(2,), sheets=("Saisie",),
    )  # fmt: skip


@damaged
def export_of_the_national_directory(m: Material) -> DamagedFile:
    """The directory's own titles, in its own order, as an officer filtered them."""
    sheet = Sheet("fr-en-annuaire-education")
    titles = {
        "Identifiant_de_l_etablissement": "true_uai", "Nom_etablissement": "directory_name",
        "Type_etablissement": "kind", "Statut_public_prive": "sector", "Adresse_1": "address",
        "Code_postal": "postal_number",
        "Code_commune": "insee", "Nom_commune": "directory_commune", "Telephone": "phone_number", "Mail": "email",
        "SIREN_SIRET": "siret", "Nombre_d_eleves": "pupils", "Nombre_de_classes": "quantity", "code_nature": "year",
    }  # fmt: skip
    sheet.aside(*titles)
    for school in m.schools():
        line = m.line(school, damage="none", faults=0)
        sheet.row(line.truth, *line.of(titles.values()))
    return DamagedFile(
        name=m.name, filename="annuaire.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"uai": "Identifiant_de_l_etablissement", "name": "Nom_etablissement", "commune": "Nom_commune",
                 "postal_code": "Code_postal", "email": "Mail", "quantity": "Nombre_de_classes"},
        sheets=(sheet.name,),
    )  # fmt: skip
