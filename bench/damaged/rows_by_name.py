"""Lists with names and without UAI."""

from bench.damaged import formats
from bench.damaged.expectations import DamagedFile, ExpectedMatch, FilePurpose
from bench.damaged.row_generator import RowGenerator, register_file
from bench.damaged.sheet_builder import SheetBuilder, UncomputedFormula


@register_file
def xlsx_by_name_and_commune(m: RowGenerator) -> DamagedFile:
    sheet = SheetBuilder("Feuil1")
    sheet.add_unscored("Écoles équipées – rentrée 2026")
    sheet.add_unscored()
    sheet.add_unscored("Nom de l'établissement", "Commune", "Nb licences")
    for school in m.schools(m.size * 3):
        line = m.named(school, place="commune")
        sheet.row(line.truth, *line.of(("name", "commune", "quantity")))
    return DamagedFile(
        name=m.name, filename="équipement.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(3,),
        columns={"name": "Nom de l'établissement", "commune": "Commune", "quantity": "Nb licences"}, sheets=("Feuil1",),
    )  # fmt: skip


@register_file
def csv_by_name_and_postal_code(m: RowGenerator) -> DamagedFile:
    """The postal codes are numbers that lost their zero."""
    sheet = SheetBuilder()
    sheet.add_unscored("ecole", "cp", "nombre")
    for school in m.schools(m.size * 2, where=lambda school: len(school.postal_code) == 5):  # noqa: PLR2004
        line = m.named(school, place="postal")
        sheet.row(line.truth, *line.of(("name", "postal_number", "quantity")))
    return DamagedFile(
        name=m.name, filename="ecoles_cp.csv", content=formats.delimited(sheet, separator=","), rows=sheet.truth,
        columns={"name": "ecole", "postal_code": "cp", "quantity": "nombre"}, header_rows=(1,),
    )  # fmt: skip


@register_file
def ods_by_name_with_communes_to_fill_down(m: RowGenerator) -> DamagedFile:
    """The commune at the first row of its group, merged over it; a sub-total after each."""
    sheet = SheetBuilder("Recensement")
    sheet.add_unscored("Commune", "École", "Classes")
    for _, schools in m.communes(max(4, m.size // 5), least=2):
        first = sheet.height + 1
        commune = m.line(schools[0]).cells["commune"]
        for index, school in enumerate(schools):
            line = m.named(school, place="commune")
            sheet.row(line.truth, "" if index else commune, *line.of(("name", "quantity")))
        sheet.merged.append((first, 1, sheet.height, 1))
        sheet.add_ignored("", "Sous total", UncomputedFormula(f"SUM([.C{first}:.C{sheet.height}])"))
    sheet.add_ignored("", "TOTAL", 999)
    return DamagedFile(
        name=m.name, filename="recensement_communes.ods", content=formats.ods(sheet), rows=sheet.truth,
        columns={"commune": "Commune", "name": "École", "quantity": "Classes"}, header_rows=(1,),
        sheets=("Recensement",),
    )  # fmt: skip


@register_file
def xlsx_by_name_with_merged_communes(m: RowGenerator) -> DamagedFile:
    """Communes merged down their group, in two lines of titles, one of them merged as well."""
    sheet = SheetBuilder("Par commune")
    sheet.add_unscored("VILLE", "ÉCOLE", "", "LICENCES")
    sheet.add_unscored("", "Type et nom", "Directeur(trice)", "Nombre")
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


@register_file
def xlsx_of_one_town(m: RowGenerator) -> DamagedFile:
    """A town's own list: no commune anywhere but in the banner; the portfolio is the town's schools."""
    [(commune, schools)] = m.communes(1, least=8, most=60)
    sheet = SheetBuilder("Écoles")
    sheet.add_unscored(f"VILLE DE {commune.upper()} – DIRECTION DE L'ÉDUCATION")
    sheet.add_unscored("Groupe scolaire / école", "Adresse", "Nombre de classes", "Téléphone")
    for school in schools:
        line = m.named(school, place="portfolio", expected=ExpectedMatch.ALONE, portfolio=schools)
        sheet.row(line.truth, *line.of(("name", "address", "quantity", "phone_number")))
    sheet.add_ignored("Total", "", UncomputedFormula(f"SUM(C3:C{sheet.height})"), "")
    return DamagedFile(
        name=m.name, filename="nos écoles.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(2,),
        columns={"name": "Groupe scolaire / école", "quantity": "Nombre de classes"}, sheets=("Écoles",),
        portfolio=frozenset(school.uai for school in schools),
    )  # fmt: skip


@register_file
def csv_of_names_alone_within_a_portfolio(m: RowGenerator) -> DamagedFile:
    schools = m.schools()
    sheet = SheetBuilder()
    sheet.add_unscored("Établissement", "Quantité")
    for school in schools:
        line = m.named(school, place="portfolio", expected=ExpectedMatch.ALONE, portfolio=schools)
        sheet.row(line.truth, *line.of(("name", "quantity")))
    return DamagedFile(
        name=m.name, filename="etab.csv", content=formats.delimited(sheet, encoding="cp1252"), rows=sheet.truth,
        columns={"name": "Établissement", "quantity": "Quantité"}, header_rows=(1,),
        portfolio=frozenset(school.uai for school in schools),
    )  # fmt: skip


@register_file
def xls_of_sheets_by_commune_without_codes(m: RowGenerator) -> DamagedFile:
    """One sheet a commune, whose name says it; the rows say it as well."""
    sheets = []
    for commune, schools in m.communes(14, least=5):
        sheet = SheetBuilder(commune.replace("/", "-").replace("'", " ")[:31])
        sheet.add_unscored("Ecole", "Commune", "Mail de l'école", "Nb classes")
        for school in schools:
            line = m.named(school, place="commune")
            sheet.row(line.truth, *line.of(("name", "commune")), "", line.cells["quantity"])
        sheet.add_ignored("Total", "", "", UncomputedFormula(f"SUM(D2:D{sheet.height})"))
        sheets.append(sheet)
    legend = SheetBuilder("Légende")
    legend.add_unscored("EEPU : école élémentaire publique")
    legend.add_unscored("EMPU : école maternelle publique")
    return DamagedFile(
        name=m.name, filename="ecoles.xls", content=formats.xls(legend, *sheets), header_rows=(1,),
        rows={place: row for sheet in sheets for place, row in sheet.truth.items()},
        columns={"name": "Ecole", "commune": "Commune", "quantity": "Nb classes"},
        sheets=tuple(sheet.name for sheet in sheets),
    )  # fmt: skip


@register_file
def perimeter_without_codes(m: RowGenerator) -> DamagedFile:
    """Contacts and classes of a département's schools, for the portfolio."""
    sheet = SheetBuilder("Contacts")
    sheet.add_unscored(
        "Etablissement", "Adresse", "C.P.", "Ville", "Chef d'établissement", "Courriel", "Tél. fixe", "Nb cl."
    )
    for school in m.schools(m.size * 2):
        line = m.named(school, place="commune")
        keys = ("name", "address", "postal_number", "commune", "director", "email", "phone_number", "quantity")
        sheet.row(line.truth, *line.of(keys))
    return DamagedFile(
        name=m.name, filename="contacts.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"name": "Etablissement", "commune": "Ville", "postal_code": "C.P.", "email": "Courriel",
                 "quantity": "Nb cl."},
        sheets=("Contacts",), purpose=FilePurpose.PORTFOLIO,
    )  # fmt: skip


@register_file
def csv_by_name_and_arrondissement(m: RowGenerator) -> DamagedFile:
    """Schools of towns that are numbered (Paris, Lyon, Marseille), where there are some; else of any."""
    numbered = [s for s in m.directory.schools if any(word.rstrip("erm").isdigit() for word in s.place.split())]
    schools = m.rng.sample(numbered, min(m.size, len(numbered))) if numbered else m.schools()
    sheet = SheetBuilder()
    sheet.add_unscored("Ecoles", "Ville", "Nbre")
    for school in schools:
        line = m.named(school, place="commune")
        sheet.row(line.truth, *line.of(("name", "commune", "quantity")))
    return DamagedFile(
        name=m.name, filename="arrondissements.csv", content=formats.delimited(sheet, encoding="utf-8-sig"),
        rows=sheet.truth, columns={"name": "Ecoles", "commune": "Ville", "quantity": "Nbre"}, header_rows=(1,),
    )  # fmt: skip


@register_file
def xlsx_half_coded(m: RowGenerator) -> DamagedFile:
    """Some rows carry the UAI, the others the name and the commune alone."""
    sheet = SheetBuilder("Liste")
    sheet.add_unscored("Commune", "Nom école", "UAI (si connu)", "Volume")
    for school in m.schools(m.size * 2):
        coded = m.rng.random() < 0.6  # noqa: PLR2004
        line = m.line(school) if coded else m.named(school, place="commune")
        sheet.row(line.truth, *line.of(("commune", "name", "uai", "quantity")))
    return DamagedFile(
        name=m.name, filename="liste.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"commune": "Commune", "name": "Nom école", "uai": "UAI (si connu)", "quantity": "Volume"},
        sheets=("Liste",),
    )  # fmt: skip
