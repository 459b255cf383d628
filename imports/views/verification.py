"""« Vérification »: what the ticked rows come to, and one page of the rows that the filter lets through."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.urls import reverse

from imports import queries, wording
from imports.enums import Purpose, Verdict
from imports.filters import ALL_ROWS, TO_SETTLE, RowFilter
from imports.meanings import LABELS, Meaning
from imports.reading.columns import letters
from imports.verdicts.codes import LABELS as LABELS_OF_CODES
from imports.views import APPLIERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collectivities.access import OfficeRequest
    from imports.models import Import

PER_PAGE = 50


def filter_of(request: OfficeRequest) -> RowFilter:
    """Return the rows that a request is about, by its query or by its form."""
    return RowFilter.of(request.POST if request.method == "POST" else request.GET)


def shown(request: OfficeRequest, table: Import) -> dict[str, Any]:
    """Return what the whole page shows: the total, the tabs, the choices of the filter, one page of rows.

    Whoever asks for nothing in particular is shown what waits for a hand, where something does.
    """
    chosen = filter_of(request)
    to_settle = queries.rows(table, to_settle=True).count()
    if not chosen.tab:
        chosen = replace(chosen, tab=TO_SETTLE if to_settle and not chosen.narrows else ALL_ROWS)
    page = Paginator(queries.rows(table, **chosen.asked()), PER_PAGE).get_page(request.GET.get("page"))
    return summary(request, table, chosen, back=request.get_full_path(), to_settle=to_settle) | {
        "page_obj": page,
        "rows": page.object_list,
        "columns": columns_of(table),
        "problems": [(code, LABELS_OF_CODES.get(code, code), n) for code, n in queries.codes_of(table).items()],
    }


def summary(
    request: OfficeRequest, table: Import, chosen: RowFilter, *, back: str, to_settle: int | None = None
) -> dict[str, Any]:
    """Return what stays in view beside the rows: the counts, and what the ticked rows come to.

    `back`: the page of the list that the member sees, to which every correction returns.
    """
    counts = queries.counts_of([table.pk])[table.pk]
    if to_settle is None:
        to_settle = queries.rows(table, to_settle=True).count()
    return {
        "table": table,
        "gives": table.purpose == Purpose.ATTRIBUTION,
        "filter": chosen,
        "back": back,
        "opening": urlencode(chosen.words() | ({"retour": back} if back else {})),
        "tabs": _tabs(counts, to_settle, reverse("imports:detail", args=[table.pk]), chosen),
        "to_settle": to_settle,
        "total": sum(counts.values()),
        "errors": counts.get(Verdict.ERROR, 0),
        "tally": queries.tally(table),
        "sheets": sheets_of(table),
        "may_apply": bool(APPLIERS.roles & set(request.member.roles)),
    }


def _tabs(counts: Mapping[str, int], to_settle: int, address: str, chosen: RowFilter) -> list[dict[str, Any]]:
    """Return the tabs; a tab shows all its rows, whatever problem was filtered by: the search stays."""
    tabs = [(TO_SETTLE, "À régler", to_settle)]
    tabs += [(verdict.value, label, counts.get(verdict, 0)) for verdict, label in wording.TABS.items()]
    tabs.append((ALL_ROWS, "Toutes", sum(counts.values())))
    return [
        {"label": label, "count": count, "url": address + chosen.query(tab=tab, code=""), "current": chosen.tab == tab}
        for tab, label, count in tabs
    ]


def sheets_of(table: Import) -> list[tuple[int, str]]:
    """Return the sheets that were read, index and name; none where there is but one, which needs no telling."""
    names, read = table.layout.get("sheets", []), table.layout.get("read", [])
    return [(region["sheet"], names[region["sheet"]]) for region in read] if len(read) > 1 else []


def columns_of(table: Import) -> list[tuple[str, str, str]]:
    """Return what was read as what: label, title, column."""
    titles = table.layout.get("titles", [])
    return [
        (LABELS[Meaning(meaning)], titles[index] or "sans titre", letters(index))
        for meaning, index in table.layout.get("columns", {}).items()
    ]
