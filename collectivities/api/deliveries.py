"""Webhook deliveries in the API: list, read with their attempts, replay."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Prefetch, QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.fields import EmptySerializer, UtcDateTimeField, shadowing_field
from api.idempotency import idempotent
from api.models import TokenScope
from api.views import ScopedListView, ScopedView
from collectivities.api.events import EVENT_EXAMPLE, EventSerializer
from collectivities.operations import webhooks as operations
from webhooks import endpoints as rules
from webhooks.endpoints import list_deliveries
from webhooks.event_types import list_event_types
from webhooks.models import Attempt, Delivery, DeliveryState
from webhooks.models import WebhookEndpoint as Webhook

TAGS = ["Webhooks"]

DELIVERY_EXAMPLE = {
    "number": 1201,
    "event": {name: EVENT_EXAMPLE[name] for name in ("id", "type", "subject", "occurred_at")},
    "state": "pending",
    "attempt_count": 1,
    "next_attempt_at": "2026-11-25T09:00:35.000000Z",
    "retry_until": "2026-11-28T09:00:00.123456Z",
    "finished_at": None,
    "reason": "Le serveur du destinataire est en panne (réponse 500).",
}
_EXAMPLE_WITH_ATTEMPTS = DELIVERY_EXAMPLE | {
    "event": EVENT_EXAMPLE,
    "attempts": [
        {
            "finished_at": "2026-11-25T09:00:05.000000Z",
            "duration_ms": 84,
            "status_code": 500,
            "reason": "Le serveur du destinataire est en panne (réponse 500).",
            "response_body": "Internal Server Error",
        }
    ],
}


class EventSummarySerializer(EventSerializer):
    """Un événement, sans ce qu'il contient."""

    class Meta(EventSerializer.Meta):
        fields = ("id", "type", "subject", "occurred_at")
        read_only_fields = fields


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """L'envoi d'un événement à un webhook."""

    number = serializers.IntegerField(source="pk", help_text="Son numéro.")
    event = EventSummarySerializer(help_text="Ce qui est envoyé.")
    state = serializers.ChoiceField(
        choices=DeliveryState.choices, help_text="En attente, remis, ou abandonné au bout de trois jours."
    )
    attempt_count = serializers.IntegerField(
        source="attempts", help_text="Essais, depuis l'événement ou depuis qu'il a été rejoué."
    )
    next_attempt_at = UtcDateTimeField(
        source="next_at", allow_null=True, help_text="Pas de nouvel essai avant ; null : il n'y en aura plus."
    )
    retry_until = UtcDateTimeField(source="gives_up_at", help_text="Quand il sera abandonné, à défaut de succès.")
    finished_at = UtcDateTimeField(source="settled_at", allow_null=True, help_text="Quand il a été remis ou abandonné.")
    reason = serializers.CharField(help_text="Pourquoi le dernier essai a échoué ; vide s'il a réussi.")

    class Meta:
        model = Delivery
        fields = tuple(DELIVERY_EXAMPLE)
        read_only_fields = fields

    def to_representation(self, instance: Delivery) -> dict[str, Any]:
        """Serialize the delivery; one that is delivered or abandoned has no `next_attempt_at`."""
        data = super().to_representation(instance)
        return data if instance.state == DeliveryState.PENDING else data | {"next_attempt_at": None}


class DeliveryAttemptSerializer(serializers.ModelSerializer[Attempt]):
    """Un essai."""

    finished_at = UtcDateTimeField(source="at", help_text="Quand il s'est terminé.")
    duration_ms = serializers.IntegerField(source="duration", help_text="En millisecondes.")
    status_code = serializers.IntegerField(
        source="status", allow_null=True, help_text="Le statut HTTP ; null : rien n'a été répondu."
    )
    reason = serializers.CharField(help_text="Pourquoi il a échoué ; vide s'il a réussi.")
    response_body = serializers.CharField(source="answer", help_text="Le début de ce qui a été répondu.")

    class Meta:
        model = Attempt
        fields = ("finished_at", "duration_ms", "status_code", "reason", "response_body")
        read_only_fields = fields


class DeliveryWithAttemptsSerializer(DeliverySerializer):
    """Un envoi, l'événement entier, et chacun des essais."""

    event = shadowing_field(EventSerializer(help_text="Ce qui est envoyé."))
    attempts = DeliveryAttemptSerializer(many=True, source="tries", help_text="Chaque essai, le premier d'abord.")

    class Meta(DeliverySerializer.Meta):
        fields = tuple(_EXAMPLE_WITH_ATTEMPTS)
        read_only_fields = fields


class ApiDeliveryFilter(django_filters.FilterSet):
    """Filter deliveries by state and event type."""

    state = django_filters.MultipleChoiceFilter(choices=DeliveryState.choices, help_text="Un ou plusieurs états.")
    type = django_filters.MultipleChoiceFilter(
        field_name="event__type", choices=list_event_types(), help_text="Un ou plusieurs types d'événements."
    )

    class Meta:
        model = Delivery
        fields: tuple[str, ...] = ()


def get_webhook_or_404(pk: int) -> Webhook:
    """Return the webhook of a URL. Raises `Http404`."""
    webhook = Webhook.objects.kept().filter(pk=pk).first()
    if webhook is None:
        raise Http404
    return webhook


class DeliveryListView(ScopedListView):
    """`/webhooks/{pk}/deliveries`."""

    scopes = {"GET": TokenScope.WEBHOOKS}
    queryset = Delivery.objects.select_related("event")
    serializer_class = DeliverySerializer
    filterset_class = ApiDeliveryFilter

    @extend_schema(
        operation_id="listDeliveries",
        summary="Lire les envois d'un webhook",
        tags=TAGS,
        examples=[OpenApiExample("Un envoi", value=DELIVERY_EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, pk: int) -> Response:
        """Les envois des trente derniers jours, le dernier d'abord."""
        get_webhook_or_404(pk)
        return self.list_response()

    def get_queryset(self) -> QuerySet[Delivery]:
        """Return the deliveries of the URL's webhook."""
        return super().get_queryset().filter(endpoint_id=self.kwargs.get("pk"))


class DeliveryView(ScopedView):
    """`/webhooks/{pk}/deliveries/{number}`."""

    scopes = {"GET": TokenScope.WEBHOOKS}

    @extend_schema(
        operation_id="getDelivery",
        summary="Lire un envoi et ses essais",
        tags=TAGS,
        responses={200: DeliveryWithAttemptsSerializer},
        examples=[OpenApiExample("Un envoi", value=_EXAMPLE_WITH_ATTEMPTS, response_only=True)],
    )
    def get(self, request: Request, pk: int, number: int) -> Response:
        """L'événement entier, et chaque essai : quand, ce qui a été répondu, pourquoi il a échoué."""
        delivery = (
            list_deliveries(pk)
            .prefetch_related(Prefetch("tries", Attempt.objects.order_by("pk")))
            .filter(pk=number)
            .first()
        )
        if delivery is None:
            raise Http404
        return Response(DeliveryWithAttemptsSerializer(delivery).data)


class DeliveryReplayView(ScopedView):
    """`/webhooks/{pk}/deliveries/{number}/replay`."""

    scopes = {"POST": TokenScope.WEBHOOKS}
    statuses = {rules.UnknownEndpoint.code: 404}

    @idempotent
    @extend_schema(
        operation_id="replayDelivery",
        summary="Rejouer un envoi",
        tags=TAGS,
        request=EmptySerializer,
        responses={202: OpenApiResponse(DeliverySerializer, "L'envoi, qui repart aussitôt.")},
        examples=[
            OpenApiExample(
                "L'envoi",
                value=DELIVERY_EXAMPLE | {"attempt_count": 0, "reason": ""},
                response_only=True,
                status_codes=["202"],
            )
        ],
    )
    def post(self, request: Request, pk: int, number: int) -> Response:
        """Envoie de nouveau ce qui a été remis ou abandonné, sous le même `webhook-id`, pour trois jours.

        Refus : `webhook_disabled`, `delivery_pending`.
        """
        EmptySerializer(data=request.data).is_valid(raise_exception=True)
        delivery = operations.replay_delivery(webhook_id=pk, delivery_id=number, by=self.actor(), at=timezone.now())
        return Response(DeliverySerializer(delivery).data, status=202)
