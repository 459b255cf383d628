"""API of an office's messages and their delivery status, without content, which may include a key."""

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.response import Response

from api.fields import UtcDateTimeField
from api.filters import StrictDateTimeFilter, StrictNumberFilter
from api.viewsets import ApiViewSet, listing, operation
from licensing.pools.models import ALLOCATION_TOPIC
from mailing import kinds
from mailing.models import Message, MessageState

_EXAMPLE = {
    "id": 4821,
    "kind": "key",
    "kind_label": "Clé d'activation",
    "recipient": "ce.0301234d@ac-exemple.example",
    "about": "École élémentaire Jean Jaurès (0301234D)",
    "allocation": 311,
    "state": "bounced",
    "reason": "Cette adresse n'existe pas : corrigez-la et renvoyez le message.",
    "server_response": "550 5.1.1 User unknown",
    "attempt_count": 1,
    "next_attempt_at": None,
    "created_at": "2026-11-25T09:00:00Z",
    "sent_at": "2026-11-25T09:00:07Z",
    "reported_at": "2026-11-25T09:02:31Z",
    "awaits_decision": False,
}


class MessageSerializer(serializers.ModelSerializer[Message]):
    """Un e-mail du bureau et ce qu'il est devenu, sans son contenu."""

    kind = serializers.CharField(
        help_text="La sorte de message, stable : `key` pour une clé, `key_reminder` pour un rappel, `key_reduced` et "
        "`key_revoked` pour une attribution réduite ou reprise, `invitation` pour un futur membre…"
    )
    kind_label = serializers.SerializerMethodField(help_text="La sorte, en français.")
    about = serializers.CharField(
        help_text="De quoi il parle, en clair : l'école et son UAI, par exemple ; vide : rien de tel."
    )
    # May be empty (the account was deleted), so described as a string instead of an e-mail address.
    recipient = serializers.CharField(
        help_text="L'adresse à laquelle il est écrit ; vide si le compte de cette personne a été supprimé depuis."
    )
    allocation = serializers.SerializerMethodField(
        help_text="Le numéro de l'attribution dont il parle ; null s'il parle d'autre chose."
    )
    state = serializers.ChoiceField(
        choices=MessageState.choices,
        help_text="En attente (`queued`), en cours d'envoi (`sending`), accepté par le serveur d'envoi (`sent`), "
        "remis, d'après le serveur du destinataire (`delivered`), à réessayer (`deferred`), retenu (`held`) tant que "
        "le lot de sa clé est suspendu, ou jusqu'à votre décision (`awaits_decision`), rejeté, à l'envoi ou plus tard, "
        "par le serveur du destinataire (`bounced`), impossible à envoyer (`failed`), annulé avant son départ "
        "(`cancelled`). Après `bounced` et `failed`, rien ne repart de soi-même.",
    )
    reason = serializers.CharField(
        source="explanation",
        help_text="Pourquoi il attend, n'est pas parti, n'a plus d'adresse, ou n'est que sans doute parti "
        "(la connexion s'est interrompue avant la réponse du serveur) ; vide sinon.",
    )
    server_response = serializers.CharField(
        source="server_answer", help_text="Ce qu'un serveur a répondu en le refusant, mot pour mot ; vide sinon."
    )
    attempt_count = serializers.IntegerField(
        source="attempts", help_text="Combien de fois un serveur a répondu à son sujet, qu'il l'ait accepté ou non."
    )
    next_attempt_at = UtcDateTimeField(allow_null=True, help_text="Pas avant ; null si aucun envoi n'est prévu.")
    created_at = UtcDateTimeField(help_text="Quand il a été préparé ; il peut partir bien plus tard.")
    sent_at = UtcDateTimeField(
        allow_null=True,
        help_text="Quand le serveur d'envoi l'a accepté, ou a pu l'accepter ; null : pas encore, ou jamais.",
    )
    reported_at = UtcDateTimeField(
        allow_null=True,
        help_text="Quand un serveur a dit ce qu'il est devenu : remis, rejeté, ou en attente chez lui ; null : rien "
        "n'est revenu.",
    )
    awaits_decision = serializers.BooleanField(
        source="awaits_hand",
        help_text="Vrai s'il est retenu parce qu'un serveur a refusé cette adresse auparavant : corrigez-la, ou "
        "écrivez quand même depuis la page du message.",
    )

    class Meta:
        model = Message
        fields = tuple(_EXAMPLE)
        extra_kwargs = {"id": {"help_text": "Le numéro du message : c'est celui de son adresse."}}

    def get_kind_label(self, message: Message) -> str:
        """Return the French label of the message's kind."""
        return kinds.get_label(message.kind)

    def get_allocation(self, message: Message) -> int | None:
        """Return the primary key of the allocation that the message is about."""
        return message.topic_id if message.topic == ALLOCATION_TOPIC else None


class ApiMessageFilter(django_filters.FilterSet):
    """Filters of the list of messages."""

    state = django_filters.MultipleChoiceFilter(choices=MessageState.choices, help_text="Un état, ou plusieurs.")
    kind = django_filters.CharFilter(max_length=40, help_text="La sorte de message.")
    allocation = StrictNumberFilter(method="about_allocation", help_text="Ceux qui parlent de cette attribution.")
    recipient = django_filters.CharFilter(
        lookup_expr="iexact", max_length=254, help_text="L'adresse du destinataire, entière."
    )
    created_after = StrictDateTimeFilter(
        field_name="created_at", lookup_expr="gte", help_text="Préparés depuis cette date."
    )
    created_before = StrictDateTimeFilter(
        field_name="created_at", lookup_expr="lt", help_text="Préparés avant cette date."
    )

    def about_allocation(self, messages: QuerySet[Message], name: str, number: int) -> QuerySet[Message]:
        """Keep only messages about one allocation."""
        return messages.filter(topic=ALLOCATION_TOPIC, topic_id=number)


class MessageViewSet(ApiViewSet):
    """`/messages`."""

    tag = "Messages"
    queryset = Message.objects.all()
    serializer_class = MessageSerializer
    filterset_class = ApiMessageFilter
    examples = {"Un message rejeté": _EXAMPLE}

    @listing("messages", "messages", "listMessages", "Lire ce que deviennent les e-mails")
    def list(self) -> Response:
        """Les e-mails du bureau, les derniers d'abord : à qui, à propos de quoi, dans quel état. Jamais leur contenu.

        Ils sont gardés trois ans.

        Pour renvoyer une clé à une adresse corrigée, voyez les attributions.
        """
        return self.list_response()

    @operation("GET messages/<int:pk>", "message", "getMessage", "Lire ce qu'est devenu un e-mail")
    def retrieve(self, pk: int) -> object:
        """Un e-mail du bureau et son état, sans son contenu."""
        return self.find(pk=pk)
