"""Events in the API, for programs that poll rather than receive webhooks."""

from __future__ import annotations

import re

import django_filters
from django.http import Http404
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.fields import UtcDateTimeField, shadowing_field
from api.filters import StrictDateTimeFilter
from api.models import TokenScope
from api.views import ScopedListView, ScopedView
from webhooks.event_types import list_event_types
from webhooks.models import WebhookEvent

_EVENT_TAGS = ["Événements"]
_ID = re.compile(r"evt_[0-9a-f]{28}")

EVENT_EXAMPLE = {
    "id": "evt_0123456789abcdef0123456789ab",
    "type": "allocation.issued",
    "subject": "allocation:12",
    "occurred_at": "2026-11-25T09:00:00.123456Z",
    "data": {"allocation": 12, "pool": 3, "uai": "0301234D", "units": 8, "added": 8, "import": None},
}


class EventSerializer(serializers.ModelSerializer[WebhookEvent]):
    """Ce qui s'est passé."""

    id = serializers.CharField(
        source="public_id", help_text="Le même dans `webhook-id` ; à reconnaître si l'envoi revient."
    )
    type = serializers.ChoiceField(choices=list_event_types(), help_text="Ce qui s'est passé, en un mot stable.")
    subject = serializers.CharField(
        help_text="De quoi il s'agit : `allocation:12`, `pool:3`. Les envois d'un même sujet arrivent dans l'ordre."
    )
    occurred_at = UtcDateTimeField(source="at", help_text="Quand cela s'est passé.")
    data = shadowing_field(
        serializers.DictField(help_text="Des nombres et des états, selon le type ; jamais une clé ni un nom.")
    )

    class Meta:
        model = WebhookEvent
        fields = tuple(EVENT_EXAMPLE)
        read_only_fields = fields


class EventFilter(django_filters.FilterSet):
    """Filter events by type, subject and time."""

    type = django_filters.MultipleChoiceFilter(choices=list_event_types(), help_text="Un ou plusieurs types.")
    subject = django_filters.CharFilter(max_length=60, help_text="Un sujet : `allocation:12`.")
    occurred_after = StrictDateTimeFilter(
        field_name="at", lookup_expr="gte", help_text="À partir de cet instant, compris."
    )
    occurred_before = StrictDateTimeFilter(field_name="at", lookup_expr="lt", help_text="Avant cet instant.")

    class Meta:
        model = WebhookEvent
        fields: tuple[str, ...] = ()


class EventListView(ScopedListView):
    """`/events`."""

    scopes = {"GET": TokenScope.READ}
    queryset = WebhookEvent.objects.all()
    serializer_class = EventSerializer
    filterset_class = EventFilter
    cursor_field = "pk"

    @extend_schema(
        operation_id="listEvents",
        summary="Lire ce qui s'est passé",
        tags=_EVENT_TAGS,
        examples=[OpenApiExample("Une attribution", value=EVENT_EXAMPLE, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """Les événements des trente derniers jours, dans l'ordre où ils ont été écrits.

        Ils le sont tant qu'un webhook les attend, ou qu'un jeton a le droit de les lire. `occurred_at` est l'instant du
        fait ; un grand tableau n'est visible qu'une fois appliqué en entier : reprenez avec `occurred_after` quelques
        minutes avant le dernier lu, et reconnaissez à leur `id` ceux que vous avez déjà.
        """
        return self.list_response()


class EventView(ScopedView):
    """`/events/{id}`."""

    scopes = {"GET": TokenScope.READ}

    @extend_schema(
        operation_id="getEvent",
        summary="Lire un événement",
        tags=_EVENT_TAGS,
        parameters=[
            OpenApiParameter("id", str, OpenApiParameter.PATH, description="Son `id`, ou le `webhook-id` reçu.")
        ],
        responses={200: EventSerializer},
        examples=[OpenApiExample("Une attribution", value=EVENT_EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, id: str) -> Response:  # noqa: A002 - the name in the URL
        """Un événement des trente derniers jours."""
        event = WebhookEvent.objects.filter(public_id=id).first() if _ID.fullmatch(id) else None
        if event is None:
            raise Http404
        return Response(EventSerializer(event).data)
