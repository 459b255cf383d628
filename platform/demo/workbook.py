"""A workbook as a town hall really sends it: right for the most part, with the faults that such files have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpyxl import Workbook

from demo.directory import schools

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Line = dict[str, str | int]

COMMUNE = "Nîmes"
FIT = ("École élémentaire", "École primaire")
HEADER = ("N° UAI", "École", "Nb de licences", "Adresse e-mail", "Observations")
SCHOOLS = 42
#: How many licences the school gets whose principal and teachers the demonstration follows: the first of the list.
STORY_UNITS = 3
BLANK_AFTER = (9, 30)


def mistyped(uai: str) -> str:
    """Return the UAI with its last digit changed: the letter no longer agrees."""
    return uai[:6] + str((int(uai[6]) + 1) % 10) + uai[7]


#: Place in the list → what is odd about that line. All but the last three can be read all the same.
FAULTS: dict[int, Callable[[Line], Line]] = {
    3: lambda line: {"N° UAI": str(line["N° UAI"]).removeprefix("0")},
    5: lambda line: {"N° UAI": str(line["N° UAI"]).lower()},
    8: lambda line: {"N° UAI": f" {str(line['N° UAI'])[:3]} {str(line['N° UAI'])[3:7]} {str(line['N° UAI'])[7:]} "},
    20: lambda _: {"Adresse e-mail": "direction.ecole@nimes-demo.example"},
    23: lambda line: {"Nb de licences": f"{line['Nb de licences']},0"},
    11: lambda line: {"N° UAI": mistyped(str(line["N° UAI"])), "Observations": "à vérifier"},
    14: lambda _: {"Adresse e-mail": "direction.ecole@@nimes", "Observations": "nouvelle adresse"},
    17: lambda _: {"Nb de licences": "trois"},
}


def fit_schools() -> list[dict[str, str]]:
    """Return the schools of the commune that have classes from CP to CM2, in order of number."""
    return [row for row in schools() if row["Nom_commune"] == COMMUNE and row["Nom_etablissement"].startswith(FIT)]


def _line(school: dict[str, str], units: int, remark: str = "") -> Line:
    uai, name = school["Identifiant_de_l_etablissement"], school["Nom_etablissement"]
    return dict(zip(HEADER, (uai, name, units, "", remark), strict=True))


def write(path: Path) -> int:
    """Write the workbook; return how many schools it names.

    Above the table a banner and a blank row; in it the faults above, blank rows, a school named twice and a nursery
    school; below it a total.
    """
    named = fit_schools()[:SCHOOLS]
    nursery = next(
        row
        for row in schools()
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
    for place, school in enumerate(named):
        units = STORY_UNITS if place == 0 else 2 + place % 4
        line = _line(school, units)
        line |= FAULTS[place](line) if place in FAULTS else {}
        sheet.append(list(line.values()))
        total += units
        if place in BLANK_AFTER:
            sheet.append([])
    sheet.append(list(_line(named[2], 4, "ajout du 12/11").values()))
    sheet.append(list(_line(nursery, 2).values()))
    sheet.append([])
    sheet.append(["TOTAL", "", total, "", ""])
    book.save(path)
    return len(named) + 1
