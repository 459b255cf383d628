"""Misleading columns, and rows that must not be matched automatically."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.damaged import formats, writing
from bench.damaged.material import damaged
from bench.damaged.sheets import Formula, Sheet
from bench.damaged.truth import DamagedFile, Expected, Purpose, Row
from schools.folding import fold
from schools.uai import LETTERS

if TYPE_CHECKING:
    from bench.damaged.directory import School
    from bench.damaged.material import Material

_PRIMARY = ("maternelle", "elementaire", "primaire", "")
_CODE_NAME_COMMUNE = {"uai": "UAI", "name": "École", "commune": "Commune"}


@damaged
def columns_that_look_like_others(m: Material) -> DamagedFile:
    """SIRET, telephones, postal and INSEE codes as numbers, pupils, years, a code that is no UAI, two e-mails."""
    sheet = Sheet("Base écoles")
    titles = {
        "Code": "code", "SIRET": "siret", "Année": "year", "N° UAI": "uai", "Nom": "name", "Code INSEE": "insee",
        "Code postal": "postal_number", "Commune": "commune", "Tél": "phone_number", "Mail mairie": "town_hall",
        "Mail école": "email", "Effectif": "pupils", "Circonscription": "district", "Nb de licences": "quantity",
    }  # fmt: skip
    sheet.aside(*titles)
    for school in m.schools():
        line = m.line(school)
        sheet.row(line.truth, *line.of(titles.values()))
    return DamagedFile(
        name=m.name, filename="base.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"uai": "N° UAI", "name": "Nom", "postal_code": "Code postal", "commune": "Commune",
                 "email": "Mail école", "quantity": "Nb de licences"},
        sheets=(sheet.name,),
    )  # fmt: skip


@damaged
def uai_columns_of_other_schools(m: Material) -> DamagedFile:
    """The same UAI in two columns, and beside them the UAI of the collège of the sector."""
    schools = m.schools(where=lambda school: school.kind in ("elementaire", "primaire", "maternelle"))
    colleges = m.schools(6, where=lambda school: school.kind == "college")
    sheet = Sheet("2026")
    sheet.aside(
        "Collège de secteur", "UAI collège de secteur", "École", "Commune", "RNE", "UAI école", "Nombre de classes"
    )
    for school in schools:
        line = m.line(school, damage="none")
        college = m.chance.choice(colleges)
        sheet.row(
            line.truth, college.name, college.uai, *line.of(("name", "commune", "true_uai", "true_uai", "quantity"))
        )
    return DamagedFile(
        name=m.name, filename="secteurs.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"name": "École", "commune": "Commune", "quantity": "Nombre de classes"}, sheets=("2026",),
    )  # fmt: skip


@damaged
def uai_column_sorted_alone(m: Material) -> DamagedFile:
    """Somebody sorted the column of UAI, and it alone: each row says one school and codes another."""
    schools = m.schools()
    codes = sorted(school.uai for school in schools)
    return _miscoded(m, schools, codes, "trié.xlsx")


@damaged
def uai_column_moved_by_one(m: Material) -> DamagedFile:
    """A cell was deleted and those below moved up: right at the top, wrong from there on."""
    schools = m.schools()
    codes = [school.uai for school in schools]
    gone = len(codes) // 2
    return _miscoded(m, schools, codes[:gone] + codes[gone + 1 :] + [""], "décalé.xlsx")


@damaged
def uai_column_moved_within_one_town(m: Material) -> DamagedFile:
    """The same where all schools are of one commune: only the names differ."""
    [(_, schools)] = m.communes(1, least=8, most=40)
    codes = [school.uai for school in schools]
    return _miscoded(m, schools, codes[1:] + codes[:1], "ville.xlsx")


def _miscoded(m: Material, schools: list[School], codes: list[str], filename: str) -> DamagedFile:
    by_code = {school.uai: school for school in schools}
    sheet = Sheet("Feuil1")
    sheet.aside(*_CODE_NAME_COMMUNE.values(), "Licences")
    for school, code in zip(schools, codes, strict=True):
        cells = m.line(school, damage="none", faults=0).cells
        quantity = m.chance.randint(1, 18)
        other = by_code.get(code)
        if code == school.uai:
            truth = Row(Expected.CODED, school.uai, quantity)
        elif other is not None and fold(f"{other.name} {other.commune}") == fold(f"{school.name} {school.commune}"):
            # The same name in the same place: nothing contradicts.
            truth = Row(Expected.OPEN, other.uai, quantity)
        else:
            truth = Row(Expected.NEVER if code else Expected.OPEN, school.uai, quantity)
        sheet.row(truth, code, cells["directory_name"], cells["directory_commune"], quantity)
    return DamagedFile(
        name=m.name, filename=filename, content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(1,),
        columns=_CODE_NAME_COMMUNE | {"quantity": "Licences"}, sheets=("Feuil1",),
    )  # fmt: skip


@damaged
def uai_with_slips_that_names_settle(m: Material) -> DamagedFile:
    """A letter that is missing or wrong, a digit mistyped: beside a name that agrees, or that says another school."""
    schools = m.schools()
    sheet = Sheet()
    sheet.aside("Code UAI", "Nom de l'école", "Commune", "Nb licences")
    for school in schools:
        cells = m.line(school, damage="none").cells
        slip = m.chance.randrange(4)
        quantity = m.chance.randint(1, 9)
        code: str | int = school.uai[:7]
        truth = Row(Expected.CODED, school.uai, quantity)
        if slip == 1:
            code = school.uai[:7] + m.chance.choice([letter for letter in LETTERS if letter != school.uai[7]])
        elif slip == 2:  # noqa: PLR2004 - a digit of the middle: repaired or found by its name, or left to the officer
            at = m.chance.randrange(3, 7)
            code = school.uai[:at] + str((int(school.uai[at]) + m.chance.randint(1, 9)) % 10) + school.uai[at + 1 :]
            truth = Row(Expected.OPEN, school.uai, quantity)
        elif slip == 3:  # noqa: PLR2004 - a code that can be repaired, of another school than the name says
            other = m.chance.choice([s for s in schools if s.telling != school.telling and s.place != school.place])
            code = other.uai[:7]
            truth = Row(Expected.NEVER, school.uai, quantity)
        sheet.row(truth, code, *[cells[key] for key in ("directory_name", "directory_commune")], quantity)
    return DamagedFile(
        name=m.name, filename="saisie à la main.csv", content=formats.delimited(sheet, encoding="cp1252"),
        rows=sheet.truth, header_rows=(1,),
        columns={"uai": "Code UAI", "name": "Nom de l'école", "commune": "Commune", "quantity": "Nb licences"},
    )  # fmt: skip


@damaged
def schools_of_no_directory(m: Material) -> DamagedFile:
    """Valid UAI that the directory lacks, names that it lacks, codes beyond repair; among good rows."""
    sheet = Sheet("Demandes")
    sheet.aside("UAI", "Nom", "Commune", "Quantité")
    for school in m.schools():
        line = m.line(school)
        stranger, name = m.stranger()
        strange = m.chance.randrange(8)
        quantity = m.chance.randint(1, 12)
        if strange == 0:
            sheet.row(Row(Expected.NEVER, "", quantity), stranger, name, school.commune, quantity)
        elif strange == 1:
            sheet.row(Row(Expected.NEVER, "", quantity), "", name, school.commune, quantity)
        elif strange == 2:  # noqa: PLR2004
            sheet.row(Row(Expected.NEVER, "", quantity), "en cours", name, school.commune, quantity)
        else:
            sheet.row(line.truth, *line.of(("uai", "name", "commune", "quantity")))
    return DamagedFile(
        name=m.name, filename="demandes.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"uai": "UAI", "name": "Nom", "commune": "Commune", "quantity": "Quantité"}, sheets=("Demandes",),
    )  # fmt: skip


@damaged
def names_of_neighbours(m: Material) -> DamagedFile:
    """Names without codes that two schools of the place share, or none has: nothing may be guessed."""
    sheet = Sheet()
    sheet.aside("École", "Commune", "Licences")
    for _, schools in m.communes(max(4, m.size // 6)):
        for school in schools:
            line = m.named(school, place="commune", faults=0)
            name = " ".join(writing.proper(school.name))
            if (
                name
                and school.kind in _PRIMARY
                and not m.directory.one_fits(school, place=school.place, among=_PRIMARY)
            ):
                truth = Row(Expected.NEVER, school.uai, line.truth.quantity)
                sheet.row(truth, f"École {name}", *line.of(("directory_commune", "quantity")))
            else:
                sheet.row(line.truth, *line.of(("name", "commune", "quantity")))
        sheet.row(Row(Expected.NEVER, "", 3), m.stranger()[1], schools[0].commune, 3)
    return DamagedFile(
        name=m.name, filename="voisines.csv", content=formats.delimited(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"name": "École", "commune": "Commune", "quantity": "Licences"},
    )  # fmt: skip


@damaged
def several_uai_in_a_cell(m: Material) -> DamagedFile:
    """Two UAI in a cell, a UAI within a sentence, a formula that Excel shows as text."""
    schools = m.schools()
    sheet = Sheet()
    sheet.aside("UAI (RNE)", "Nom", "Ville", "Qté")
    for school in schools:
        line = m.line(school, damage="none")
        other = m.chance.choice(schools)
        way = m.chance.randrange(5)
        code = (
            f'="{school.uai}"', f"RNE : {school.uai}", f"'{school.uai}", f"{school.uai} (ex {other.name[:10]})",
            f"{school.uai} / {other.uai}",
        )[way]  # fmt: skip
        truth = line.truth
        if way == 4 and other != school:  # noqa: PLR2004 - which of the two is the officer's to say
            truth = truth._replace(expected=Expected.OPEN)
        sheet.row(truth, code, *line.of(("directory_name", "directory_commune", "quantity")))
    return DamagedFile(
        name=m.name, filename="copie.csv", content=formats.delimited(sheet, encoding="cp1252"), rows=sheet.truth,
        columns={"uai": "UAI (RNE)", "name": "Nom", "commune": "Ville", "quantity": "Qté"}, header_rows=(1,),
    )  # fmt: skip


@damaged
def numbers_as_people_leave_them(m: Material) -> DamagedFile:
    """Every way to write a number of licences, and to leave it out; the last of them formulas without value."""
    sheet = Sheet("Volumes")
    sheet.aside("UAI", "Ecole", "Commune", "Nombre de licences")
    for school in m.schools():
        line = m.line(school, damage="none")
        number = m.chance.randint(1, 40)
        thousand = 1000 + number
        ways = (
            (number, number), (float(number), number), (f"{number} ", number), (f"{number} classes", number),
            (f"{thousand:,}".replace(",", " "), thousand), (f"{thousand:,}".replace(",", "\u202f"), thousand),
            (f"{number}.0", number), ("", None), ("#N/A", None), (writing.quantity(1, m.chance, faults=1).cell, None),
            (f"{number} licences", number), (Formula(f"{number}+1"), None), ("néant", None), ("-", None),
        )  # fmt: skip
        cell, meant = m.chance.choice(ways)
        sheet.row(line.truth._replace(quantity=meant), *line.of(("true_uai", "name", "commune")), cell)
    return DamagedFile(
        name=m.name, filename="volumes.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"uai": "UAI", "name": "Ecole", "commune": "Commune", "quantity": "Nombre de licences"},
        sheets=("Volumes",),
    )  # fmt: skip


@damaged
def totals_and_notes_everywhere(m: Material) -> DamagedFile:
    """Communes as titles of their group, sub-totals in every wording, repeated titles, notes and a signature below."""
    sheet = Sheet("Etat")
    titles = ("N° UAI", "Ecole", "Commune", "Nb classes", "Nb licences")
    sheet.aside("ÉTAT RÉCAPITULATIF")
    sheet.aside(*titles)
    wordings = ("Total {}", "S/Total {}", "SOUS-TOTAL {} :", "Sous total", "TOTAL {}", "Total commune de {}", "s/t {}")
    for commune, schools in m.communes(max(3, m.size // 8)):
        sheet.note(commune.upper())
        for school in schools:
            line = m.line(school)
            classes = m.chance.randint(1, 12)
            sheet.row(line.truth, *line.of(("uai", "name", "commune")), classes, line.cells["quantity"])
        sheet.note("", m.chance.choice(wordings).format(commune), "", 33, Formula("SUM(E3:E9)"))
        if m.chance.random() < 0.3:  # noqa: PLR2004
            sheet.note(*titles)
    sheet.note("TOTAL GENERAL", "", "", 331, 552)
    sheet.note("Nombre d'écoles :", 48)
    sheet.note("* écoles en réseau d'éducation prioritaire")
    sheet.note("", "Fait à Nîmes, le 12 mars 2026", "", "Le directeur de l'éducation")
    return DamagedFile(
        name=m.name, filename="etat.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(2,),
        columns={"uai": "N° UAI", "name": "Ecole", "commune": "Commune", "quantity": "Nb licences",
                 "classes": "Nb classes"},
        sheets=("Etat",),
    )  # fmt: skip


@damaged
def perimeter_with_contacts(m: Material) -> DamagedFile:
    """A portfolio list: titles abbreviated and misspelt, telephone numbers that became numbers."""
    sheet = Sheet("Périmètre")
    titles = {
        "N° RNE de l'étab.": "uai", "Etblt": "name", "Comune": "commune", "Cde postal": "postal_number",
        "Nom du directeur": "director", "Mél. dir.": "email", "Telephonne": "phone_number", "Nb cl.": "quantity",
    }  # fmt: skip
    sheet.aside("Écoles du ressort")
    sheet.aside(*titles)
    for school in m.schools():
        line = m.line(school)
        sheet.row(line.truth, *line.of(titles.values()))
    return DamagedFile(
        name=m.name, filename="périmètre.xlsx", content=formats.xlsx(sheet), rows=sheet.truth, header_rows=(2,),
        columns={"uai": "N° RNE de l'étab.", "name": "Etblt", "commune": "Comune", "postal_code": "Cde postal",
                 "email": "Mél. dir.", "quantity": "Nb cl."},
        sheets=("Périmètre",), purpose=Purpose.PERIMETRE,
    )  # fmt: skip


@damaged
def columns_of_several_years(m: Material) -> DamagedFile:
    """Three columns of licences, a year each: the officer chooses which one counts."""
    sheet = Sheet("Suivi")
    sheet.aside("Commune", "Ecole", "Code RNE", "Licences 2024-2025", "Licences 2025-2026", "Licences 2026-2027")
    for school in m.schools():
        line = m.line(school)
        past = (m.chance.randint(1, 9), m.chance.randint(1, 9))
        sheet.row(line.truth, *line.of(("commune", "name", "uai")), *past, line.cells["quantity"])
    return DamagedFile(
        name=m.name, filename="suivi.ods", content=formats.ods(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"uai": "Code RNE", "name": "Ecole", "commune": "Commune", "quantity": "Licences 2026-2027"},
        sheets=("Suivi",), quantity_column="Licences 2026-2027",
    )  # fmt: skip


@damaged
def titles_that_say_nothing(m: Material) -> DamagedFile:
    """The titles are letters or missing: a column of UAI is one whatever its title, and so is one of addresses."""
    sheet = Sheet("Feuil1")
    sheet.aside("A", "B", "C", "Réf.", "")
    for school in m.schools():
        line = m.line(school, damage="proven")
        sheet.row(line.truth, *line.of(("directory_name", "directory_commune", "postal", "uai", "email")))
    return DamagedFile(
        name=m.name, filename="sans titres.ods", content=formats.ods(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"uai": "Réf.", "email": ""}, sheets=("Feuil1",), quantity_for_all=2,
    )  # fmt: skip


@damaged
def name_and_commune_in_one_cell(m: Material) -> DamagedFile:
    """« EEPU Jean Jaurès – Nîmes » in one column: found or left, never mistaken."""
    sheet = Sheet()
    sheet.aside("Ecole (commune)", "Nb")
    for school in m.schools():
        line = m.named(school, place="commune", expected=Expected.OPEN)
        way = m.chance.choice(("{} – {}", "{} ({})", "{}, {}", "{} {}"))
        sheet.row(line.truth, way.format(line.cells["name"], line.cells["commune"]), line.cells["quantity"])
    return DamagedFile(
        name=m.name, filename="une colonne.csv", content=formats.delimited(sheet), rows=sheet.truth, header_rows=(1,),
        columns={"name": "Ecole (commune)", "quantity": "Nb"},
    )  # fmt: skip


@damaged
def type_and_name_apart(m: Material) -> DamagedFile:
    """The kind of the school in a column of its own, its name beside it, the département in front."""
    sheet = Sheet("Export")
    sheet.aside("Dépt", "Type", "Dénomination principale", "Code postal", "Localité", "Volume de licences")
    for school in m.schools():
        words = writing.proper(school.name)
        certain = m.directory.one_fits(school, place=school.place, kind_said=True)
        line = m.line(school, damage="none")
        truth = line.truth._replace(expected=Expected.NAMED if certain else Expected.OPEN)
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
