"""The table of allocations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import django_tables2 as tables
from django.urls import reverse
from django.utils.html import format_html

from licensing.pools.models import Allocation
from licensing.pools.queries import AllocationState
from mailing.models import MessageState
from schools.wording import format_school_name
from web.figure_column import FigureColumn

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

#: Badge colours by state.
_STATE_COLOURS = {
    AllocationState.ISSUED: "blue",
    AllocationState.REDEEMED: "green",
    AllocationState.REVOKED: "secondary",
    AllocationState.SUSPENDED: "orange",
    AllocationState.EXPIRED: "secondary",
    AllocationState.CANCELLED: "secondary",
}


def render_state_badge(state: str) -> SafeString:
    """Render the state as a coloured badge."""
    allocation_state = AllocationState(state)
    return format_html(
        '<span class="badge bg-{}-lt">{}</span>', _STATE_COLOURS[allocation_state], allocation_state.label
    )


class AllocationTable(tables.Table):
    """A row per allocation. Only managers get the checkboxes of `pick`."""

    pick = tables.Column(verbose_name="Cocher", empty_values=(), orderable=False)
    school = tables.Column(verbose_name="Établissement", order_by=("school__name_folded", "pk"))
    pool = tables.Column(verbose_name="Lot", accessor="pool__name", order_by=("pool__name", "pk"))
    units = FigureColumn(verbose_name="Licences", order_by=("units", "pk"))
    state = tables.Column(verbose_name="État", order_by=("state", "pk"))
    held = FigureColumn(verbose_name="Utilisées", order_by=("held", "pk"))
    message_state = tables.Column(verbose_name="E‑mail", order_by=("message_state", "pk"), default="–")
    created_at = tables.DateColumn(verbose_name="Depuis le", format="j F Y", order_by=("created_at", "pk"))

    class Meta:
        model = Allocation
        fields: ClassVar[list[str]] = []
        sequence: ClassVar = [
            "pick", "school", "pool", "units", "state", "held", "message_state", "created_at",
        ]  # fmt: skip
        order_by = ("-created_at",)
        empty_text = "Aucune attribution ne répond à ces choix. Élargissez-les, ou attribuez des licences à une école."
        attrs: ClassVar = {"class": "table table-vcenter stacking"}

    caption = "Attributions"

    def render_pick(self, record: Allocation) -> SafeString:
        return format_html(
            '<input class="form-check-input" type="checkbox" name="ids" value="{}" aria-label="Cocher {}">',
            record.pk,
            record.school.name,
        )

    def render_school(self, record: Allocation) -> SafeString:
        return format_html(
            '<a href="{}">{}</a><br><span class="text-secondary">{} · {}</span>',
            reverse("pools:allocation", args=[record.pk]),
            format_school_name(record.school.name),
            record.school.commune,
            record.school_id,
        )

    def render_state(self, value: str) -> SafeString:
        return render_state_badge(value)

    def render_held(self, value: int, record: Any) -> str:
        return f"{value}/{record.units}" if record.key.redeemed_at is not None else "–"

    def render_message_state(self, value: str) -> str:
        return str(MessageState(value).label)
