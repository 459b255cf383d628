"""`/allocations`: the list, and one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import django_filters
from django.db.models import F
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema_field
from rest_framework import serializers

from api.fields import MOST, Moment
from api.filters import Number, Since
from licensing.catalogue.operations import day_in_france
from licensing.pools.models import Allocation
from licensing.pools.queries import AllocationState, allocations
from mailing.models import MessageState
from schools.uai import normalise

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from licensing.pools.queries import Told


class AllocationSerializer(serializers.Serializer["Told"]):
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
    held = serializers.IntegerField(help_text="Licences qu'un enseignant utilise.")
    message_state = serializers.ChoiceField(
        choices=MessageState.choices, allow_null=True, help_text="Où en est le dernier e-mail ; null : il n'y en a pas."
    )
    created_at = Moment(help_text="Quand les licences ont été attribuées.")
    redeemed_at = Moment(allow_null=True, help_text="Quand la clé a été activée.")
    revoked_at = Moment(allow_null=True, help_text="Quand l'attribution a été reprise.")

    def get_fields(self) -> dict[str, Any]:
        """Return the fields, with the one whose name is a word of Python."""
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
        "held": 4,
        "message_state": "delivered",
        "created_at": "2026-09-07T07:31:02.114930Z",
        "redeemed_at": "2026-09-08T09:05:17.660121Z",
        "revoked_at": None,
        "import": None,
    },
)


def _number(field_name: str, told: str) -> Number:
    """Return the filter by a number, as the description tells it."""
    known = Number(field_name=field_name)
    extend_schema_field({"type": "integer", "minimum": 0, "maximum": MOST, "description": told})(known)
    return known


class AllocationFilter(django_filters.FilterSet):
    """What a list of allocations can be narrowed to."""

    state = django_filters.MultipleChoiceFilter(
        choices=AllocationState.choices, distinct=False, help_text="Plusieurs fois : l'un ou l'autre de ces états."
    )
    school = django_filters.CharFilter(method="of_school", help_text="L'UAI de l'établissement.")
    pool = _number("pool_id", "Le numéro du lot.")
    created_after = Since(field_name="created_at", lookup_expr="gte", help_text="Attribuées à cet instant ou après.")
    created_before = Since(field_name="created_at", lookup_expr="lt", help_text="Attribuées avant cet instant.")

    class Meta:
        model = Allocation
        fields = ()

    @classmethod
    def get_filters(cls) -> dict[str, Any]:
        """Return the filters, with the one whose name is a word of Python."""
        made_by = _number("import_id", "Le numéro de l'import qui les a faites.")
        filters: dict[str, Any] = super().get_filters()
        return filters | {"import": made_by}

    def of_school(self, queryset: QuerySet[Told], name: str, value: str) -> QuerySet[Told]:
        """Keep those of a school, however its UAI is written."""
        return queryset.filter(school_id=normalise(value))


def told() -> QuerySet[Told]:
    """Return the allocations with what is told of them today; of its key, no more than when it was redeemed."""
    today = day_in_france(timezone.now())
    known: QuerySet[Told] = allocations(today).select_related(None).annotate(redeemed_at=F("key__redeemed_at"))
    return known


def one(pk: int) -> dict[str, Any]:
    """Return an allocation as it is told. Raises `Http404`."""
    found = told().filter(pk=pk).first()
    if found is None:
        raise Http404
    return dict(AllocationSerializer(found).data)


def exists(pk: int) -> bool:
    """Whether an allocation of the collectivity bears this number."""
    return Allocation.objects.filter(pk=pk).exists()
