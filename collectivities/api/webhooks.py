"""Webhooks in the API: list, create, change, delete, rotate the secret, send a test."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from api.fields import (
    EmptySerializer,
    StrictBooleanField,
    StrictCharField,
    StrictChoiceField,
    StrictSerializer,
    UtcDateTimeField,
)
from api.idempotency import idempotent
from api.models import TokenScope
from api.views import ScopedListView, ScopedView
from collectivities.api.deliveries import DELIVERY_EXAMPLE, TAGS, DeliverySerializer, get_webhook_or_404
from collectivities.operations import webhooks as operations
from webhooks import endpoints as rules
from webhooks.event_types import list_subscribable_types
from webhooks.http_client import URL_PATTERN
from webhooks.models import DisabledReason
from webhooks.models import WebhookEndpoint as Webhook

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


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    """Une adresse à laquelle les événements sont envoyés."""

    types = serializers.ListField(
        child=serializers.ChoiceField(choices=list_subscribable_types()),
        help_text="Les types envoyés ; aucun : tous, ceux à venir compris.",
    )
    id = serializers.IntegerField(help_text="Son numéro.")
    url = serializers.CharField(help_text="Où les événements sont envoyés.")
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

    class Meta:
        model = Webhook
        fields = tuple(_EXAMPLE)
        read_only_fields = fields

    def to_representation(self, instance: Webhook) -> dict[str, Any]:
        """Serialize the webhook; `disabled_reason` is null while it is enabled."""
        data = super().to_representation(instance)
        return data | {"disabled_reason": data["disabled_reason"] or None}


class WebhookWithSecretSerializer(WebhookSerializer):
    """Un webhook, et son secret, montré cette seule fois."""

    secret = serializers.CharField(
        help_text="À donner à la bibliothèque qui vérifie les signatures. Montré cette seule fois."
    )

    class Meta(WebhookSerializer.Meta):
        fields = tuple(_EXAMPLE_WITH_SECRET)
        read_only_fields = fields


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


class WebhookListView(ScopedListView):
    """`/webhooks`."""

    scopes = {"GET": TokenScope.WEBHOOKS, "POST": TokenScope.WEBHOOKS}
    queryset = Webhook.objects.kept()
    serializer_class = WebhookSerializer

    @extend_schema(
        operation_id="listWebhooks",
        summary="Lire les webhooks",
        tags=TAGS,
        examples=[OpenApiExample("Un webhook", value=_EXAMPLE, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """Les webhooks du bureau, le dernier ajouté d'abord."""
        return self.list_response()

    @idempotent
    @extend_schema(
        operation_id="createWebhook",
        summary="Ajouter un webhook",
        tags=TAGS,
        request=NewWebhookSerializer,
        responses={
            201: OpenApiResponse(WebhookWithSecretSerializer, "Le webhook, et son secret, montré cette seule fois.")
        },
        examples=[
            OpenApiExample(
                "Les clés activées et épuisées",
                value={"url": _EXAMPLE["url"], "types": _EXAMPLE["types"]},
                request_only=True,
            ),
            OpenApiExample("Le webhook", value=_EXAMPLE_WITH_SECRET, response_only=True),
        ],
    )
    def post(self, request: Request) -> Response:
        """Les événements qui suivent sont envoyés à cette adresse, signés selon Standard Webhooks.

        Refus : `url_not_allowed` (l'adresse n'est pas en https, ou mène à un réseau privé), `url_already_used` (un
        webhook y conduit déjà), `too_many_webhooks`.
        """
        body = NewWebhookSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        data = body.validated_data
        created = operations.add_webhook(
            url=data["url"], types=data.get("types", []), by=self.actor(), at=timezone.now()
        )
        location = reverse("api:webhook", kwargs={"pk": created.endpoint.pk}, request=request)
        return Response(_serialize_with_secret(created), status=201, headers={"Location": location})


class WebhookView(ScopedView):
    """`/webhooks/{pk}`."""

    scopes = {"GET": TokenScope.WEBHOOKS, "PATCH": TokenScope.WEBHOOKS, "DELETE": TokenScope.WEBHOOKS}
    statuses = {rules.UnknownEndpoint.code: 404}

    @extend_schema(
        operation_id="getWebhook",
        summary="Lire un webhook",
        tags=TAGS,
        responses={200: WebhookSerializer},
        examples=[OpenApiExample("Un webhook", value=_EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, pk: int) -> Response:
        """Le webhook, sans son secret : il n'est montré qu'une fois."""
        return Response(WebhookSerializer(get_webhook_or_404(pk)).data)

    @extend_schema(
        operation_id="updateWebhook",
        summary="Changer un webhook",
        tags=TAGS,
        request=WebhookUpdateSerializer,
        responses={200: WebhookSerializer},
        examples=[
            OpenApiExample("Tous les événements", value={"types": []}, request_only=True),
            OpenApiExample("Ne plus rien envoyer", value={"enabled": False}, request_only=True),
            OpenApiExample("Le webhook", value=_EXAMPLE, response_only=True),
        ],
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Désactivé, il garde ce qui attend ; activé de nouveau, ou conduit ailleurs, il le reçoit aussitôt.

        Refus : `url_not_allowed`, `url_already_used`.
        """
        body = WebhookUpdateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        data = body.validated_data
        webhook = operations.change_webhook(
            webhook_id=pk,
            url=data.get("url"),
            types=data.get("types"),
            is_enabled=data.get("enabled"),
            by=self.actor(),
            at=timezone.now(),
        )
        return Response(WebhookSerializer(webhook).data)

    @extend_schema(
        operation_id="deleteWebhook",
        summary="Supprimer un webhook",
        tags=TAGS,
        request=None,
        responses={204: OpenApiResponse(description="Plus rien ne lui est envoyé.")},
    )
    def delete(self, request: Request, pk: int) -> Response:
        """Plus rien ne lui est envoyé, ce qui attendait non plus. Un webhook supprimé n'est plus montré."""
        operations.remove_webhook(webhook_id=pk, by=self.actor(), at=timezone.now())
        return Response(status=204)


class WebhookSecretRotationView(ScopedView):
    """`/webhooks/{pk}/rotate`."""

    scopes = {"POST": TokenScope.WEBHOOKS}
    statuses = {rules.UnknownEndpoint.code: 404}

    @idempotent
    @extend_schema(
        operation_id="rotateWebhookSecret",
        summary="Renouveler le secret d'un webhook",
        tags=TAGS,
        request=EmptySerializer,
        responses={200: WebhookWithSecretSerializer},
        examples=[OpenApiExample("Le nouveau secret", value=_EXAMPLE_WITH_SECRET, response_only=True)],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Le nouveau secret signe aussitôt ; le précédent signe aussi pendant 24 heures, le temps d'en changer."""
        EmptySerializer(data=request.data).is_valid(raise_exception=True)
        return Response(
            _serialize_with_secret(operations.rotate_webhook_secret(webhook_id=pk, by=self.actor(), at=timezone.now()))
        )


class WebhookTestView(ScopedView):
    """`/webhooks/{pk}/test`."""

    scopes = {"POST": TokenScope.WEBHOOKS}
    statuses = {rules.UnknownEndpoint.code: 404}

    @idempotent
    @extend_schema(
        operation_id="testWebhook",
        summary="Essayer un webhook",
        tags=TAGS,
        request=EmptySerializer,
        responses={202: OpenApiResponse(DeliverySerializer, "L'envoi, qui part aussitôt ; lisez ce qu'il devient.")},
        examples=[OpenApiExample("L'envoi", value=DELIVERY_EXAMPLE, response_only=True, status_codes=["202"])],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Envoie un `webhook.test` à cette adresse, quels que soient ses types. Refus : `webhook_disabled`."""
        EmptySerializer(data=request.data).is_valid(raise_exception=True)
        delivery = operations.test_webhook(webhook_id=pk, by=self.actor(), at=timezone.now())
        return Response(DeliverySerializer(delivery).data, status=202)
