"""The office's messages in the API: what became of each. Never what they say: a message may hold a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import django_filters
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from api.endpoint import Endpoint, ListEndpoint
from api.fields import Moment
from api.filters import Number, Since
from api.scopes import Scope
from licensing.pools.models import TOPIC
from mailing.models import Message, MessageState

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

TAGS = ["Messages"]

_A_MESSAGE = {
    "id": 4821,
    "kind": "key",
    "kind_label": "Clé d'activation",
    "recipient": "ce.0301234d@ac-exemple.example",
    "about": "École élémentaire Jean Jaurès (0301234D)",
    "allocation": 311,
    "state": "bounced",
    "reason": "Cette adresse n'existe pas : corrigez-la et renvoyez le message.",
    "server_answer": "550 5.1.1 User unknown",
    "attempts": 1,
    "next_attempt_at": None,
    "created_at": "2026-11-25T09:00:00Z",
    "sent_at": None,
}


class MessageSerializer(serializers.ModelSerializer[Message]):
    """Un e-mail du bureau et ce qu'il est devenu, sans son contenu."""

    kind = serializers.CharField(help_text="La sorte de message, stable.")
    kind_label = serializers.CharField(source="label", help_text="La sorte, en français.")
    allocation = serializers.SerializerMethodField(help_text="L'attribution dont il parle, s'il parle d'une.")
    state = serializers.ChoiceField(choices=MessageState.choices)
    reason = serializers.CharField(
        source="explanation", help_text="Pourquoi il attend ou n'est pas parti ; vide sinon."
    )
    server_answer = serializers.CharField(help_text="Ce que le serveur du destinataire a répondu, mot pour mot.")
    attempts = serializers.IntegerField(help_text="Combien de fois un serveur a répondu.")
    next_attempt_at = Moment(allow_null=True, help_text="Pas avant ; null si aucun envoi n'est prévu.")
    created_at = Moment()
    sent_at = Moment(allow_null=True)

    class Meta:
        model = Message
        fields = tuple(_A_MESSAGE)
        read_only_fields = fields

    def get_allocation(self, message: Message) -> int | None:
        """Return the number of the allocation that it is about."""
        return message.topic_id if message.topic == TOPIC else None


class ApiMessageFilter(django_filters.FilterSet):
    """What a list of messages can be narrowed to."""

    state = django_filters.MultipleChoiceFilter(choices=MessageState.choices, help_text="Un état, ou plusieurs.")
    kind = django_filters.CharFilter(max_length=40, help_text="La sorte de message.")
    allocation = Number(method="about_allocation", help_text="Le numéro d'une attribution.")
    recipient = django_filters.CharFilter(
        lookup_expr="iexact", max_length=254, help_text="L'adresse du destinataire, entière."
    )
    created_after = Since(field_name="created_at", lookup_expr="gte", help_text="Préparés depuis cette date.")
    created_before = Since(field_name="created_at", lookup_expr="lt", help_text="Préparés avant cette date.")

    class Meta:
        model = Message
        fields: tuple[str, ...] = ()

    def about_allocation(self, messages: QuerySet[Message], name: str, number: int) -> QuerySet[Message]:
        """Keep the messages about one allocation."""
        return messages.filter(topic=TOPIC, topic_id=number)


class Messages(ListEndpoint):
    """`/messages`."""

    scopes = {"GET": Scope.READ}
    queryset = Message.objects.all()
    serializer_class = MessageSerializer
    filterset_class = ApiMessageFilter

    @extend_schema(
        operation_id="listMessages",
        summary="Lire ce que deviennent les e-mails",
        tags=TAGS,
        examples=[OpenApiExample("Un message rejeté", value=_A_MESSAGE, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """Les e-mails du bureau, les derniers d'abord : à qui, à propos de quoi, dans quel état. Jamais leur contenu.

        Pour renvoyer une clé à une adresse corrigée, voyez les attributions.
        """
        return self.listed()


class OneMessage(Endpoint):
    """`/messages/{pk}`."""

    scopes = {"GET": Scope.READ}

    @extend_schema(
        operation_id="getMessage",
        summary="Lire ce qu'est devenu un e-mail",
        tags=TAGS,
        responses={200: MessageSerializer},
        examples=[OpenApiExample("Un message rejeté", value=_A_MESSAGE, response_only=True)],
    )
    def get(self, request: Request, pk: int) -> Response:
        """Un e-mail du bureau et son état, sans son contenu."""
        return Response(MessageSerializer(get_object_or_404(Message, pk=pk)).data)
