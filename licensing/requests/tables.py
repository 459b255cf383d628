"""The table of the office's requests."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import django_tables2 as tables

from licensing.requests.models import LicenceRequest
from licensing.requests.preview import HeldLicences
from licensing.requests.queries import get_state
from licensing.requests.school_years import format_school_year
from web.figure_column import FigureColumn


class LicenceRequestTable(tables.Table):
    """Requests that wait: what each school asks, what it has, and how many licences to give it."""

    pick = tables.TemplateColumn(
        template_name="requests/_pick.html", verbose_name="Choisir", orderable=False, attrs={"td": {"class": "tick"}}
    )
    school = tables.TemplateColumn(
        template_name="requests/_school.html", verbose_name="Établissement", order_by=("school__name_folded",)
    )
    school_year = tables.Column(verbose_name="Année scolaire")
    units = FigureColumn(verbose_name="Demandées")
    held = FigureColumn(verbose_name="Déjà données", empty_values=(), orderable=False)
    used = FigureColumn(verbose_name="Utilisées", empty_values=(), orderable=False)
    given = tables.TemplateColumn(
        template_name="requests/_given.html",
        verbose_name="À donner",
        orderable=False,
        attrs={"td": {"class": "number"}},
    )
    reason = tables.Column(verbose_name="Motif", orderable=False)
    created_at = tables.DateColumn(verbose_name="Depuis le", format="d/m/Y")

    class Meta:
        model = LicenceRequest
        fields = ()
        sequence = ("pick", "school", "school_year", "units", "held", "used", "given", "reason", "created_at")
        empty_text = "Aucune école n’attend de réponse."

    def __init__(
        self,
        *args: Any,
        held: Mapping[tuple[str, int], HeldLicences],
        ticked: Collection[int] = (),
        typed: Mapping[int, str] | None = None,
        **kwargs: Any,
    ) -> None:
        """Build the table. `held`: licences by school and year; `ticked`, `typed`: what a refused form had."""
        super().__init__(*args, **kwargs)
        self.held_licences, self.ticked, self.typed = held, ticked, typed or {}

    def render_school_year(self, value: int) -> str:
        return format_school_year(value)

    def render_held(self, record: LicenceRequest) -> int:
        return self.held_licences.get((record.school_id, record.school_year), HeldLicences()).units

    def render_used(self, record: LicenceRequest) -> int:
        return self.held_licences.get((record.school_id, record.school_year), HeldLicences()).used

    def get_given(self, record: LicenceRequest) -> str:
        """Return how many licences the field of a row holds."""
        return self.typed.get(record.pk, str(record.units))


class AnsweredRequestTable(tables.Table):
    """Requests that were answered, withdrawn or are over."""

    school = tables.TemplateColumn(
        template_name="requests/_school.html", verbose_name="Établissement", order_by=("school__name_folded",)
    )
    school_year = tables.Column(verbose_name="Année scolaire")
    units = FigureColumn(verbose_name="Demandées")
    accepted_units = FigureColumn(verbose_name="Données")
    outcome = tables.Column(verbose_name="Issue")
    answer = tables.Column(verbose_name="Réponse", orderable=False)
    ended_at = tables.DateColumn(verbose_name="Le", format="d/m/Y")

    class Meta:
        model = LicenceRequest
        fields = ()
        sequence = ("school", "school_year", "units", "accepted_units", "outcome", "answer", "ended_at")
        empty_text = "Aucune demande n’a encore eu de réponse."

    def render_school_year(self, value: int) -> str:
        return format_school_year(value)

    def render_outcome(self, record: LicenceRequest) -> str:
        return str(get_state(record).label)
