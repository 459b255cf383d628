"""Representation and filters of allocations in the API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Prefetch, QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from api.fields import UtcDateTimeField
from api.filters import StrictDateTimeFilter, StrictNumberFilter
from core.calendar import date_in_paris
from licensing.entitlements.models import ActivationKey
from licensing.pools.models import Allocation
from licensing.pools.queries import AllocationState, AnnotatedAllocation, list_allocations
from licensing.pools.situations import Situation
from mailing.models import MessageState
from schools.uai import normalise


class AllocationSerializer(serializers.Serializer["AnnotatedAllocation"]):
    """Une attribution : des licences d'un lot, données à un établissement par une clé. La clé n'est jamais montrée."""

    id = serializers.IntegerField(source="pk", help_text="Son numéro.")
    pool = serializers.IntegerField(source="pool_id", help_text="Le numéro du lot.")
    school = serializers.CharField(source="school_id", help_text="L'UAI de l'établissement.")
    units = serializers.IntegerField(help_text="Licences attribuées.")
    recipient = serializers.CharField(help_text="L'adresse à laquelle la clé est écrite.")
    state = serializers.ChoiceField(
        choices=AllocationState.choices,
        help_text="`issued` : la clé n'est pas activée. `redeemed` : elle l'est. `revoked` : reprise. `suspended` : le "
        "lot attend une régularisation. `expired`, `cancelled` : l'année du lot est finie, sa commande annulée.",
    )
    situation = serializers.ChoiceField(
        choices=Situation.choices,
        help_text="`state`, où une clé non activée est `scheduled` : son e-mail n'est pas parti ; `sent` : il part ; "
        "`delivered` : il a été accepté, rien n'est revenu ; `undelivered` : il a été refusé, ou rien n'a été envoyé. "
        "`returned` : activée, et l'école a rendu toutes ses licences.",
    )
    held = serializers.IntegerField(help_text="Licences qu'un enseignant utilise.")
    message_state = serializers.ChoiceField(
        choices=MessageState.choices, allow_null=True, help_text="Où en est le dernier e-mail ; null : il n'y en a pas."
    )
    created_at = UtcDateTimeField(help_text="Quand les licences ont été attribuées.")
    redeemed_at = UtcDateTimeField(source="key.redeemed_at", allow_null=True, help_text="Quand la clé a été activée.")
    revoked_at = UtcDateTimeField(allow_null=True, help_text="Quand l'attribution a été reprise.")

    def get_fields(self) -> dict[str, Any]:
        """Return the fields, with `import`, which is a Python keyword."""
        import_id = serializers.IntegerField(
            source="import_id", allow_null=True, help_text="Le numéro de l'import qui l'a faite, s'il y en a un."
        )
        return super().get_fields() | {"import": import_id}


EXAMPLE = OpenApiExample(
    "Une attribution",
    response_only=True,
    value={
        "id": 1207,
        "pool": 3,
        "school": "0300123K",
        "units": 6,
        "recipient": "ce.0300123k@ac-exemple.example",
        "state": "redeemed",
        "situation": "redeemed",
        "held": 4,
        "message_state": "delivered",
        "created_at": "2026-09-07T07:31:02.114930Z",
        "redeemed_at": "2026-09-08T09:05:17.660121Z",
        "revoked_at": None,
        "import": None,
    },
)


class AllocationApiFilter(django_filters.FilterSet):
    """Filters of the list of allocations."""

    state = django_filters.MultipleChoiceFilter(
        choices=AllocationState.choices, distinct=False, help_text="Plusieurs fois : l'un ou l'autre de ces états."
    )
    situation = django_filters.MultipleChoiceFilter(
        choices=Situation.choices, distinct=False, help_text="Plusieurs fois : l'une ou l'autre de ces situations."
    )
    school = django_filters.CharFilter(method="of_school", help_text="L'UAI de l'établissement.")
    pool = StrictNumberFilter("pool_id", help_text="Le numéro du lot.")
    created_after = StrictDateTimeFilter(
        field_name="created_at", lookup_expr="gte", help_text="Attribuées à cet instant ou après."
    )
    created_before = StrictDateTimeFilter(
        field_name="created_at", lookup_expr="lt", help_text="Attribuées avant cet instant."
    )

    class Meta:
        model = Allocation
        fields = ()

    @classmethod
    def get_filters(cls) -> dict[str, django_filters.Filter]:
        """Return the filters, with `import`, which is a Python keyword."""
        import_filter = StrictNumberFilter("import_id", help_text="Le numéro de l'import qui les a faites.")
        return super().get_filters() | {"import": import_filter}

    def of_school(
        self, queryset: QuerySet[AnnotatedAllocation], name: str, value: str
    ) -> QuerySet[AnnotatedAllocation]:
        """Filter by UAI, normalised."""
        return queryset.filter(school_id=normalise(value))


def list_annotated_allocations(among: QuerySet[Allocation] | None = None) -> QuerySet[AnnotatedAllocation]:
    """Return the allocations annotated for today, with the day of their keys and nothing else of them."""
    today = date_in_paris(timezone.now())
    keys = Prefetch("key", ActivationKey.objects.only("redeemed_at"))
    queryset: QuerySet[AnnotatedAllocation] = (
        list_allocations(today, among).select_related(None).prefetch_related(None).prefetch_related(keys)
    )
    return queryset


def serialize_allocation(pk: int) -> dict[str, Any]:
    """Serialize an allocation. Raises `Http404`."""
    allocation = list_annotated_allocations(Allocation.objects.filter(pk=pk)).first()
    if allocation is None:
        raise Http404
    return dict(AllocationSerializer(allocation).data)


def allocation_exists(pk: int) -> bool:
    """Whether the collectivity has an allocation with this primary key."""
    return Allocation.objects.filter(pk=pk).exists()
