"""Narrowing: the rows of one table by verdict, problem, sheet and words; the list of tables by what, who and when."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import urlencode

import django_filters
from django import forms
from django.db.models import Q

from accounts.models import User
from imports.enums import ImportState, Purpose, Verdict
from imports.models import Import
from licensing.pools.models import Pool
from schools.folding import fold
from schools.models import Fold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet

    from imports.queries import RowFilters

LONGEST_SEARCH = 100
#: The tabs that are no verdict: all rows, and those that wait for the member.
ALL_ROWS, TO_SETTLE = "toutes", "a-regler"


@dataclass(frozen=True)
class RowFilter:
    """Which rows of a table a page shows, and what acts on « toutes les lignes affichées » acts on."""

    #: A verdict, `TO_SETTLE`, or `ALL_ROWS`; "" leaves it to the page.
    tab: str = ""
    code: str = ""
    text: str = ""
    #: Index among the workbook's sheets; None for all.
    sheet: int | None = None
    #: Of a corrected file: only the rows that differ from what they were.
    altered: bool = False

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Self:
        """Return what a query or a form asks for; what means nothing is left out."""
        tab, sheet = asked.get("onglet", ""), asked.get("feuille", "")
        return cls(
            tab=tab if tab in (*Verdict.values, ALL_ROWS, TO_SETTLE) else "",
            code=asked.get("probleme", "")[:40],
            text=asked.get("q", "").strip()[:LONGEST_SEARCH],
            sheet=int(sheet) if sheet.isascii() and sheet.isdecimal() and len(sheet) < 6 else None,  # noqa: PLR2004
            altered=asked.get("modifiees") == "1",
        )

    def words(self) -> dict[str, str]:
        """Return the filter as a query or the hidden fields of a form hold it."""
        said = {
            "onglet": self.tab,
            "probleme": self.code,
            "q": self.text,
            "feuille": "" if self.sheet is None else str(self.sheet),
            "modifiees": "1" if self.altered else "",
        }
        return {name: word for name, word in said.items() if word}

    def query(self, **changes: Any) -> str:
        """Return the query of an address that shows these rows, with some of it changed; "" for all rows."""
        words = replace(self, **changes).words()
        return f"?{urlencode(words)}" if words else ""

    @property
    def narrows(self) -> bool:
        """Whether more than a tab was asked for."""
        return bool(self.code or self.text or self.altered or self.sheet is not None)

    def asked(self) -> RowFilters:
        """Return what `queries.rows` and the operations on many rows take."""
        return {
            "verdict": self.tab if self.tab in Verdict.values else "",
            "to_settle": self.tab == TO_SETTLE,
            "code": self.code,
            "text": self.text,
            "sheet": self.sheet,
            "altered": self.altered,
        }


def _lots() -> QuerySet[Pool]:
    return Pool.objects.filter(imports__isnull=False).distinct().order_by("-opened_at", "-pk")


def _people() -> list[tuple[int, str]]:
    ids = Import.objects.exclude(created_by_id=None).values_list("created_by_id", flat=True).distinct()
    people = User.objects.filter(pk__in=list(ids)).order_by("last_name", "first_name", "pk")
    return [(person.pk, str(person)) for person in people]


def _select() -> forms.Select:
    return forms.Select(attrs={"class": "form-select"})


def _day() -> forms.DateInput:
    return forms.DateInput(attrs={"type": "date", "class": "form-control"}, format="%Y-%m-%d")


class ImportFilter(django_filters.FilterSet):
    """The list of tables, by what they are for, what became of them, lot, who, when, and the file's name."""

    q = django_filters.CharFilter(
        label="Nom du fichier",
        method="with_words",
        widget=forms.TextInput(attrs={"type": "search", "class": "form-control"}),
    )
    purpose = django_filters.ChoiceFilter(label="But", choices=Purpose, empty_label="Tous", widget=_select())
    state = django_filters.ChoiceFilter(label="État", choices=ImportState, empty_label="Tous", widget=_select())
    pool = django_filters.ModelChoiceFilter(
        label="Lot", queryset=lambda _request: _lots(), empty_label="Tous", widget=_select()
    )
    who = django_filters.ChoiceFilter(
        label="Déposé par", field_name="created_by_id", choices=_people, empty_label="Tout le monde", widget=_select()
    )
    since = django_filters.DateFilter(
        label="Déposé à partir du", field_name="created_at", lookup_expr="date__gte", widget=_day()
    )
    until = django_filters.DateFilter(
        label="Déposé jusqu'au", field_name="created_at", lookup_expr="date__lte", widget=_day()
    )

    class Meta:
        model = Import
        fields: ClassVar = ["q", "purpose", "state", "pool", "who", "since", "until"]

    def with_words(self, queryset: QuerySet[Import], name: str, value: str) -> QuerySet[Import]:
        """Keep the files whose name has all the words, whatever the case."""
        condition = Q()
        for word in fold(value).split():
            condition &= Q(folded__contains=word)
        return queryset.annotate(folded=Fold("filename")).filter(condition)
