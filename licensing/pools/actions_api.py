"""Actions on existing allocations in the API, single and in bulk; keys that did not arrive."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.response import Response

from api import fields
from api.models import TokenScope
from api.viewsets import ApiViewSet, answers, listing, operation, refuses, refuses_rows, sends
from core.contact_details import is_ordinary_address
from licensing.pools import api, bulk_views, checks, key_emails, reductions, restorations
from licensing.pools.exceptions import UnknownAllocation
from licensing.pools.models import Allocation

#: Result of an action on one allocation of a list.
STATUSES = ["done", "rejected"]


class ResendSerializer(fields.StrictSerializer):
    """À qui renvoyer la clé."""

    recipient = fields.StrictCharField(
        required=False,
        allow_null=True,
        max_length=254,
        trim_whitespace=False,
        help_text="L'adresse corrigée, qui remplace celle de l'attribution. Sans elle : la même.",
    )


class ReduceSerializer(fields.StrictSerializer):
    """Ce qu'il doit rester."""

    units = fields.StrictIntegerField(min_value=1, help_text="Le nombre de licences que l'établissement garde.")


class RemindSerializer(fields.StrictSerializer):
    """S'il faut relancer malgré tout."""

    anyway = fields.StrictBooleanField(
        required=False,
        help_text="`true` : relancer même si une relance est déjà partie cette semaine pour cet établissement.",
    )


class AllocationIdsSerializer(fields.StrictSerializer):
    """Des attributions."""

    allocations = fields.BulkIdsField(help_text="Les numéros des attributions.")


class AllocationActionResultSerializer(serializers.Serializer[Any]):
    """Ce qu'est devenue une ligne."""

    row = serializers.IntegerField(help_text="Sa place dans la liste envoyée, à partir de 0.")
    allocation = serializers.IntegerField(help_text="Le numéro de l'attribution.")
    result = serializers.ChoiceField(
        choices=STATUSES,
        help_text="`done` : c'est fait. `rejected` : « code » et « detail » disent pourquoi.",
    )
    code = serializers.CharField(allow_null=True, help_text="Le code du refus, pour les programmes.")
    detail = serializers.CharField(allow_null=True, help_text="Le refus, en français.")


class BulkActionResultSerializer(serializers.Serializer[Any]):
    """Ce qui a été fait."""

    done = serializers.IntegerField(help_text="Lignes faites.")
    rejected = serializers.IntegerField(help_text="Lignes refusées.")
    results = AllocationActionResultSerializer(
        many=True, help_text="Une ligne pour chaque ligne envoyée, dans le même ordre."
    )


#: Two allocations of a list, the second refused.
_RESULTS: Any = {
    "done": 1,
    "rejected": 1,
    "results": [
        {"row": 0, "allocation": 1207, "result": "done", "code": None, "detail": None},
        {
            "row": 1,
            "allocation": 1208,
            "result": "rejected",
            "code": "already_redeemed",
            "detail": "La clé a été activée le 8 septembre 2026 : elle ne peut plus être reprise.",
        },
    ],
}
_sends_ids = sends(AllocationIdsSerializer, {"Deux attributions": {"allocations": [1207, 1208]}})
_answers_each = answers(BulkActionResultSerializer, {"L'une faite, l'autre activée": _RESULTS})


class AllocationActionViewSet(ApiViewSet):
    """`/allocations`: read one, and what is done to one or to many."""

    tag = "Attributions"
    write_scope = TokenScope.ALLOCATE
    serializer_class = api.AllocationSerializer
    examples = {"Une attribution": api.EXAMPLE}
    absences = (UnknownAllocation,)

    def act(self, pk: int, action: Callable[..., object]) -> dict[str, Any]:
        """Run the action with the request body, and return the resulting allocation."""
        if not api.allocation_exists(pk):
            raise Http404
        action(allocation_id=pk, **self.read_body(), by=self.actor(), at=timezone.now())
        return api.serialize_allocation(pk)

    def act_on_all(self, action: bulk_views.BulkOperation) -> dict[str, Any]:
        """Run the action on the allocations of the request body, best effort, and return a result for each."""
        ids: list[int] = self.read_body()["allocations"]
        return serialize_results(ids, action(allocation_ids=[*dict.fromkeys(ids)], by=self.actor(), at=timezone.now()))

    @operation("GET allocations/<int:pk>", "allocation", "getAllocation", "Lire une attribution")
    def retrieve(self, pk: int) -> dict[str, Any]:
        """Une attribution, et ce qu'elle est devenue. Des nombres et des états : jamais une clé."""
        return api.serialize_allocation(pk)

    @operation("POST allocations/<int:pk>/revoke", "allocation_revoke", "revokeAllocation", "Reprendre une attribution")
    @refuses("already_redeemed")
    def revoke(self, pk: int) -> dict[str, Any]:
        """Reprend une attribution dont la clé n'est pas activée : la clé ne vaut plus rien, ses licences vont au lot.

        L'e-mail qui n'est pas parti ne part pas ; l'école qui avait reçu sa clé est prévenue une heure après, le temps
        de pouvoir annuler (`restore`). Reprise deux fois, elle l'est une.
        """
        return self.act(pk, reductions.revoke)

    @operation("POST allocations/<int:pk>/restore", "allocation_restore", "restoreAllocation", "Annuler une reprise")
    @refuses("restoration_too_late", "school_served_again", "pool_exhausted", "pool_suspended", "pool_closed")
    def restore(self, pk: int) -> dict[str, Any]:
        """Annule une reprise de moins d'une heure : la même clé vaut de nouveau ses licences, prises dans le lot.

        L'école, qui n'est prévenue d'une reprise qu'après cette heure, n'en reçoit rien ; l'e-mail que la reprise avait
        arrêté repart. Une attribution qui n'est pas reprise reste telle quelle.
        """
        return self.act(pk, restorations.restore)

    @operation("POST allocations/<int:pk>/resend", "allocation_resend", "resendAllocation", "Renvoyer une clé")
    @sends(ResendSerializer, {"Une adresse corrigée": {"recipient": "direction@ecole.example"}})
    @refuses("already_redeemed", "already_revoked", "pool_suspended", "pool_closed", "invalid_recipient")
    def resend(self, pk: int) -> dict[str, Any]:
        """Écrit la même clé une fois de plus, à l'adresse de l'attribution ou à celle-ci, qui la remplace."""
        return self.act(pk, key_emails.resend)

    @operation("POST allocations/<int:pk>/remind", "allocation_remind", "remindAllocation", "Relancer un établissement")
    @sends(RemindSerializer, {"Malgré une relance de la semaine": {"anyway": True}})
    @refuses(
        "already_redeemed", "already_revoked", "not_yet_sent", "reminded_today", "written_this_week",
        "pool_suspended", "pool_closed",
    )  # fmt: skip
    def remind(self, pk: int) -> dict[str, Any]:
        """Rappelle sa clé à un établissement qui l'a reçue et ne l'a pas activée ; une fois par jour au plus.

        Une fois par semaine au plus, quel qu'en soit l'auteur, sauf avec « anyway ».
        """
        return self.act(pk, key_emails.remind)

    @operation("POST allocations/<int:pk>/reduce", "allocation_reduce", "reduceAllocation", "Réduire une attribution")
    @sends(ReduceSerializer, {"N'en laisser que quatre": {"units": 4}})
    @refuses("already_redeemed", "already_revoked", "invalid_units (plus que ce que l'établissement a)")
    def reduce(self, pk: int) -> dict[str, Any]:
        """Laisse moins de licences à un établissement qui n'a pas activé sa clé : la même clé, les autres au lot.

        L'école qui avait reçu l'ancien nombre est prévenue.
        """
        return self.act(pk, reductions.reduce_one)

    @operation("POST allocations/revoke", "allocations_revoke", "revokeAllocations", "Reprendre des attributions")
    @_sends_ids
    @_answers_each
    @refuses_rows("unknown_allocation", "already_redeemed")
    def revoke_list(self) -> dict[str, Any]:
        """Reprend 1 à 10 000 attributions, chacune si sa clé n'est pas activée, et dit ce qu'il en est de chacune."""
        return self.act_on_all(reductions.revoke_many)

    @operation("POST allocations/restore", "allocations_restore", "restoreAllocations", "Annuler des reprises")
    @_sends_ids
    @_answers_each
    @refuses_rows(
        "unknown_allocation", "restoration_too_late", "school_served_again",
        "pool_exhausted", "pool_suspended", "pool_closed",
    )  # fmt: skip
    def restore_list(self) -> dict[str, Any]:
        """Annule 1 à 10 000 reprises de moins d'une heure, la dernière d'abord, et dit ce qu'il en est de chacune."""
        return self.act_on_all(restorations.restore_many)

    @operation("POST allocations/resend", "allocations_resend", "resendAllocations", "Renvoyer des clés")
    @_sends_ids
    @_answers_each
    @refuses_rows("unknown_allocation", "already_redeemed", "already_revoked", "pool_suspended", "pool_closed")
    def resend_list(self) -> dict[str, Any]:
        """Écrit une fois de plus 1 à 10 000 clés, chacune à l'adresse de son attribution."""
        return self.act_on_all(key_emails.resend_many)

    @operation("POST allocations/remind", "allocations_remind", "remindAllocations", "Relancer des établissements")
    @_sends_ids
    @_answers_each
    @refuses_rows(
        "unknown_allocation", "already_redeemed", "already_revoked", "not_yet_sent", "reminded_today",
        "pool_suspended", "pool_closed",
    )  # fmt: skip
    def remind_list(self) -> dict[str, Any]:
        """Rappelle leur clé à 1 à 10 000 établissements qui l'ont reçue et ne l'ont pas activée."""
        return self.act_on_all(key_emails.remind_many)


def serialize_results(ids: Sequence[int], results: Iterable[checks.AllocationActionResult]) -> dict[str, Any]:
    """Return the result of each allocation of a list, in its order."""
    refusals = {result.allocation_id: result.refusal for result in results}
    rejected = sum(refusals[allocation_id] is not None for allocation_id in ids)
    return {
        "done": len(ids) - rejected,
        "rejected": rejected,
        "results": [
            {
                "row": row,
                "allocation": allocation_id,
                "result": "done" if (refusal := refusals[allocation_id]) is None else "rejected",
                "code": None if refusal is None else refusal.code,
                "detail": None if refusal is None else str(refusal),
            }
            for row, allocation_id in enumerate(ids)
        ],
    }


_EXAMPLE = {
    "allocation": 1207,
    "school": "0300123K",
    "recipient": "direciton@ecole.example",
    "reason": "Cette adresse n'existe pas : corrigez-la et renvoyez le message.",
    "proposed": "ce.0300123k@ac-exemple.example",
    "origin": "directory",
    "held_message": None,
}


class UndeliveredKeySerializer(serializers.Serializer[Any]):
    """Une clé qui n'est pas arrivée à son école, et l'adresse que nous lui connaissons par ailleurs."""

    allocation = serializers.IntegerField(source="allocation.pk", help_text="Le numéro de l'attribution.")
    school = serializers.CharField(source="allocation.school_id", help_text="L'UAI de l'établissement.")
    recipient = serializers.CharField(source="allocation.recipient", help_text="L'adresse qui n'a pas reçu la clé.")
    reason = serializers.CharField(help_text="Pourquoi, en français.")
    proposed = serializers.CharField(help_text="Une autre adresse de l'établissement ; vide : nous n'en savons pas.")
    origin = serializers.ChoiceField(
        source="source",
        choices=[(bulk_views.DIRECTORY, "annuaire"), (bulk_views.CONTACT, "périmètre"), ("", "aucune")],
        help_text="D'où vient l'adresse proposée : `directory`, la boîte de l'annuaire ; `portfolio`, le contact de "
        "votre périmètre ; vide sans proposition.",
    )
    held_message = serializers.IntegerField(
        source="held_message_id",
        allow_null=True,
        help_text="Le message retenu parce que l'adresse avait déjà été refusée ; null : il a été rejeté ou abandonné.",
    )


class CorrectedAddressSerializer(fields.RowSerializer):
    """La nouvelle adresse d'une clé."""

    allocation = fields.StrictIntegerField(min_value=1, help_text="Le numéro de l'attribution.")
    recipient = fields.StrictCharField(max_length=254, trim_whitespace=False, help_text="L'adresse corrigée.")

    def is_valid_as_is(self, row: Any) -> bool:
        """Whether a row is valid as it stands. A fast path: nearly all are."""
        return (
            type(row) is dict
            and row.keys() == {"allocation", "recipient"}
            and type(row["allocation"]) is int
            and 1 <= row["allocation"] <= fields.MAX_INTEGER
            and type(row["recipient"]) is str
            and is_ordinary_address(row["recipient"])
        )


class ReaddressSerializer(fields.StrictSerializer):
    """Des adresses corrigées."""

    corrections = fields.BulkRowsSerializer(
        child=CorrectedAddressSerializer(),
        help_text="1 à 10 000 lignes ; d'une attribution qui y est deux fois, la dernière compte.",
    )


#: The same, the second address having been refused.
_READDRESSED = _RESULTS | {
    "results": [
        _RESULTS["results"][0],
        _RESULTS["results"][1]
        | {
            "code": "recipient_refused",
            "detail": "L'adresse direction@ecole.example a été refusée. Cette adresse n'existe pas : corrigez-la et "
            "renvoyez le message.",
        },
    ]
}
_CORRECTIONS = [
    {"allocation": 1207, "recipient": "ce.0300123k@ac-exemple.example"},
    {"allocation": 1208, "recipient": "direction@ecole.example"},
]


class UndeliveredKeyViewSet(ApiViewSet):
    """`/allocations/undelivered`, and their correction."""

    tag = "Attributions"
    write_scope = TokenScope.ALLOCATE
    queryset = Allocation.objects.all()
    serializer_class = UndeliveredKeySerializer
    examples = {"Une adresse inconnue": _EXAMPLE}

    def get_queryset(self) -> QuerySet[Any]:
        """Return the allocations whose key did not arrive."""
        return bulk_views.list_undelivered(timezone.now())

    @listing(
        "allocations/undelivered",
        "allocations_undelivered",
        "listUndeliveredKeys",
        "Lire les clés qui ne sont pas arrivées",
    )
    def list(self) -> Response:
        """Les clés à activer dont le dernier e-mail n'est pas arrivé, chacune avec une autre adresse s'il s'en trouve.

        Les dernières attributions d'abord. Pour les renvoyer : `POST /allocations/readdress`.
        """
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(
            self.get_serializer(bulk_views.build_corrections(list(page or ())), many=True).data
        )

    @operation(
        "POST allocations/readdress",
        "allocations_readdress",
        "readdressAllocations",
        "Renvoyer des clés à des adresses corrigées",
    )
    @sends(ReaddressSerializer, {"Deux adresses": {"corrections": _CORRECTIONS}})
    @answers(BulkActionResultSerializer, {"Une adresse refusée elle aussi": _READDRESSED})
    @refuses_rows(
        "unknown_allocation", "already_redeemed", "already_revoked", "pool_suspended", "pool_closed",
        "invalid_recipient", "recipient_refused",
    )  # fmt: skip
    def readdress(self) -> dict[str, Any]:
        """Écrit 1 à 10 000 clés une fois de plus, à ces adresses, qui deviennent les contacts de votre périmètre."""
        rows = [(row["allocation"], row["recipient"]) for row in self.read_body()["corrections"]]
        results = key_emails.readdress_many(recipients=dict(rows), by=self.actor(), at=timezone.now())
        return serialize_results([allocation_id for allocation_id, _ in rows], results)
