"""Blank workbooks: titles that are recognised, validation of cells, and the schools of the portfolio.

Nothing in them is protected, and any other list can be imported as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db.models import OuterRef, Subquery
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.worksheet.datavalidation import DataValidation

from collectivities.models import PortfolioSchool
from core.spreadsheets import WRAPPED, build_cell, build_header, build_text_cell, save_to_bytes, set_widths
from imports.enums import Purpose
from imports.formats import limits
from imports.meanings import LISTS_SHEET
from licensing.pools.models import Allocation, Pool
from schools.wording import format_school_name

#: Maximum number of prefilled schools; a larger portfolio is not prefilled.
MAX_SCHOOLS = 5_000
SCHOOLS_SHEET = "Écoles"
#: Number of validated rows below the last school.
SPARE_ROWS = 1_000


class KnownSchool(NamedTuple):
    """A school of the portfolio."""

    uai: str
    name: str
    commune: str
    contact_name: str
    email: str
    phone: str
    classes: int | None
    #: Licences held from the pool.
    units: int | None


class _Column(NamedTuple):
    title: str
    width: int
    field: str
    #: Codes and telephone numbers are texts: numbers would lose leading zeros.
    text: bool = True


_UAI = _Column("UAI", 12, "uai")
_NAME = _Column("Nom de l'école", 44, "name")
_COMMUNE = _Column("Commune", 26, "commune")
_EMAIL = _Column("Adresse e-mail", 40, "email")
_CLASSES = _Column("Nombre de classes", 12, "classes", text=False)
_UNITS = _Column("Nombre de licences", 12, "units", text=False)
_CONTACT = _Column("Nom du contact", 28, "contact_name")
_PHONE = _Column("Téléphone", 18, "phone")
TEMPLATE_COLUMNS = {
    Purpose.ALLOCATION: (_UAI, _NAME, _COMMUNE, _UNITS, _CLASSES, _EMAIL),
    Purpose.PORTFOLIO: (_UAI, _NAME, _COMMUNE, _CONTACT, _EMAIL, _PHONE, _CLASSES),
}
_INSTRUCTIONS = {
    Purpose.ALLOCATION: (
        "Une ligne par école, dans la feuille « Écoles ».",
        (
            "UAI : le code de l'école, sept chiffres et une lettre (0301234D). À défaut, son nom et sa commune "
            "suffisent souvent : vous confirmerez."
        ),
        (
            "Nombre de licences : ce que l'école doit avoir en tout de ce lot, une licence par classe. Une école qui "
            "en a déjà reçu garde sa clé, et n'en reçoit que la différence."
        ),
        (
            "Adresse e-mail : facultative. Sans elle, nous écrivons au contact de votre périmètre, ou à l'adresse "
            "officielle de l'école."
        ),
        "Supprimez les lignes des écoles qui n'ont rien à recevoir.",
    ),
    Purpose.PORTFOLIO: (
        "Une ligne par école de votre périmètre, dans la feuille « Écoles ».",
        (
            "UAI : le code de l'école, sept chiffres et une lettre (0301234D). À défaut, son nom et sa commune "
            "suffisent souvent : vous confirmerez."
        ),
        (
            "Contact, adresse e-mail et téléphone : la personne à qui vous écrivez dans cette école. Une case vide "
            "laisse ce que votre périmètre dit déjà."
        ),
        "Nombre de classes : celles du CP au CM2. Il aide à voir les nombres de licences invraisemblables.",
    ),
}
_COMMON_INSTRUCTIONS = (
    "Vous pouvez ajouter des colonnes, les déplacer, ou déposer la liste que vous avez déjà : elle est lue aussi.",
    "Déposez ensuite ce classeur sur la page « Imports ». Rien n'est fait avant que vous ne l'ayez vérifié.",
)


def build_template(purpose: Purpose, schools: Sequence[KnownSchool], *, lot: str = "", left_out: int = 0) -> bytes:
    """Return a workbook prefilled with these schools.

    `lot`: name of the chosen pool. `left_out`: size of the portfolio, if it is too large to be prefilled.
    """
    columns = TEMPLATE_COLUMNS[purpose]
    book = Workbook(write_only=True)
    sheet: Any = book.create_sheet(SCHOOLS_SHEET)
    set_widths(sheet, [column.width for column in columns])
    for letter, column in zip("ABCDEFG", columns, strict=False):
        sheet.column_dimensions[letter].number_format = "@" if column.text else "General"
    sheet.freeze_panes = "A2"
    sheet.append(build_header(sheet, [column.title for column in columns]))
    for school in schools:
        sheet.append([_cell(sheet, column, getattr(school, column.field)) for column in columns])
    last = min(len(schools) + 1 + SPARE_ROWS, limits.MAX_ROWS)
    for rule in _rules(columns, last, len(schools)):
        sheet.data_validations.append(rule)
    _add_instructions(book, purpose, lot, left_out)
    if schools:
        offered: Any = book.create_sheet(LISTS_SHEET)
        offered.sheet_state = "hidden"
        for school in schools:
            offered.append([build_cell(offered, school.uai)])
    return save_to_bytes(book)


def _cell(sheet: Any, column: _Column, value: Any) -> Any:
    if not column.text:
        return value
    cell = build_text_cell(sheet, value) if value else WriteOnlyCell(sheet)
    cell.number_format = "@"
    return cell


def _rules(columns: Sequence[_Column], last: int, schools: int) -> list[DataValidation]:
    rules = []
    for letter, column in zip("ABCDEFG", columns, strict=False):
        rule = _rule(column, f"{letter}2", schools)
        if rule is not None:
            rule.add(f"{letter}2:{letter}{last}")
            rules.append(rule)
    return rules


def _rule(column: _Column, first: str, schools: int) -> DataValidation | None:
    """Return the validation rule of a column, or None. `first`: its first cell, for relative formulas."""
    options: dict[str, Any] = {"allow_blank": True, "showErrorMessage": True, "showInputMessage": True}
    if column.field in ("units", "classes"):
        what = "licences" if column.field == "units" else "classes"
        return DataValidation(
            type="whole", operator="between", formula1="1", formula2="999999", errorTitle=column.title,
            error=f"Indiquez un nombre entier de {what}, au moins 1, sans texte.", **options,
        )  # fmt: skip
    if column.field == "email":
        return DataValidation(
            type="custom",
            formula1=f'AND(ISNUMBER(FIND("@",{first})),ISNUMBER(FIND(".",{first},FIND("@",{first}))),'
            f'NOT(ISNUMBER(FIND(" ",{first}))))',
            errorTitle=column.title,
            error="Indiquez une seule adresse e-mail, de la forme nom@exemple.fr.",
            **options,
        )
    if column.field == "uai" and schools:
        return DataValidation(
            type="list",
            formula1=f"{LISTS_SHEET}!$A$1:$A${schools}",
            # Warning only: a school outside the portfolio is allowed.
            errorStyle="warning",
            errorTitle="UAI",
            error="Cet UAI n'est pas dans votre périmètre. Le garder quand même ?",
            **options,
        )
    return None


def _add_instructions(book: Workbook, purpose: Purpose, lot: str, left_out: int) -> None:
    sheet: Any = book.create_sheet("Mode d'emploi")
    set_widths(sheet, [110])
    title = "Attribuer des licences" if purpose is Purpose.ALLOCATION else "Mettre à jour le périmètre"
    sheet.append(build_header(sheet, [f"{title} : lot « {lot} »" if lot else title]))
    sentences = list(_INSTRUCTIONS[purpose] + _COMMON_INSTRUCTIONS)
    if left_out:
        sentences.append(
            f"Votre périmètre compte {left_out} écoles : au-delà de {MAX_SCHOOLS}, elles ne sont pas écrites d'avance."
        )
    for sentence in sentences:
        cell = build_text_cell(sheet, sentence)
        cell.alignment = WRAPPED
        sheet.append([cell])


def build_starter_workbook(purpose: Purpose, pool: Pool | None) -> bytes:
    """Return the prefilled workbook for this purpose; `pool`: the pool whose licences are shown."""
    count = PortfolioSchool.objects.count()
    schools = _schools(pool) if count <= MAX_SCHOOLS else []
    return build_template(purpose, schools, lot=pool.name if pool else "", left_out=count if count > MAX_SCHOOLS else 0)


def _schools(pool: Pool | None) -> list[KnownSchool]:
    active_allocations = Allocation.objects.active().filter(
        pool_id=pool.pk if pool else 0, school_id=OuterRef("school_id")
    )
    rows = (
        PortfolioSchool.objects.annotate(units=Subquery(active_allocations.values("units")[:1]))
        .order_by("school__commune_folded", "school__name_folded", "school_id")
        .values_list(
            "school_id",
            "school__name",
            "school__commune",
            "contact_name",
            "contact_email",
            "contact_phone",
            "classes",
            "units",
        )
    )
    return [
        KnownSchool(uai, format_school_name(name), commune, contact, email, phone, classes, units)
        for uai, name, commune, contact, email, phone, classes, units in rows
    ]
