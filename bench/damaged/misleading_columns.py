"""Misleading columns, and rows that must not be matched automatically."""

from bench.damaged import formats, spellings
from bench.damaged.directory import ListedSchool
from bench.damaged.expectations import DamagedFile, ExpectedMatch, ExpectedRow, FilePurpose
from bench.damaged.row_generator import RowGenerator, register_file
from bench.damaged.sheet_builder import SheetBuilder, UncomputedFormula
from schools.folding import fold
from schools.uai import LETTERS

_PRIMARY = ("maternelle", "elementaire", "primaire", "")
_CODE_NAME_COMMUNE = {"uai": "UAI", "name": "École", "commune": "Commune"}


@register_file
def columns_that_look_like_others(m: RowGenerator) -> DamagedFile:
    """SIRET, telephones, postal and INSEE codes as numbers, pupils, years, a code that is no UAI, two e-mails."""
    sheet = SheetBuilder("Base écoles")
    titles = {
        "Code": "code", "SIRET": "siret", "Année": "year", "N° UAI": "uai", "Nom": "name", "Code INSEE": "insee",
        "Code postal": "postal_number", "Commune": "commune", "Tél": "phone_number", "Mail mairie": "town_hall",
        "Mail école": "email", "Effectif": "pupils", "Circonscription": "district", "Nb de licences": "quantity",
    }  # fmt: skip
    sheet.add_unscored(*titles)
    for school in m.schools():
        line = m.line(school)
        sheet.row(line.truth, *line.of(titles.values()))
    return DamagedFile(
        name=m.name, filename="base.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"uai": "N° UAI", "name": "Nom", "postal_code": "Code postal", "commune": "Commune",
                 "email": "Mail école", "quantity": "Nb de licences"},
        sheets=(sheet.name,),
    )  # fmt: skip


@register_file
def uai_columns_of_other_schools(m: RowGenerator) -> DamagedFile:
    """The same UAI in two columns, and beside them the UAI of the collège of the sector."""
    schools = m.schools(where=lambda school: school.kind in ("elementaire", "primaire", "maternelle"))
    colleges = m.schools(6, where=lambda school: school.kind == "college")
    sheet = SheetBuilder("2026")
    sheet.add_unscored(
        "Collège de secteur", "UAI collège de secteur", "École", "Commune", "RNE", "UAI école", "Nombre de classes"
    )
    for school in schools:
        line = m.line(school, damage="none")
        college = m.rng.choice(colleges)
        sheet.row(
            line.truth, college.name, college.uai, *line.of(("name", "commune", "true_uai", "true_uai", "quantity"))
        )
    return DamagedFile(
        name=m.name, filename="secteurs.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"name": "École", "commune": "Commune", "quantity": "Nombre de classes"}, sheets=("2026",),
    )  # fmt: skip


@register_file
def uai_column_sorted_alone(m: RowGenerator) -> DamagedFile:
    """Somebody sorted the column of UAI, and it alone: each row says one school and codes another."""
    schools = m.schools()
    codes = sorted(school.uai for school in schools)
    return _miscoded(m, schools, codes, "trié.xlsx")


@register_file
def uai_column_moved_by_one(m: RowGenerator) -> DamagedFile:
    """A cell was deleted and those below moved up: right at the top, wrong from there on."""
    schools = m.schools()
    codes = [school.uai for school in schools]
    gone = len(codes) // 2
    return _miscoded(m, schools, codes[:gone] + codes[gone + 1 :] + [""], "décalé.xlsx")


@register_file
def uai_column_moved_within_one_town(m: RowGenerator) -> DamagedFile:
    """The same where all schools are of one commune: only the names differ."""
    [(_, schools)] = m.communes(1, least=8, most=40)
    codes = [school.uai for school in schools]
    return _miscoded(m, schools, codes[1:] + codes[:1], "ville.xlsx")


def _miscoded(m: RowGenerator, schools: list[ListedSchool], codes: list[str], filename: str) -> DamagedFile:
    by_code = {school.uai: school for school in schools}
    sheet = SheetBuilder("Feuil1")
    sheet.add_unscored(*_CODE_NAME_COMMUNE.values(), "Licences")
    for school, code in zip(schools, codes, strict=True):
        cells = m.line(school, damage="none", faults=0).cells
        quantity = m.rng.randint(1, 18)
        other = by_code.get(code)
        if code == school.uai:
            truth = ExpectedRow(ExpectedMatch.CODED, school.uai, quantity)
        elif other is not None and fold(f"{other.name} {other.commune}") == fold(f"{school.name} {school.commune}"):
            # The same name in the same place: nothing contradicts.
            truth = ExpectedRow(ExpectedMatch.OPEN, other.uai, quantity)
        else:
            truth = ExpectedRow(ExpectedMatch.NEVER if code else ExpectedMatch.OPEN, school.uai, quantity)
        sheet.row(truth, code, cells["directory_name"], cells["directory_commune"], quantity)
    return DamagedFile(
        name=m.name, filename=filename, content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(1,),
        columns=_CODE_NAME_COMMUNE | {"quantity": "Licences"}, sheets=("Feuil1",),
    )  # fmt: skip


@register_file
def uai_with_typing_errors_that_names_resolve(m: RowGenerator) -> DamagedFile:
    """A letter that is missing or wrong, a digit mistyped: beside a name that agrees, or that says another school."""
    schools = m.schools()
    sheet = SheetBuilder()
    sheet.add_unscored("Code UAI", "Nom de l'école", "Commune", "Nb licences")
    for school in schools:
        cells = m.line(school, damage="none").cells
        slip = m.rng.randrange(4)
        quantity = m.rng.randint(1, 9)
        code: str | int = school.uai[:7]
        truth = ExpectedRow(ExpectedMatch.CODED, school.uai, quantity)
        if slip == 1:
            code = school.uai[:7] + m.rng.choice([letter for letter in LETTERS if letter != school.uai[7]])
        elif slip == 2:  # noqa: PLR2004 - a digit of the middle: repaired or found by its name, or left to the officer
            at = m.rng.randrange(3, 7)
            code = school.uai[:at] + str((int(school.uai[at]) + m.rng.randint(1, 9)) % 10) + school.uai[at + 1 :]
            truth = ExpectedRow(ExpectedMatch.OPEN, school.uai, quantity)
        elif slip == 3:  # noqa: PLR2004 - a code that can be repaired, of another school than the name says
            other = m.rng.choice(
                [s for s in schools if s.distinctive_words != school.distinctive_words and s.place != school.place]
            )
            code = other.uai[:7]
            truth = ExpectedRow(ExpectedMatch.NEVER, school.uai, quantity)
        sheet.row(truth, code, *[cells[key] for key in ("directory_name", "directory_commune")], quantity)
    return DamagedFile(
        name=m.name, filename="saisie à la main.csv", content=formats.delimited(sheet, encoding="cp1252"),
        rows=sheet.truth, header_rows=(1,),
        columns={"uai": "Code UAI", "name": "Nom de l'école", "commune": "Commune", "quantity": "Nb licences"},
    )  # fmt: skip


@register_file
def schools_of_no_directory(m: RowGenerator) -> DamagedFile:
    """Valid UAI that the directory lacks, names that it lacks, codes beyond repair; among good rows."""
    sheet = SheetBuilder("Demandes")
    sheet.add_unscored("UAI", "Nom", "Commune", "Quantité")
    for school in m.schools():
        line = m.line(school)
        unknown_school, name = m.unknown_school()
        strange = m.rng.randrange(8)
        quantity = m.rng.randint(1, 12)
        if strange == 0:
            sheet.row(ExpectedRow(ExpectedMatch.NEVER, "", quantity), unknown_school, name, school.commune, quantity)
        elif strange == 1:
            sheet.row(ExpectedRow(ExpectedMatch.NEVER, "", quantity), "", name, school.commune, quantity)
        elif strange == 2:  # noqa: PLR2004
            sheet.row(ExpectedRow(ExpectedMatch.NEVER, "", quantity), "en cours", name, school.commune, quantity)
        else:
            sheet.row(line.truth, *line.of(("uai", "name", "commune", "quantity")))
    return DamagedFile(
        name=m.name, filename="demandes.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"uai": "UAI", "name": "Nom", "commune": "Commune", "quantity": "Quantité"}, sheets=("Demandes",),
    )  # fmt: skip


@register_file
def names_of_neighbours(m: RowGenerator) -> DamagedFile:
    """Names without codes that two schools of the place share, or none has: nothing may be guessed."""
    sheet = SheetBuilder()
    sheet.add_unscored("École", "Commune", "Licences")
    for _, schools in m.communes(max(4, m.size // 6)):
        for school in schools:
            line = m.named(school, place="commune", faults=0)
            name = " ".join(spellings.proper_words(school.name))
            if (
                name
                and school.kind in _PRIMARY
                and not m.directory.is_unique_match(school, place=school.place, among=_PRIMARY)
            ):
                truth = ExpectedRow(ExpectedMatch.NEVER, school.uai, line.truth.quantity)
                sheet.row(truth, f"École {name}", *line.of(("directory_commune", "quantity")))
            else:
                sheet.row(line.truth, *line.of(("name", "commune", "quantity")))
        sheet.row(ExpectedRow(ExpectedMatch.NEVER, "", 3), m.unknown_school()[1], schools[0].commune, 3)
    return DamagedFile(
        name=m.name, filename="voisines.csv", content=formats.delimited(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"name": "École", "commune": "Commune", "quantity": "Licences"},
    )  # fmt: skip


@register_file
def several_uai_in_a_cell(m: RowGenerator) -> DamagedFile:
    """Two UAI in a cell, a UAI within a sentence, a formula that Excel shows as text."""
    schools = m.schools()
    sheet = SheetBuilder()
    sheet.add_unscored("UAI (RNE)", "Nom", "Ville", "Qté")
    for school in schools:
        line = m.line(school, damage="none")
        other = m.rng.choice(schools)
        way = m.rng.randrange(5)
        code = (
            f'="{school.uai}"', f"RNE : {school.uai}", f"'{school.uai}", f"{school.uai} (ex {other.name[:10]})",
            f"{school.uai} / {other.uai}",
        )[way]  # fmt: skip
        truth = line.truth
        if way == 4 and other != school:  # noqa: PLR2004 - which of the two is the officer's to say
            truth = truth._replace(expected=ExpectedMatch.OPEN)
        sheet.row(truth, code, *line.of(("directory_name", "directory_commune", "quantity")))
    return DamagedFile(
        name=m.name, filename="copie.csv", content=formats.delimited(sheet, encoding="cp1252"), rows=sheet.truth,
        columns={"uai": "UAI (RNE)", "name": "Nom", "commune": "Ville", "quantity": "Qté"}, header_rows=(1,),
    )  # fmt: skip


@register_file
def numbers_as_people_leave_them(m: RowGenerator) -> DamagedFile:
    """Every way to write a number of licences, and to leave it out; the last of them formulas without value."""
    sheet = SheetBuilder("Volumes")
    sheet.add_unscored("UAI", "Ecole", "Commune", "Nombre de licences")
    for school in m.schools():
        line = m.line(school, damage="none")
        number = m.rng.randint(1, 40)
        thousand = 1000 + number
        ways = (
            (number, number), (float(number), number), (f"{number} ", number), (f"{number} classes", number),
            (f"{thousand:,}".replace(",", " "), thousand), (f"{thousand:,}".replace(",", "\u202f"), thousand),
            (f"{number}.0", number), ("", None), ("#N/A", None), (spellings.spell_quantity(1, m.rng, faults=1).cell,
            None),
            (f"{number} licences", number), (UncomputedFormula(f"{number}+1"), None), ("néant", None), ("-", None),
        )  # fmt: skip
        cell, meant = m.rng.choice(ways)
        sheet.row(line.truth._replace(quantity=meant), *line.of(("true_uai", "name", "commune")), cell)
    return DamagedFile(
        name=m.name, filename="volumes.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"uai": "UAI", "name": "Ecole", "commune": "Commune", "quantity": "Nombre de licences"},
        sheets=("Volumes",),
    )  # fmt: skip


@register_file
def totals_and_notes_everywhere(m: RowGenerator) -> DamagedFile:
    """Communes as titles of their group, sub-totals in every wording, repeated titles, notes and a signature below."""
    sheet = SheetBuilder("Etat")
    titles = ("N° UAI", "Ecole", "Commune", "Nb classes", "Nb licences")
    sheet.add_unscored("ÉTAT RÉCAPITULATIF")
    sheet.add_unscored(*titles)
    wordings = ("Total {}", "S/Total {}", "SOUS-TOTAL {} :", "Sous total", "TOTAL {}", "Total commune de {}", "s/t {}")
    for commune, schools in m.communes(max(3, m.size // 8)):
        sheet.add_ignored(commune.upper())
        for school in schools:
            line = m.line(school)
            classes = m.rng.randint(1, 12)
            sheet.row(line.truth, *line.of(("uai", "name", "commune")), classes, line.cells["quantity"])
        sheet.add_ignored("", m.rng.choice(wordings).format(commune), "", 33, UncomputedFormula("SUM(E3:E9)"))
        if m.rng.random() < 0.3:  # noqa: PLR2004
            sheet.add_ignored(*titles)
    sheet.add_ignored("TOTAL GENERAL", "", "", 331, 552)
    sheet.add_ignored("Nombre d'écoles :", 48)
    sheet.add_ignored("* écoles en réseau d'éducation prioritaire")
    sheet.add_ignored("", "Fait à Nîmes, le 12 mars 2026", "", "Le directeur de l'éducation")
    return DamagedFile(
        name=m.name, filename="etat.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(2,),
        columns={"uai": "N° UAI", "name": "Ecole", "commune": "Commune", "quantity": "Nb licences",
                 "classes": "Nb classes"},
        sheets=("Etat",),
    )  # fmt: skip


@register_file
def perimeter_with_contacts(m: RowGenerator) -> DamagedFile:
    """A portfolio list: titles abbreviated and misspelt, telephone numbers that became numbers."""
    sheet = SheetBuilder("Périmètre")
    titles = {
        "N° RNE de l'étab.": "uai", "Etblt": "name", "Comune": "commune", "Cde postal": "postal_number",
        "Nom du directeur": "director", "Mél. dir.": "email", "Telephonne": "phone_number", "Nb cl.": "quantity",
    }  # fmt: skip
    sheet.add_unscored("Écoles du ressort")
    sheet.add_unscored(*titles)
    for school in m.schools():
        line = m.line(school)
        sheet.row(line.truth, *line.of(titles.values()))
    return DamagedFile(
        name=m.name, filename="périmètre.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(2,),
        columns={"uai": "N° RNE de l'étab.", "name": "Etblt", "commune": "Comune", "postal_code": "Cde postal",
                 "email": "Mél. dir.", "quantity": "Nb cl."},
        sheets=("Périmètre",), purpose=FilePurpose.PORTFOLIO,
    )  # fmt: skip


@register_file
def columns_of_several_years(m: RowGenerator) -> DamagedFile:
    """Three columns of licences, a year each: the officer chooses which one counts."""
    sheet = SheetBuilder("Suivi")
    sheet.add_unscored("Commune", "Ecole", "Code RNE", "Licences 2024-2025", "Licences 2025-2026", "Licences 2026-2027")
    for school in m.schools():
        line = m.line(school)
        past = (m.rng.randint(1, 9), m.rng.randint(1, 9))
        sheet.row(line.truth, *line.of(("commune", "name", "uai")), *past, line.cells["quantity"])
    return DamagedFile(
        name=m.name, filename="suivi.ods", content=formats.ods(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"uai": "Code RNE", "name": "Ecole", "commune": "Commune", "quantity": "Licences 2026-2027"},
        sheets=("Suivi",), quantity_column="Licences 2026-2027",
    )  # fmt: skip


@register_file
def titles_that_say_nothing(m: RowGenerator) -> DamagedFile:
    """The titles are letters or missing: a column of UAI is one whatever its title, and so is one of addresses."""
    sheet = SheetBuilder("Feuil1")
    sheet.add_unscored("A", "B", "C", "Réf.", "")
    for school in m.schools():
        line = m.line(school, damage="proven")
        sheet.row(line.truth, *line.of(("directory_name", "directory_commune", "postal", "uai", "email")))
    return DamagedFile(
        name=m.name, filename="sans titres.ods", content=formats.ods(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"uai": "Réf.", "email": ""}, sheets=("Feuil1",), quantity_for_all=2,
    )  # fmt: skip


@register_file
def name_and_commune_in_one_cell(m: RowGenerator) -> DamagedFile:
    """« EEPU Jean Jaurès – Nîmes » in one column: found or left, never mistaken."""
    sheet = SheetBuilder()
    sheet.add_unscored("Ecole (commune)", "Nb")
    for school in m.schools():
        line = m.named(school, place="commune", expected=ExpectedMatch.OPEN)
        way = m.rng.choice(("{} – {}", "{} ({})", "{}, {}", "{} {}"))
        sheet.row(line.truth, way.format(line.cells["name"], line.cells["commune"]), line.cells["quantity"])
    return DamagedFile(
        name=m.name, filename="une colonne.csv", content=formats.delimited(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"name": "Ecole (commune)", "quantity": "Nb"},
    )  # fmt: skip


@register_file
def type_and_name_apart(m: RowGenerator) -> DamagedFile:
    """The kind of the school in a column of its own, its name beside it, the département in front."""
    sheet = SheetBuilder("Export")
    sheet.add_unscored("Dépt", "Type", "Dénomination principale", "Code postal", "Localité", "Volume de licences")
    for school in m.schools():
        words = spellings.proper_words(school.name)
        certain = m.directory.is_unique_match(school, place=school.place, has_kind=True)
        line = m.line(school, damage="none")
        truth = line.truth._replace(expected=ExpectedMatch.NAMED if certain else ExpectedMatch.OPEN)
        kind = {"elementaire": "Ecole élémentaire", "maternelle": "Ecole maternelle", "primaire": "Ecole primaire"}.get(
            school.kind, school.kind.title()
        )
        sheet.row(truth, school.departement, kind, " ".join(words).upper(), *line.of(("postal", "commune", "quantity")))
    return DamagedFile(
        name=m.name, filename="export logiciel.xls", content=formats.xls(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"name": "Dénomination principale", "postal_code": "Code postal", "commune": "Localité",
                 "quantity": "Volume de licences"},
        sheets=("Export",),
    )  # fmt: skip
