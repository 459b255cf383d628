"""Filters for the rows of an import, and for the list of imports."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self
from urllib.parse import urlencode

import django_filters
from django import forms
from django.db.models import Q, QuerySet

from accounts.models import User
from core.foreign_values import cut_search
from imports.concerns import Concern
from imports.enums import REQUESTED, REQUESTED_LABEL, ImportState, Purpose, RemarkState, Verdict
from imports.models import SpreadsheetImport
from imports.queries import REMARK_CODES, RowQuery
from licensing.pools.models import Pool
from schools.folding import fold
from schools.models import Fold

MAX_SEARCH_LENGTH = 100
#: Tabs that are no verdict: all rows, and those that need a decision.
ALL_ROWS, TO_RESOLVE = "toutes", "a-regler"
#: The states of imports to choose from: those that a manager is asked to apply are none of the checked ones.
_STATE_CHOICES = [
    choice
    for value, label in ImportState.choices
    for choice in ([(value, label), (REQUESTED, REQUESTED_LABEL)] if value == ImportState.CHECKED else [(value, label)])
]


@dataclass(frozen=True)
class RowFilter:
    """Filter of the rows shown, which is also the scope of bulk actions."""

    #: A verdict, `TO_RESOLVE`, or `ALL_ROWS`; "" for the default tab of the page.
    tab: str = ""
    #: The remark of the rows, "" for none, in a state of `RemarkState`; without state, rows of all remarks.
    remark: str = ""
    state: str = ""
    #: Of the rows of a remark, those that are set apart for one reason; "" for all.
    reason: str = ""
    text: str = ""
    #: Index of the sheet in the workbook; None for all.
    sheet: int | None = None
    #: Only rows of a corrected file that differ from the file it corrects.
    altered: bool = False
    #: What a manager looks at before confirming.
    concern: Concern | None = None
    #: Whether rows that share a remark are shown one by one. Bulk actions take them in either case.
    one_by_one: bool = False
    #: Codes of the remarks that the page tells above the rows, and not in each of them.
    codes_above: frozenset[str] = frozenset()

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Self:
        """Parse the filter from query or form parameters; invalid values are ignored."""
        tab, sheet = parameters.get("onglet", ""), parameters.get("feuille", "")
        state = parameters.get("etat", "") if parameters.get("etat") in RemarkState.values else ""
        return cls(
            tab=tab if tab in (*Verdict.values, ALL_ROWS, TO_RESOLVE) else "",
            remark=parameters.get("remarque", "")[:40].replace("\0", "") if state else "",
            state=state,
            reason=parameters.get("raison", "") if state else "",
            text=parameters.get("q", "").strip()[:MAX_SEARCH_LENGTH],
            sheet=int(sheet) if sheet.isascii() and sheet.isdecimal() and len(sheet) < 6 else None,  # noqa: PLR2004
            altered=parameters.get("modifiees") == "1",
            concern=next((one for one in Concern if one == parameters.get("a_voir")), None),
            one_by_one=parameters.get("une_a_une") == "1",
            codes_above=frozenset(parameters.get("au_dessus", "").split(",")).intersection(REMARK_CODES),
        )

    def words(self) -> dict[str, str]:
        """Return the filter as query parameters or hidden form fields."""
        values = {
            "onglet": self.tab,
            "remarque": self.remark,
            "etat": self.state,
            "raison": self.reason,
            "q": self.text,
            "feuille": "" if self.sheet is None else str(self.sheet),
            "modifiees": "1" if self.altered else "",
            "a_voir": self.concern or "",
            "une_a_une": "1" if self.one_by_one else "",
            "au_dessus": ",".join(sorted(self.codes_above)),
        }
        return {name: word for name, word in values.items() if word}

    def query(self, **changes: Any) -> str:
        """Return the query string of this filter with `changes` applied; "" for all rows."""
        words = replace(self, **changes).words()
        return f"?{urlencode(words)}" if words else ""

    @property
    def narrows(self) -> bool:
        """Whether anything but the tab is filtered."""
        return bool(self.state or self.text or self.altered or self.concern or self.sheet is not None)

    def as_row_query(self) -> RowQuery:
        """Return the keyword arguments of `queries.filter_rows` and of bulk operations."""
        return {
            "verdict": self.tab if self.tab in Verdict.values else "",
            "to_resolve": self.tab == TO_RESOLVE,
            "remark": self.remark,
            "state": self.state,
            "reason": self.reason,
            "text": self.text,
            "sheet": self.sheet,
            "altered": self.altered,
            "concern": self.concern,
        }


def _pools() -> QuerySet[Pool]:
    return Pool.objects.filter(imports__isnull=False).distinct().order_by("-opened_at", "-pk")


def _people() -> list[tuple[int, str]]:
    ids = SpreadsheetImport.objects.exclude(created_by_id=None).values_list("created_by_id", flat=True).distinct()
    people = User.objects.filter(pk__in=list(ids)).order_by("last_name", "first_name", "pk")
    return [(person.pk, str(person)) for person in people]


def _select_widget() -> forms.Select:
    return forms.Select(attrs={"class": "form-select"})


def _date_widget() -> forms.DateInput:
    return forms.DateInput(attrs={"type": "date", "class": "form-control"}, format="%Y-%m-%d")


class ImportFilter(django_filters.FilterSet):
    """Filter the list of imports by purpose, state, pool, author, date and file name."""

    q = django_filters.CharFilter(
        label="Nom du fichier",
        method="with_words",
        widget=forms.TextInput(attrs={"type": "search", "class": "form-control"}),
    )
    purpose = django_filters.ChoiceFilter(label="But", choices=Purpose, empty_label="Tous", widget=_select_widget())
    state = django_filters.ChoiceFilter(
        label="État", choices=_STATE_CHOICES, empty_label="Tous", method="with_state", widget=_select_widget()
    )
    pool = django_filters.ModelChoiceFilter(
        label="Lot", queryset=lambda _request: _pools(), empty_label="Tous", widget=_select_widget()
    )
    who = django_filters.ChoiceFilter(
        label="Déposé par",
        field_name="created_by_id",
        choices=_people,
        empty_label="Tout le monde",
        widget=_select_widget(),
    )
    since = django_filters.DateFilter(
        label="Déposé à partir du", field_name="created_at", lookup_expr="date__gte", widget=_date_widget()
    )
    until = django_filters.DateFilter(
        label="Déposé jusqu'au", field_name="created_at", lookup_expr="date__lte", widget=_date_widget()
    )

    class Meta:
        model = SpreadsheetImport
        fields: ClassVar = ["q", "purpose", "state", "pool", "who", "since", "until"]

    def with_state(self, queryset: QuerySet[SpreadsheetImport], name: str, value: str) -> QuerySet[SpreadsheetImport]:
        """Keep imports in this state: those that a manager is asked to apply are none of the checked ones."""
        if value not in (ImportState.CHECKED, REQUESTED):
            return queryset.filter(state=value)
        return queryset.filter(state=ImportState.CHECKED, requested_at__isnull=value != REQUESTED)

    def with_words(self, queryset: QuerySet[SpreadsheetImport], name: str, value: str) -> QuerySet[SpreadsheetImport]:
        """Keep imports whose file name contains all words, case- and accent-insensitively."""
        condition = Q()
        for word in fold(cut_search(value)).split():
            condition &= Q(folded__contains=word)
        return queryset.annotate(folded=Fold("filename")).filter(condition)
