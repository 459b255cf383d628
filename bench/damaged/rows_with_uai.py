"""Lists whose rows carry a UAI, intact or damaged."""

import json

from bench.damaged import formats
from bench.damaged.expectations import DamagedFile
from bench.damaged.row_generator import RowGenerator, register_file
from bench.damaged.sheet_builder import SheetBuilder, UncomputedFormula


@register_file
def xls_of_fourteen_sheets(m: RowGenerator) -> DamagedFile:
    """Fourteen sheets of one shape, a commune each, after a notice and before a pivot."""
    notice = SheetBuilder("Notice")
    notice.add_unscored("Comment remplir ce classeur")
    notice.add_unscored("Une feuille par commune. Le RNE est l'ancien nom de l'UAI (exemple : 0300001A).")
    sheets = []
    keys = ("uai", "name", "address", "phone_number", "quantity")
    for commune, schools in m.communes(14, least=5):
        # Excel allows 31 characters, and not all of them.
        sheet = SheetBuilder(commune.replace("/", "-").replace("'", " ")[:31])
        sheet.add_unscored(f"Ville de {commune} – licences numériques 2026-2027")
        for _ in range(m.rng.randint(1, 3)):
            sheet.add_unscored()
        sheet.add_unscored("N° RNE", "Ecole", "Adresse", "Tél.", "Nb licences")
        for school in schools:
            line = m.line(school)
            sheet.row(line.truth, *line.of(keys))
        sheet.add_ignored("TOTAL", "", "", "", UncomputedFormula(f"SUM(E4:E{sheet.height})"))
        sheets.append(sheet)
    pivot = SheetBuilder("TCD")
    pivot.add_unscored("Étiquettes de lignes", "Somme de Nb licences")
    for sheet in sheets:
        pivot.add_unscored(sheet.name, 42)
    pivot.add_unscored("Total général", 588)
    return DamagedFile(
        name=m.name, filename="licences_par_commune.xls", content=formats.xls(notice, *sheets, pivot),
        rows={place: row for sheet in sheets for place, row in sheet.truth.items()},
        columns={"uai": "N° RNE", "name": "Ecole", "quantity": "Nb licences"}, header_rows=(3, 4, 5),
        sheets=tuple(sheet.name for sheet in sheets),
    )  # fmt: skip


@register_file
def ods_with_gaps_to_fill_down(m: RowGenerator) -> DamagedFile:
    """The commune and its postal code stand at the first row of each group alone; some numbers are missing."""
    sheet = SheetBuilder("Écoles")
    sheet.add_unscored("Communauté de communes – recensement des écoles")
    sheet.add_unscored("Commune", "CP", "École", "Code UAI", "Nombre de classes")
    for _, schools in m.communes(max(4, m.size // 8), least=2):
        for index, school in enumerate(schools):
            line = m.line(school, faults=0.1)
            first = line.of(("commune", "postal_number")) if index == 0 else ["", ""]
            sheet.row(line.truth, *first, *line.of(("name", "uai", "quantity")))
        sheet.add_unscored()
    return DamagedFile(
        name=m.name, filename="recensement.ods", content=formats.ods(sheet), rows=sheet.truth, sheets=(sheet.name,),
        columns={"commune": "Commune", "name": "École", "uai": "Code UAI", "quantity": "Nombre de classes"},
        header_rows=(2,),
    )  # fmt: skip


@register_file
def csv_of_excel_in_windows_1252(m: RowGenerator) -> DamagedFile:
    """Saved again by Excel: Windows-1252, semicolons, zeros lost, telephone numbers as 1,43E+08, empty last columns."""
    sheet = SheetBuilder()
    sheet.add_unscored("Établissement", "Commune", "Code postal", "UAI", "Téléphone", "Mél.", "Qté licences")
    for school in m.schools():
        line = m.line(school, unit="licences")
        sheet.row(
            line.truth, *line.of(("name", "commune", "postal_number", "uai", "phone_number", "email", "quantity"))
        )
    sheet.add_ignored("Total", "", "", "", "", "", 1234)
    return DamagedFile(
        name=m.name, filename="Liste écoles (2).csv", rows=sheet.truth, header_rows=(1,),
        content=formats.delimited(sheet, encoding="cp1252", width=11),
        columns={"uai": "UAI", "name": "Établissement", "commune": "Commune", "postal_code": "Code postal",
                 "email": "Mél.", "quantity": "Qté licences"},
    )  # fmt: skip


@register_file
def xlsx_with_two_lines_of_titles_and_sub_totals(m: RowGenerator) -> DamagedFile:
    """A banner, titles in two merged lines, a sub-total after each commune, formulas that were never computed."""
    sheet = SheetBuilder("Tableau")
    sheet.add_unscored("Dotation en licences des écoles publiques – année scolaire 2026-2027")
    sheet.add_unscored()
    sheet.add_unscored("Localisation", "", "Établissement", "", "Dotation", "")
    sheet.add_unscored("Commune", "Code postal", "Dénomination", "Code RNE", "Licences demandées", "Observations")
    sheet.merged += [(1, 1, 1, 6), (3, 1, 3, 2), (3, 3, 3, 4), (3, 5, 3, 6)]
    for commune, schools in m.communes(max(3, m.size // 10)):
        first = sheet.height + 1
        for school in schools:
            line = m.line(school)
            sheet.row(line.truth, *line.of(("commune", "postal", "name", "uai", "quantity")), "")
        sheet.add_ignored(f"Sous-total {commune}", "", "", "", UncomputedFormula(f"SUM(E{first}:E{sheet.height})"))
    sheet.add_ignored("TOTAL GÉNÉRAL", "", "", "", UncomputedFormula(f"SUM(E5:E{sheet.height})"))
    return DamagedFile(
        name=m.name, filename="dotation.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, sheets=(sheet.name,),
        columns={"commune": "Commune", "postal_code": "Code postal", "name": "Dénomination", "uai": "Code RNE",
                 "quantity": "Licences demandées"},
        header_rows=(4,),
    )  # fmt: skip


@register_file
def csv_of_nine_thousand_rows_without_titles(m: RowGenerator) -> DamagedFile:
    """No header row: columns are identified by their content."""
    sheet = SheetBuilder()
    for school in m.schools(m.size * 50):
        line = m.line(school)
        sheet.row(
            line.truth, *line.of(("uai", "name", "address", "postal_number", "directory_commune", "email", "pupils"))
        )
    return DamagedFile(
        name=m.name, filename="export.csv", content=formats.delimited(sheet, encoding="utf-8"), rows=sheet.truth,
        columns={"uai": "", "email": ""}, header_rows=(None,), quantity_for_all=1,
    )  # fmt: skip


@register_file
def xlsx_without_titles(m: RowGenerator) -> DamagedFile:
    """A column of UAI and nothing else but a blank one beside it; in places two blank rows."""
    sheet = SheetBuilder("Feuil1")
    for index, school in enumerate(m.schools()):
        line = m.line(school, damage="proven")
        sheet.row(line.truth, "", line.cells["uai"])
        if index % 17 == 3:  # noqa: PLR2004 - now and then
            sheet.add_unscored()
            sheet.add_unscored()
    return DamagedFile(
        name=m.name, filename="uai.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, columns={"uai": ""},
        header_rows=(None,), sheets=("Feuil1",), quantity_for_all=3,
    )  # fmt: skip


@register_file
def utf_16_text_of_excel(m: RowGenerator) -> DamagedFile:
    """« Texte Unicode » of Excel: UTF-16 with its mark, tabs."""
    sheet = SheetBuilder()
    sheet.add_unscored("Liste des écoles", "")
    sheet.add_unscored()
    sheet.add_unscored("Identifiant établissement", "Nom de l'école", "Ville", "Nbre de licences souhaitées")
    for school in m.schools():
        line = m.line(school, unit="licences")
        sheet.row(line.truth, *line.of(("uai", "name", "commune", "quantity")))
    return DamagedFile(
        name=m.name, filename="ecoles.txt", rows=sheet.truth, header_rows=(3,),
        content=formats.delimited(sheet, separator="\t", encoding="utf-16"),
        columns={"uai": "Identifiant établissement", "name": "Nom de l'école", "commune": "Ville",
                 "quantity": "Nbre de licences souhaitées"},
    )  # fmt: skip


@register_file
def csv_with_json_and_padded_titles(m: RowGenerator) -> DamagedFile:
    """Commas, a byte order mark, titles with spaces at their end, JSON in cells, an empty last column."""
    sheet = SheetBuilder()
    sheet.add_unscored("Départements ", "zipcode", "COMMUNE ", "Code UAI ", " Ecoles ", "coordinates", "Quantité ")
    for school in m.schools():
        line = m.line(school)
        where = [round(m.rng.uniform(-4, 8), 4), round(m.rng.uniform(42, 51), 4)]
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


@register_file
def csv_with_bars_and_a_line_for_excel(m: RowGenerator) -> DamagedFile:
    """Bars between the cells, no byte order mark, and « sep= » in the first line."""
    sheet = SheetBuilder()
    sheet.rows.append(["sep=|"])
    sheet.add_unscored("numero_uai", "appellation_officielle", "libelle_commune", "volume")
    for school in m.schools():
        line = m.line(school)
        sheet.row(line.truth, *line.of(("uai", "directory_name", "directory_commune", "quantity")))
    content = formats.delimited(sheet, separator="|").replace(b'"sep=|"', b"sep=|")
    return DamagedFile(
        name=m.name, filename="extraction.csv", rows=sheet.truth, header_rows=(2,), content=content,
        columns={"uai": "numero_uai", "name": "appellation_officielle", "commune": "libelle_commune",
                 "quantity": "volume"},
    )  # fmt: skip


@register_file
def tsv_of_a_software(m: RowGenerator) -> DamagedFile:
    """Tabs, UTF-8, the UAI last, and a column of remarks with line breaks inside its cells."""
    sheet = SheetBuilder()
    sheet.add_unscored("Remarque", "Libellé établissement", "Localité", "Abonnements", "RNE")
    for school in m.schools():
        line = m.line(school)
        remark = m.rng.choice(("", "", "Mme Roux ;\nposte 12", '« M. Petit » "12"'))
        sheet.row(line.truth, remark, *line.of(("name", "commune", "quantity", "uai")))
    return DamagedFile(
        name=m.name, filename="ecoles.tsv", rows=sheet.truth, header_rows=(1,),
        content=formats.delimited(sheet, separator="\t"),
        columns={"uai": "RNE", "name": "Libellé établissement", "commune": "Localité", "quantity": "Abonnements"},
    )  # fmt: skip


@register_file
def xls_of_another_age(m: RowGenerator) -> DamagedFile:
    """Excel 97, capitals throughout, the table begins at the third column, a total above and below."""
    sheet = SheetBuilder("ECOLES")
    sheet.add_unscored("", "", "INSPECTION ACADEMIQUE")
    sheet.add_unscored("", "", "TOTAL", "", "", 999)
    sheet.add_unscored("", "", "N°ETAB.", "NOM ETAB", "VILLE", "NB CL.")
    for school in m.schools():
        line = m.line(school, unit="cl.")
        sheet.row(line.truth, "", "", *line.of(("uai", "name", "commune", "quantity")))
    sheet.add_ignored("", "", "TOTAL ECOLES", "", "", UncomputedFormula(f"SUM(F4:F{sheet.height})"))
    return DamagedFile(
        name=m.name, filename="ECOLES.XLS", content=formats.xls(sheet), rows=sheet.truth, header_rows=(3,),
        columns={"uai": "N°ETAB.", "name": "NOM ETAB", "commune": "VILLE", "quantity": "NB CL."}, sheets=("ECOLES",),
    )  # fmt: skip


@register_file
def xlsm_of_a_town_hall(m: RowGenerator) -> DamagedFile:
    """A workbook with macros; the table is the fourth sheet, after lists of values that look like tables."""
    values = SheetBuilder("Listes")
    values.add_unscored("Communes", "Code INSEE", "Niveaux")
    for school in m.schools(20):
        values.add_unscored(school.commune, school.commune_code or "30189", "CP")
    contacts = SheetBuilder("Élus")
    contacts.add_unscored("Nom", "Commune", "Mail", "Téléphone")
    for school in m.schools(15):
        contacts.add_unscored("M. le Maire", school.commune, "maire@ville.example", 466_000_000)
    home = SheetBuilder("Accueil")
    home.add_unscored("Cliquez ici pour commencer")
    sheet = SheetBuilder("Saisie")
    sheet.add_unscored("Saisie des volumes")
    sheet.add_unscored("Code\nétablissement", "Etblt", "Commune\nd'implantation", "Nb de\nlicences", "Mél direction")
    for school in m.schools():
        line = m.line(school)
        sheet.row(line.truth, *line.of(("uai", "name", "commune", "quantity", "email")))
    return DamagedFile(
        name=m.name, filename="saisie.xlsm", content=formats.xlsm(home, values, contacts, sheet), rows=sheet.truth,
        columns={"uai": "Code établissement", "name": "Etblt", "commune": "Commune d'implantation",
                 "quantity": "Nb de licences", "email": "Mél direction"},
        header_rows=(2,), sheets=("Saisie",),
    )  # fmt: skip


@register_file
def export_of_the_national_directory(m: RowGenerator) -> DamagedFile:
    """The directory's own titles, in its own order, as an officer filtered them."""
    sheet = SheetBuilder("fr-en-annuaire-education")
    titles = {
        "Identifiant_de_l_etablissement": "true_uai", "Nom_etablissement": "directory_name",
        "Type_etablissement": "kind", "Statut_public_prive": "sector", "Adresse_1": "address",
        "Code_postal": "postal_number",
        "Code_commune": "insee", "Nom_commune": "directory_commune", "Telephone": "phone_number", "Mail": "email",
        "SIREN_SIRET": "siret", "Nombre_d_eleves": "pupils", "Nombre_de_classes": "quantity", "code_nature": "year",
    }  # fmt: skip
    sheet.add_unscored(*titles)
    for school in m.schools():
        line = m.line(school, damage="none", faults=0)
        sheet.row(line.truth, *line.of(titles.values()))
    return DamagedFile(
        name=m.name, filename="annuaire.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"uai": "Identifiant_de_l_etablissement", "name": "Nom_etablissement", "commune": "Nom_commune",
                 "postal_code": "Code_postal", "email": "Mail", "quantity": "Nombre_de_classes"},
        sheets=(sheet.name,),
    )  # fmt: skip
