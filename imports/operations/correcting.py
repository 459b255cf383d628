"""A corrected file comes back: it is read as it was the first time, without anything being asked again.

What was decided about its rows is carried over by `carrying`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Q

from imports.enums import ImportState
from imports.meanings import ADDED_TITLES, Meaning, is_added
from imports.models import Import
from imports.operations.locking import READ_TASK, queue
from imports.workbooks import provenance
from imports.workbooks.writing import sheet_name
from schools.folding import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imports.reading.table import Table


def earlier_of(content: bytes, *, purpose: str, pool_id: int | None) -> tuple[Import | None, int | None]:
    """Return the import that a file corrects, as the file itself says, and the column (from 0) of the choices.

    None where it says nothing, or comes from another lot: then it is a file like any other.
    """
    found = provenance.read(content, connection.schema_name)  # type: ignore[attr-defined]
    if found is None:
        return None, None
    earlier = Import.objects.filter(Q(pool_id=pool_id), pk=found.import_id, purpose=purpose).first()
    return earlier, found.choice if earlier else None


def choices_from(earlier: Import, choice: int | None) -> dict[str, Any]:
    """Return how the corrected file of an import is to be read: as that one was."""
    layout = earlier.layout
    regions = layout.get("read", [])
    names = [sheet_name(name, number) for number, name in enumerate(layout.get("sheets", []), start=1)]
    columns: dict[str, int | None] = {meaning.value: layout["columns"].get(meaning.value) for meaning in Meaning}
    if choice is None:
        # Found by its title.
        del columns[Meaning.CHOICE]
    else:
        columns[Meaning.CHOICE] = choice
    return {
        "sheets": [names[region["sheet"]] for region in regions] or None,
        # Sheets that are read together each have their own.
        "header_row": (regions[0]["header_row"] or 0) if len(regions) == 1 else earlier.choices.get("header_row"),
        "columns": columns,
        "carried": True,
    }


def take_over(table: Import, earlier: Import, choice: int | None = None) -> None:
    """Let an import correct another, read as that one was; saving it is the caller's."""
    table.corrects_id = earlier.pk
    if earlier.layout.get("columns"):
        table.choices = choices_from(earlier, choice)
    table.volume = table.volume or earlier.volume or earlier.layout.get("volume") or ""
    if table.units_for_all is None:
        table.units_for_all = earlier.units_for_all


def lock_with_earlier(import_id: int) -> Import:
    """Lock an import, and the one that it corrects: in the order of their numbers, as everybody does."""
    table = Import.objects.get(pk=import_id)
    earlier = _latest(table)
    found = {one.pk: one for one in Import.objects.locked().filter(pk__in=[import_id, earlier.pk if earlier else 0])}
    table = found[import_id]
    if earlier is not None and table.state == ImportState.UPLOADED:
        table.corrects_id = earlier.pk
    return table


def _latest(table: Import) -> Import | None:
    """Return the last of the files that corrected one another, before this one."""
    earlier = Import.objects.filter(pk=table.corrects_id).first() if table.corrects_id else None
    while earlier is not None:
        later = (
            Import.objects.filter(corrects_id=earlier.pk, pk__lt=table.pk)
            .exclude(state__in=[ImportState.UPLOADED, ImportState.REJECTED])
            .order_by("pk")
            .last()
        )
        if later is None:
            return earlier
        earlier = later
    return None


def read_otherwise(table: Import, read: Table) -> bool:
    """Have a corrected file read once more where its columns moved, or where only its titles say what it corrects.

    Returns whether it will be: then nothing of this reading is kept.
    """
    if table.corrects_id is None:
        earlier = _by_titles(table, read)
        if earlier is None:
            return False
        take_over(table, earlier)
    elif table.choices.get("carried"):
        earlier = Import.objects.get(pk=table.corrects_id)
        if _own(read.titles) == _own(earlier.layout.get("titles", [])):
            return False
        table.choices = _moved(earlier, read)
    else:
        return False
    table.save(update_fields=["corrects_id", "choices", "volume", "units_for_all"])
    queue(READ_TASK, table)
    return True


def read_afresh(table: Import) -> bool:
    """Have a corrected file read without what was taken over, where it cannot be read with it; return whether."""
    if not table.choices.get("carried"):
        return False
    table.choices = {}
    table.save(update_fields=["choices"])
    queue(READ_TASK, table)
    return True


def _by_titles(table: Import, read: Table) -> Import | None:
    """Return the import whose annotated workbook this is, where the mark was lost and our titles are there."""
    if {fold(title) for title in ADDED_TITLES} - {fold(title) for title in read.titles} or not read.shape:
        return None
    return (
        Import.objects.filter(
            Q(pool_id=table.pool_id),
            purpose=table.purpose,
            layout__shape=read.shape,
            annotated__made_at__isnull=False,
        )
        .exclude(pk__gte=table.pk)
        .order_by("pk")
        .last()
    )


def _own(titles: Sequence[str]) -> list[str]:
    own = [fold(title) for title in titles if not is_added(title)]
    while own and not own[-1]:
        own.pop()
    return own


def _moved(earlier: Import, read: Table) -> dict[str, Any]:
    """Return choices for a file whose columns moved: each where its title now stands; none where that is unsure."""
    before = earlier.layout.get("titles", [])
    columns: dict[str, int] = {}
    for meaning, index in earlier.layout["columns"].items():
        title = fold(before[index]) if index < len(before) else ""
        places = [place for place, now in enumerate(read.titles) if title and fold(now) == title]
        if meaning != Meaning.CHOICE and len(places) != 1:
            return {}
        if places:
            columns[meaning] = places[0]
    return {key: earlier_choice for key, earlier_choice in choices_from(earlier, None).items() if key != "carried"} | {
        "columns": columns
    }
