"""The filter of the list of schools: what the portfolio's filter has, and what a school holds."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.text import slugify

from collectivities.models import PortfolioSchool
from collectivities.operations.portfolio import CONTACT_CHOICES, PortfolioFilter
from licensing.pools.wording import SchoolKey
from licensing.pools.year_use import SchoolHolding

#: Choices of « Licences ».
NONE, DORMANT, UNREACHED = "none", "dormant", "unreached"
_LICENCES = (
    (NONE, SchoolKey.NONE.value),
    (DORMANT, SchoolKey.NOT_REDEEMED.value),
    (UNREACHED, SchoolKey.UNDELIVERED.value),
)
#: Longest part of a file's name.
_MAX_SLUG = 40


def fits(licences: str, holding: SchoolHolding) -> bool:
    """Whether a school that holds this is of the choice; every school is of the empty one."""
    if licences == NONE:
        return not holding.units
    if licences == DORMANT:
        return holding.is_dormant
    return holding.is_unreached if licences == UNREACHED else True


def describe_year(last_day: datetime.date) -> str:
    """Return « 2026-2027 » for licences until 31 August 2027."""
    return f"{last_day.year - 1}-{last_day.year}"


class SchoolListFilter(PortfolioFilter):
    """Filter portfolio schools; `licences` and `year` are applied to what the schools hold, outside the database."""

    licences = django_filters.ChoiceFilter(label="Licences", empty_label="Toutes", choices=_LICENCES, method="keep")
    year = django_filters.ChoiceFilter(label="Année scolaire", empty_label=None, choices=[], method="keep")

    def __init__(
        self,
        data: Any,
        queryset: QuerySet[PortfolioSchool],
        *,
        years: Sequence[datetime.date],
        communes: Mapping[str, str],
    ) -> None:
        """Offer the communes, by code; and the years where there are several: the first unless another is chosen."""
        super().__init__(data, queryset)
        self._years, self._communes = years, communes
        self.filters["commune"].extra["choices"] = self.communes
        if len(years) > 1:
            self.filters["year"].extra["choices"] = [(str(day), describe_year(day)) for day in years]
        else:
            del self.filters["year"]

    def keep(self, rows: QuerySet[PortfolioSchool], name: str, value: str) -> QuerySet[PortfolioSchool]:
        """Leave the rows as they are."""
        return rows

    @property
    def last_day(self) -> datetime.date | None:
        """The last day of the licences that are shown; None where the office has none."""
        chosen = self._clean().get("year")
        return next((day for day in self._years if str(day) == chosen), self._years[0] if self._years else None)

    @property
    def communes(self) -> list[tuple[str, str]]:
        """Code and name of the communes to choose from."""
        return list(self._communes.items())

    @property
    def chosen_licences(self) -> str:
        """The choice of « Licences », or an empty text."""
        return self._clean().get("licences") or ""

    @property
    def narrows(self) -> bool:
        """Whether fewer schools than all those of the portfolio may be shown."""
        return any(value for name, value in self._clean().items() if name != "year")

    def name_commune(self, code: str) -> str:
        """Return the name of a commune of the choices."""
        return self._communes[code]

    def list_chosen(self, *names: str) -> dict[str, str]:
        """Return the values of these fields that are set."""
        cleaned = self._clean()
        return {name: cleaned[name] for name in names if cleaned.get(name)}

    def list_slugs(self) -> list[str]:
        """Return what the filter keeps, as parts of a file's name: « cle-non-activee », « nimes »."""
        chosen = self._clean()
        parts = [dict(_LICENCES).get(chosen.get("licences", ""), "")]
        if code := chosen.get("commune"):
            parts.append(self.name_commune(code))
        if chosen.get("contact"):
            parts.append(dict(CONTACT_CHOICES)[chosen["contact"]])
        parts.append(chosen.get("text", ""))
        if chosen.get("year"):
            parts.append(chosen["year"][:4])
        return [slug for part in parts if (slug := slugify(part)[:_MAX_SLUG].strip("-"))]

    def _clean(self) -> dict[str, Any]:
        return self.form.cleaned_data if self.form.is_valid() else {}
