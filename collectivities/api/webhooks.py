"""Webhooks in the API: list, create, change, delete, rotate the secret, send a test."""

import re
from typing import Any

import django_filters
from django.db.models import Prefetch, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from api.fields import (
    StrictBooleanField,
    StrictCharField,
    StrictChoiceField,
    StrictSerializer,
    UtcDateTimeField,
    shadowing_field,
)
from api.filters import StrictDateTimeFilter
from api.models import TokenScope
from api.viewsets import ApiViewSet, answers, listing, operation, refuses, sends
from collectivities.operations import webhooks as operations
from webhooks import endpoints as rules
from webhooks.endpoints import list_deliveries
from webhooks.event_types import list_event_types, list_subscribable_types
from webhooks.models import Attempt, Delivery, DeliveryState, DisabledReason, WebhookEvent
from webhooks.models import WebhookEndpoint as Webhook
from webhooks.url_policy import URL_PATTERN

_ID = re.compile(r"evt_[0-9a-f]{28}")

EVENT_EXAMPLE = {
    "id": "evt_0123456789abcdef0123456789ab",
    "type": "allocation.issued",
    "subject": "allocation:12",
    "occurred_at": "2026-11-25T09:00:00.123456Z",
    "data": {"allocation": 12, "pool": 3, "uai": "0301234D", "units": 8, "added": 8, "import": None},
}


class EventSummarySerializer(serializers.Serializer[WebhookEvent]):
    """Un événement, sans ce qu'il contient."""

    id = serializers.CharField(
        source="public_id", help_text="Le même dans `webhook-id` ; à reconnaître si l'envoi revient."
    )
    type = serializers.ChoiceField(choices=list_event_types(), help_text="Ce qui s'est passé, en un mot stable.")
    subject = serializers.CharField(
        help_text="De quoi il s'agit : `allocation:12`, `pool:3`. Les envois d'un même sujet arrivent dans l'ordre."
    )
    occurred_at = UtcDateTimeField(source="at", help_text="Quand cela s'est passé.")


class EventSerializer(EventSummarySerializer):
    """Ce qui s'est passé."""

    data = shadowing_field(
        serializers.DictField(help_text="Des nombres et des états, selon le type ; jamais une clé ni un nom.")
    )


class EventFilter(django_filters.FilterSet):
    """Filter events by type, subject and time."""

    type = django_filters.MultipleChoiceFilter(choices=list_event_types(), help_text="Un ou plusieurs types.")
    subject = django_filters.CharFilter(max_length=60, help_text="Un sujet : `allocation:12`.")
    occurred_after = StrictDateTimeFilter(
        field_name="at", lookup_expr="gte", help_text="À partir de cet instant, compris."
    )
    occurred_before = StrictDateTimeFilter(field_name="at", lookup_expr="lt", help_text="Avant cet instant.")


_EVENT_ID = OpenApiParameter("id", str, "path", description="Son `id`, ou le `webhook-id` reçu.")


class EventViewSet(ApiViewSet):
    """`/events`."""

    tag = "Événements"
    queryset = WebhookEvent.objects.all()
    serializer_class = EventSerializer
    filterset_class = EventFilter
    cursor_field = "pk"
    examples = {"Une attribution": EVENT_EXAMPLE}

    @listing("events", "events", "listEvents", "Lire ce qui s'est passé")
    def list(self) -> Response:
        """Les événements des trente derniers jours, dans l'ordre où ils ont été écrits.

        Ils le sont tant qu'un webhook les attend, ou qu'un jeton a le droit de les lire. `occurred_at` est l'instant du
        fait ; un grand tableau n'est visible qu'une fois appliqué en entier : reprenez avec `occurred_after` quelques
        minutes avant le dernier lu, et reconnaissez à leur `id` ceux que vous avez déjà.
        """
        return self.list_response()

    @operation("GET events/<str:id>", "event", "getEvent", "Lire un événement", parameters=[_EVENT_ID])
    def retrieve(self, id: str) -> object:  # noqa: A002 - the name in the URL
        """Un événement des trente derniers jours."""
        if not _ID.fullmatch(id):
            raise Http404
        return self.find(public_id=id)


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


class DeliverySerializer(serializers.Serializer[Delivery]):
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

    def to_representation(self, instance: Delivery) -> dict[str, Any]:
        """Serialize the delivery; one that is delivered or abandoned has no `next_attempt_at`."""
        data = super().to_representation(instance)
        return data if instance.state == DeliveryState.PENDING else data | {"next_attempt_at": None}


class DeliveryAttemptSerializer(serializers.Serializer[Attempt]):
    """Un essai."""

    finished_at = UtcDateTimeField(source="at", help_text="Quand il s'est terminé.")
    duration_ms = serializers.IntegerField(source="duration", help_text="En millisecondes.")
    status_code = serializers.IntegerField(
        source="status", allow_null=True, help_text="Le statut HTTP ; null : rien n'a été répondu."
    )
    reason = serializers.CharField(help_text="Pourquoi il a échoué ; vide s'il a réussi.")
    response_body = serializers.CharField(source="answer", help_text="Le début de ce qui a été répondu.")


class DeliveryWithAttemptsSerializer(DeliverySerializer):
    """Un envoi, l'événement entier, et chacun des essais."""

    event = shadowing_field(EventSerializer(help_text="Ce qui est envoyé."))
    attempts = DeliveryAttemptSerializer(many=True, source="tries", help_text="Chaque essai, le premier d'abord.")


class ApiDeliveryFilter(django_filters.FilterSet):
    """Filter deliveries by state and event type."""

    state = django_filters.MultipleChoiceFilter(choices=DeliveryState.choices, help_text="Un ou plusieurs états.")
    type = django_filters.MultipleChoiceFilter(
        field_name="event__type", choices=list_event_types(), help_text="Un ou plusieurs types d'événements."
    )


class DeliveryViewSet(ApiViewSet):
    """`/webhooks/{pk}/deliveries`."""

    tag = "Webhooks"
    read_scope = write_scope = TokenScope.WEBHOOKS
    queryset = Delivery.objects.all()
    serializer_class = DeliverySerializer
    filterset_class = ApiDeliveryFilter
    statuses = {rules.UnknownEndpoint.code: 404}
    examples = {"Un envoi": DELIVERY_EXAMPLE}

    def get_queryset(self) -> QuerySet[Delivery]:
        """Return the deliveries of the URL's webhook."""
        return list_deliveries(self.kwargs["pk"])

    @listing("webhooks/<int:pk>/deliveries", "deliveries", "listDeliveries", "Lire les envois d'un webhook")
    def list(self, pk: int) -> Response:
        """Les envois des trente derniers jours, le dernier d'abord."""
        get_object_or_404(Webhook.objects.kept(), pk=pk)
        return self.list_response()

    @operation(
        "GET webhooks/<int:pk>/deliveries/<int:number>", "delivery", "getDelivery", "Lire un envoi et ses essais"
    )
    @answers(DeliveryWithAttemptsSerializer, {"Un envoi": _EXAMPLE_WITH_ATTEMPTS})
    def retrieve(self, pk: int, number: int) -> Delivery:
        """L'événement entier, et chaque essai : quand, ce qui a été répondu, pourquoi il a échoué."""
        attempts = Prefetch("tries", Attempt.objects.order_by("pk"))
        return get_object_or_404(self.get_queryset().prefetch_related(attempts), pk=number)

    @operation(
        "POST webhooks/<int:pk>/deliveries/<int:number>/replay", "delivery_replay", "replayDelivery", "Rejouer un envoi"
    )
    @answers(
        examples={"L'envoi": DELIVERY_EXAMPLE | {"attempt_count": 0, "reason": ""}},
        success={202: "L'envoi, qui repart aussitôt."},
    )
    @refuses("webhook_disabled", "delivery_pending")
    def replay(self, pk: int, number: int) -> Delivery:
        """Envoie de nouveau ce qui a été remis ou abandonné, sous le même `webhook-id`, pour trois jours."""
        self.read_body()
        return operations.replay_delivery(webhook_id=pk, delivery_id=number, by=self.actor(), at=timezone.now())


#: Without that of an office that closed, whose API does not answer.
DISABLED_REASONS = [(one.value, one.label) for one in (DisabledReason.MANUAL, DisabledReason.GONE)]

_EXAMPLE = {
    "id": 4,
    "url": "https://si.ville.example/peps",
    "types": ["allocation.redeemed", "allocation.exhausted"],
    "enabled": True,
    "disabled_reason": None,
    "failing_since": None,
    "paused_until": None,
    "previous_secret_until": None,
    "created_at": "2026-11-25T09:00:00.123456Z",
}
_EXAMPLE_WITH_SECRET = _EXAMPLE | {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="}


class WebhookSerializer(serializers.Serializer[Webhook]):
    """Une adresse à laquelle les événements sont envoyés."""

    id = serializers.IntegerField(help_text="Son numéro.")
    url = serializers.CharField(help_text="Où les événements sont envoyés.")
    types = serializers.ListField(
        child=serializers.ChoiceField(choices=list_subscribable_types()),
        help_text="Les types envoyés ; aucun : tous, ceux à venir compris.",
    )
    enabled = serializers.BooleanField(source="is_enabled", help_text="Faux : rien n'est envoyé.")
    disabled_reason = serializers.ChoiceField(
        choices=DISABLED_REASONS,
        allow_null=True,
        help_text="`manual` : un gestionnaire ou un programme l'a désactivé ; `gone` : le destinataire a répondu 410 ; "
        "null : il est activé.",
    )
    failing_since = UtcDateTimeField(allow_null=True, help_text="Depuis quand aucun envoi ne réussit.")
    paused_until = UtcDateTimeField(allow_null=True, help_text="En échec, il est laissé au repos jusque-là.")
    previous_secret_until = UtcDateTimeField(
        source="previous_until", allow_null=True, help_text="Jusqu'à quand le secret précédent signe aussi."
    )
    created_at = UtcDateTimeField(help_text="Quand il a été ajouté.")

    def to_representation(self, instance: Webhook) -> dict[str, Any]:
        """Serialize the webhook; `disabled_reason` is null while it is enabled."""
        data = super().to_representation(instance)
        return data | {"disabled_reason": data["disabled_reason"] or None}


class WebhookWithSecretSerializer(WebhookSerializer):
    """Un webhook, et son secret, montré cette seule fois."""

    secret = serializers.CharField(
        help_text="À donner à la bibliothèque qui vérifie les signatures. Montré cette seule fois."
    )


@extend_schema_field(
    {
        "type": "string",
        "maxLength": Webhook.MAX_URL_LENGTH,
        "pattern": f"^{URL_PATTERN.pattern}$",
        "description": "En https, vers l'internet, sans identifiant ni « # ».",
    }
)
class WebhookUrlField(StrictCharField):
    """A URL checked for syntax only; the operation checks whether the address is allowed."""

    default_error_messages = {"invalid": "Une adresse complète est attendue, sans espace ni accent."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=Webhook.MAX_URL_LENGTH, trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Return the URL unchanged. Fails with `invalid`."""
        url = super().to_internal_value(data)
        if not URL_PATTERN.fullmatch(url):
            self.fail("invalid")
        return url


def _types_field() -> serializers.ListField:
    return serializers.ListField(
        child=StrictChoiceField(choices=list_subscribable_types()),
        required=False,
        max_length=100,
        help_text="Les types à envoyer ; aucun : tous, ceux à venir compris.",
    )


class WebhookUpdateSerializer(StrictSerializer):
    """Ce qu'il faut changer d'un webhook : un champ absent reste comme il est."""

    url = WebhookUrlField(required=False)
    types = _types_field()
    enabled = StrictBooleanField(required=False, help_text="Faux : ne plus rien envoyer, et garder ce qui attend.")


class NewWebhookSerializer(StrictSerializer):
    """Un webhook à ajouter."""

    url = WebhookUrlField()
    types = _types_field()


def _serialize_with_secret(created: rules.NewEndpoint) -> dict[str, Any]:
    return WebhookSerializer(created.endpoint).data | {"secret": created.secret}


class WebhookViewSet(ApiViewSet):
    """`/webhooks`."""

    tag = "Webhooks"
    read_scope = write_scope = TokenScope.WEBHOOKS
    queryset = Webhook.objects.kept()
    serializer_class = WebhookSerializer
    statuses = {rules.UnknownEndpoint.code: 404}
    examples = {"Un webhook": _EXAMPLE}

    @listing("webhooks", "webhooks", "listWebhooks", "Lire les webhooks")
    def list(self) -> Response:
        """Les webhooks du bureau, le dernier ajouté d'abord."""
        return self.list_response()

    @operation("POST webhooks", "webhooks", "createWebhook", "Ajouter un webhook")
    @sends(
        NewWebhookSerializer, {"Les clés activées et épuisées": {"url": _EXAMPLE["url"], "types": _EXAMPLE["types"]}}
    )
    @answers(
        WebhookWithSecretSerializer,
        {"Le webhook": _EXAMPLE_WITH_SECRET},
        success={201: "Le webhook, et son secret, montré cette seule fois."},
    )
    @refuses(
        "url_not_allowed (l'adresse n'est pas en https, ou mène à un réseau privé)",
        "url_already_used (un webhook y conduit déjà)",
        "too_many_webhooks",
    )
    def create(self) -> Response:
        """Les événements qui suivent sont envoyés à cette adresse, signés selon Standard Webhooks."""
        data = self.read_body()
        created = operations.add_webhook(
            url=data["url"], types=data.get("types", []), by=self.actor(), at=timezone.now()
        )
        return self.respond_created(_serialize_with_secret(created), "webhook", pk=created.endpoint.pk)

    @operation("GET webhooks/<int:pk>", "webhook", "getWebhook", "Lire un webhook")
    def retrieve(self, pk: int) -> object:
        """Le webhook, sans son secret : il n'est montré qu'une fois."""
        return self.find(pk=pk)

    @operation("PATCH webhooks/<int:pk>", "webhook", "updateWebhook", "Changer un webhook")
    @sends(WebhookUpdateSerializer, {"Tous les événements": {"types": []}, "Ne plus rien envoyer": {"enabled": False}})
    @answers(examples={"Le webhook": _EXAMPLE})
    @refuses("url_not_allowed", "url_already_used")
    def update(self, pk: int) -> Webhook:
        """Désactivé, il garde ce qui attend ; activé de nouveau, ou conduit ailleurs, il le reçoit aussitôt."""
        data = self.read_body()
        return operations.change_webhook(
            webhook_id=pk,
            url=data.get("url"),
            types=data.get("types"),
            is_enabled=data.get("enabled"),
            by=self.actor(),
            at=timezone.now(),
        )

    @operation("DELETE webhooks/<int:pk>", "webhook", "deleteWebhook", "Supprimer un webhook")
    @answers(success={204: "Plus rien ne lui est envoyé."})
    def remove(self, pk: int) -> None:
        """Plus rien ne lui est envoyé, ce qui attendait non plus. Un webhook supprimé n'est plus montré."""
        operations.remove_webhook(webhook_id=pk, by=self.actor(), at=timezone.now())

    @operation(
        "POST webhooks/<int:pk>/rotate", "webhook_rotate", "rotateWebhookSecret", "Renouveler le secret d'un webhook"
    )
    @answers(WebhookWithSecretSerializer, {"Le nouveau secret": _EXAMPLE_WITH_SECRET})
    def rotate(self, pk: int) -> dict[str, Any]:
        """Le nouveau secret signe aussitôt ; le précédent signe aussi pendant 24 heures, le temps d'en changer."""
        self.read_body()
        return _serialize_with_secret(
            operations.rotate_webhook_secret(webhook_id=pk, by=self.actor(), at=timezone.now())
        )

    @operation("POST webhooks/<int:pk>/test", "webhook_test", "testWebhook", "Essayer un webhook")
    @answers(
        DeliverySerializer,
        {"L'envoi": DELIVERY_EXAMPLE},
        success={202: "L'envoi, qui part aussitôt ; lisez ce qu'il devient."},
    )
    @refuses("webhook_disabled")
    def test(self, pk: int) -> Delivery:
        """Envoie un `webhook.test` à cette adresse, quels que soient ses types."""
        self.read_body()
        return operations.test_webhook(webhook_id=pk, by=self.actor(), at=timezone.now())
