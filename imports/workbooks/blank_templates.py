"""Blank workbooks: titles that are recognised, validation of cells, and the schools of the portfolio.

Nothing in them is protected, and any other list can be imported as well.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.db.models import OuterRef, Subquery
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from collectivities.models import PortfolioSchool
from core.worksheet_cells import WRAPPED, build_cell, build_header, build_text_cell, save_to_bytes, set_widths
from imports.columns import LISTS_SHEET, NUMBER_COLUMNS, TEMPLATE_COLUMNS, Meaning
from imports.enums import Purpose
from imports.formats import limits
from licensing.pools.models import Allocation, Pool
from schools.wording import format_school_name

#: Maximum number of prefilled schools; a larger portfolio is not prefilled.
MAX_SCHOOLS = 5_000
SCHOOLS_SHEET = "Écoles"
#: Number of validated rows below the last school.
SPARE_ROWS = 1_000


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


def build_template(
    purpose: Purpose, schools: Sequence[Mapping[str, Any]], *, lot: str = "", left_out: int = 0
) -> bytes:
    """Return a workbook prefilled with these schools, as their values by the sources of the columns.

    `lot`: name of the chosen pool. `left_out`: size of the portfolio, if it is too large to be prefilled.
    """
    columns = _list_columns(purpose)
    book = Workbook(write_only=True)
    sheet: Any = book.create_sheet(SCHOOLS_SHEET)
    set_widths(sheet, [column.width for column in columns])
    for column in columns:
        sheet.column_dimensions[column.letter].number_format = "@" if column.is_text else "General"
    sheet.freeze_panes = "A2"
    sheet.append(build_header(sheet, [column.title for column in columns]))
    for school in schools:
        sheet.append([_cell(sheet, column, school.get(column.source)) for column in columns])
    last = min(len(schools) + 1 + SPARE_ROWS, limits.MAX_ROWS)
    for column in columns:
        if (rule := _rule(column, f"{column.letter}2", len(schools))) is not None:
            rule.add(f"{column.letter}2:{column.letter}{last}")
            sheet.data_validations.append(rule)
    _add_instructions(book, purpose, lot, left_out)
    if schools:
        offered: Any = book.create_sheet(LISTS_SHEET)
        offered.sheet_state = "hidden"
        for school in schools:
            offered.append([build_cell(offered, school["school_id"])])
    return save_to_bytes(book)


class _Column(NamedTuple):
    meaning: Meaning
    letter: str
    title: str
    width: int
    source: str

    @property
    def is_text(self) -> bool:
        # Codes and telephone numbers are texts: numbers would lose leading zeros.
        return self.meaning not in NUMBER_COLUMNS


def _list_columns(purpose: Purpose) -> list[_Column]:
    return [
        _Column(meaning, get_column_letter(number), column.title or meaning.label, column.width, column.source)
        for number, meaning in enumerate(TEMPLATE_COLUMNS[purpose], start=1)
        if (column := meaning.column.workbook) is not None
    ]


def _cell(sheet: Any, column: _Column, value: Any) -> Any:
    if not column.is_text:
        return value
    cell = build_text_cell(sheet, value) if value else WriteOnlyCell(sheet)
    cell.number_format = "@"
    return cell


def _rule(column: _Column, first: str, schools: int) -> DataValidation | None:
    """Return the validation rule of a column, or None. `first`: its first cell, for relative formulas."""
    options: dict[str, Any] = {"allow_blank": True, "showErrorMessage": True, "showInputMessage": True}
    if not column.is_text:
        what = "licences" if column.meaning is Meaning.UNITS else "classes"
        return DataValidation(
            type="whole", operator="between", formula1="1", formula2="999999", errorTitle=column.title,
            error=f"Indiquez un nombre entier de {what}, au moins 1, sans texte.", **options,
        )  # fmt: skip
    if column.meaning is Meaning.EMAIL:
        return DataValidation(
            type="custom",
            formula1=f'AND(ISNUMBER(FIND("@",{first})),ISNUMBER(FIND(".",{first},FIND("@",{first}))),'
            f'NOT(ISNUMBER(FIND(" ",{first}))))',
            errorTitle=column.title,
            error="Indiquez une seule adresse e-mail, de la forme nom@exemple.fr.",
            **options,
        )
    if column.meaning is Meaning.UAI and schools:
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
    schools = _schools(purpose, pool) if count <= MAX_SCHOOLS else []
    return build_template(purpose, schools, lot=pool.name if pool else "", left_out=count if count > MAX_SCHOOLS else 0)


def _schools(purpose: Purpose, pool: Pool | None) -> list[dict[str, Any]]:
    active_allocations = Allocation.objects.active().filter(
        pool_id=pool.pk if pool else 0, school_id=OuterRef("school_id")
    )
    rows = PortfolioSchool.objects.annotate(units=Subquery(active_allocations.values("units")[:1]))
    rows = rows.order_by("school__commune_folded", "school__name_folded", "school_id")
    sources = [column.source for column in _list_columns(purpose)]
    return [school | {"school__name": format_school_name(school["school__name"])} for school in rows.values(*sources)]
