"""Filters of the list of allocations: pool, situation, commune and free text."""

import datetime
from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import Any, ClassVar

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone

from core.calendar import date_in_paris
from core.foreign_values import cut_search
from core.formatting import format_school_year
from core.models import GatheredValues
from core.registry import Registry
from licensing.entitlements.queries import get_school_year
from licensing.pools import queries
from licensing.pools.models import DORMANT_FOR, Allocation, Pool
from licensing.pools.queries import AnnotatedAllocation, Situation
from schools.folding import split_words
from schools.uai import is_valid, normalise

asking_queries: Registry[Callable[[], GatheredValues]] = Registry("query of schools that ask")


def build_asking_condition() -> Q:
    """Return the condition that a request of an allocation's school waits for the current collectivity. One query."""
    return reduce(or_, (Q(school__in_array=read()) for read in asking_queries.values()))


#: Days after its sending from which an unredeemed key is due for a reminder.
DORMANT_DAYS = 15

#: Choices that no single situation answers to.
NOT_REDEEMED, DORMANT, HELD, REACHED, UNUSED = "issued", "dormant", "held", "reached", "unused"
#: The choice of what home and the letters call « e-mail en échec ».
LOST = Situation.UNDELIVERED.value
_SITUATIONS = (
    (NOT_REDEEMED, "Non activée"),
    (DORMANT, f"Non activée {DORMANT_DAYS} jours après l'envoi"),
    *Situation.choices,
    (UNUSED, f"Activée depuis {DORMANT_FOR.days} jours, avec des licences inutilisées"),
    (REACHED, "Remise ou activée"),
    (HELD, "E-mail retenu"),
)
#: The choice of all school years, where some are past and others not.
ALL_YEARS = "all"
#: What is asked of one lot or import, or is past by nature, is not limited to the years that run.
_WHATEVER_YEAR = ("pool", "import")
#: Name of the filter in addresses kept from before, and its value that is called otherwise now.
_FORMER_NAME, _FORMER_LOST = "state", "lost"


def build_parameters(query: QueryDict) -> QueryDict:
    """Return the parameters of the list, with those of addresses kept from before under their present names."""
    if _FORMER_NAME not in query:
        return query
    parameters = query.copy()
    former = parameters.pop(_FORMER_NAME)[-1]
    parameters.setdefault("situation", LOST if former == _FORMER_LOST else former)
    return parameters


def _list_communes() -> list[tuple[str, str]]:
    communes = Allocation.objects.order_by("school__commune_folded").values_list("school__commune", flat=True)
    return [(commune, commune) for commune in dict.fromkeys(communes.distinct()) if commune]


_SELECT = forms.Select(attrs={"class": "form-select"})


class AllocationFilter(django_filters.FilterSet):
    """Filters of the list. Those revoked, given back or of past years are shown only if they are asked for."""

    q = django_filters.CharFilter(
        label="École, commune, UAI ou adresse",
        method="with_words",
        widget=forms.TextInput(attrs={"type": "search", "class": "form-control"}),
    )
    # Its choices are set in __init__.
    pool = django_filters.ChoiceFilter(label="Lot", choices=(), empty_label="Tous les lots", widget=_SELECT)
    situation = django_filters.ChoiceFilter(
        label="État",
        choices=_SITUATIONS,
        empty_label="Tous, sauf reprises et rendues",
        method="in_situation",
        widget=_SELECT,
    )
    # Its choices are set in __init__.
    year = django_filters.ChoiceFilter(
        label="Année scolaire", choices=(), empty_label="Toutes les années", method="in_year", widget=_SELECT
    )
    commune = django_filters.ChoiceFilter(
        label="Commune",
        field_name="school__commune",
        choices=_list_communes,
        empty_label="Toutes les communes",
        widget=_SELECT,
    )

    class Meta:
        model = Allocation
        fields: ClassVar = ["q", "pool", "situation", "year", "commune"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Build the filter, of years only where there are several. Reads the pools, which its page needs too: once."""
        super().__init__(*args, **kwargs)
        found = list(Pool.objects.prefetch_related("entitlement").order_by("-opened_at"))
        self.pools = [(pool.pk, pool.name) for pool in found]
        self.filters["pool"].extra["choices"] = self.pools
        self._entitlements = [pool.entitlement for pool in found]
        last_days = {entitlement.last_day for entitlement in self._entitlements}
        years = sorted({get_school_year(last_day) for last_day in last_days})
        today = date_in_paris(timezone.now())
        # Beside a year that runs or is to come: an office that has only past ones reads those.
        self.has_past_years = len({last_day < today for last_day in last_days}) > 1
        if len(years) > 1:
            choices = [(str(year), format_school_year(year)) for year in years]
            if self.has_past_years:
                choices.append((ALL_YEARS, "Toutes les années"))
                self.filters["year"].extra["empty_label"] = "Sans les années passées"
            self.filters["year"].extra["choices"] = choices
        else:
            del self.filters["year"]

    @classmethod
    def get_filters(cls) -> dict[str, django_filters.Filter]:
        """Return the filters, with that of the import: its name cannot be an attribute."""
        by_import = django_filters.NumberFilter(field_name="import_id", min_value=1, widget=forms.HiddenInput)
        return super().get_filters() | {"import": by_import}

    @property
    def is_of_import(self) -> bool:
        """Whether only the allocations that one import created are listed."""
        return self.form.is_bound and self.form.is_valid() and self.form.cleaned_data["import"] is not None

    @property
    def hides_past_years(self) -> bool:
        """Whether those of past years are left out, as nothing that was asked for is of them."""
        asked = self.form.cleaned_data if self.form.is_bound and self.form.is_valid() else {}
        return (
            self.has_past_years
            and not asked.get("year")
            and not any(asked.get(name) for name in _WHATEVER_YEAR)
            and asked.get("situation") != Situation.EXPIRED
        )

    @property
    def qs(self) -> QuerySet[AnnotatedAllocation]:
        """Return the filtered queryset; without a selected situation, all but the revoked and those given back."""
        filtered: QuerySet[AnnotatedAllocation] = super().qs
        if self.hides_past_years:
            today = date_in_paris(timezone.now())
            filtered = filtered.filter(
                pool__entitlement__in=[one.pk for one in self._entitlements if one.last_day >= today]
            )
        selected = self.form.cleaned_data.get("situation") if self.form.is_bound and self.form.is_valid() else ""
        return filtered if selected else filtered.filter(revoked_at__isnull=True, units__gt=0)

    def in_situation(
        self, queryset: QuerySet[AnnotatedAllocation], name: str, value: str
    ) -> QuerySet[AnnotatedAllocation]:
        """Filter by situation, or by what the e-mails and the days say."""
        now = timezone.now()
        # Only here: to count and to order 10,000 needs neither their keys nor their lots.
        queryset = queries.annotate_state(queryset, date_in_paris(now))
        if value == REACHED:
            return queries.filter_delivered(date_in_paris(now), queryset)
        if value == NOT_REDEEMED:
            return queries.filter_not_redeemed(queryset)
        if value == DORMANT:
            return queries.filter_not_redeemed_since(now - datetime.timedelta(days=DORMANT_DAYS), queryset)
        if value == UNUSED:
            dormant = Allocation.objects.dormant(now).exclude(build_asking_condition())
            return queries.filter_unused(queryset).filter(pk__in=dormant.values("pk"))
        if value == HELD:
            return queries.filter_held_email(queryset)
        return queries.filter_situation(Situation(value), queryset)

    def in_year(self, queryset: QuerySet[AnnotatedAllocation], name: str, value: str) -> QuerySet[AnnotatedAllocation]:
        """Filter by the school year of the licences."""
        if value == ALL_YEARS:
            return queryset
        of_year = [one.pk for one in self._entitlements if get_school_year(one.last_day) == int(value)]
        return queryset.filter(pool__entitlement__in=of_year)

    def with_words(
        self, queryset: QuerySet[AnnotatedAllocation], name: str, value: str
    ) -> QuerySet[AnnotatedAllocation]:
        """Filter by UAI, by all the words of the school (folded), or by part of the e-mail address."""
        value = cut_search(value)
        code = normalise(value)
        if is_valid(code):
            return queryset.filter(school_id=code)
        condition = Q()
        for word in split_words(value):
            condition &= Q(school__search_text__contains=word)
        return queryset.filter(condition | Q(recipient__icontains=value))
