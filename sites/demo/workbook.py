"""Generator of a realistic spreadsheet from a town hall, mostly valid, with typical errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from openpyxl import Workbook

from sites.demo.directory import generate_schools

SheetRow = dict[str, str | int]


COMMUNE = "Nîmes"
ELIGIBLE_PREFIXES = ("École élémentaire", "École primaire")
HEADER = ("N° UAI", "École", "Nb de licences", "Adresse e-mail", "Observations")
SCHOOLS = 42
#: Licences of the first school, whose principal and teachers sign up in the demo.
FOLLOWED_SCHOOL_UNITS = 4
BLANK_AFTER = (9, 30)


def mistype_uai(uai: str) -> str:
    """Return the UAI with its last digit changed, so that its check letter is wrong."""
    return uai[:6] + str((int(uai[6]) + 1) % 10) + uai[7]


#: Index in the list → replaced cells. All but the last three can still be parsed.
ROW_ERRORS: dict[int, Callable[[SheetRow], SheetRow]] = {
    3: lambda line: {"N° UAI": str(line["N° UAI"]).removeprefix("0")},
    5: lambda line: {"N° UAI": str(line["N° UAI"]).lower()},
    8: lambda line: {"N° UAI": f" {str(line['N° UAI'])[:3]} {str(line['N° UAI'])[3:7]} {str(line['N° UAI'])[7:]} "},
    20: lambda _: {"Adresse e-mail": "direction.ecole@nimes-demo.example"},
    23: lambda line: {"Nb de licences": f"{line['Nb de licences']},0"},
    11: lambda line: {"N° UAI": mistype_uai(str(line["N° UAI"])), "Observations": "à vérifier"},
    14: lambda _: {"Adresse e-mail": "direction.ecole@@nimes", "Observations": "nouvelle adresse"},
    17: lambda _: {"Nb de licences": "trois"},
}


def list_eligible_schools() -> list[dict[str, str]]:
    """Return the schools of the commune with classes from CP to CM2, by UAI."""
    return [
        row
        for row in generate_schools()
        if row["Nom_commune"] == COMMUNE and row["Nom_etablissement"].startswith(ELIGIBLE_PREFIXES)
    ]


def _build_row(school: dict[str, str], units: int, comment: str = "") -> SheetRow:
    uai, name = school["Identifiant_de_l_etablissement"], school["Nom_etablissement"]
    return dict(zip(HEADER, (uai, name, units, "", comment), strict=True))


def write_workbook(path: Path) -> int:
    """Write the workbook; return the number of schools in it.

    A title and a blank row above the header row; then the errors above, blank rows, a duplicate school and a nursery
    school; a total at the end.
    """
    eligible = list_eligible_schools()[:SCHOOLS]
    nursery = next(
        row
        for row in generate_schools()
        if row["Nom_commune"] == COMMUNE and row["Nom_etablissement"].startswith("École maternelle")
    )
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Dotation 2026-2027"
    sheet.append(["Ville de Nîmes – Direction de l'éducation"])
    sheet.append(["Dotation en licences Pep's, année scolaire 2026-2027 (mise à jour du 12/11/2026)"])
    sheet.append([])
    sheet.append(HEADER)
    total = 0
    for index, school in enumerate(eligible):
        units = FOLLOWED_SCHOOL_UNITS if index == 0 else 2 + index % 4
        line = _build_row(school, units)
        line |= ROW_ERRORS[index](line) if index in ROW_ERRORS else {}
        sheet.append(list(line.values()))
        total += units
        if index in BLANK_AFTER:
            sheet.append([])
    sheet.append(list(_build_row(eligible[2], 4, "ajout du 12/11").values()))
    sheet.append(list(_build_row(nursery, 2).values()))
    sheet.append([])
    sheet.append(["TOTAL", "", total, "", ""])
    book.save(path)
    return len(eligible) + 1
