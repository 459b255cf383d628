"""Pools and allocations in the API: counts and states, never a key or the name of a teacher."""

from collections.abc import Sequence
from typing import Any

import django_filters
from django.db.models import Prefetch, QuerySet
from django.http import Http404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.response import Response

from api import fields
from api.filters import StrictDateTimeFilter, StrictNumberFilter
from api.models import TokenScope
from api.problem_details import ApiProblem, FieldError
from api.viewsets import ApiViewSet, answers, listing, operation, refuses, sends
from core.calendar import date_in_paris
from core.contact_details import is_ordinary_address
from core.exceptions import DomainError
from licensing.entitlements.models import ActivationKey, EntitlementStatus
from licensing.pools import operations
from licensing.pools.exceptions import RowsRefused
from licensing.pools.models import Allocation, Pool
from licensing.pools.operations import AllocationRequest, AllocationRowResult, AllocationRowStatus, BulkAllocationResult
from licensing.pools.positions import list_pool_positions
from licensing.pools.queries import AllocationState, AnnotatedAllocation, Situation, list_allocations
from mailing.models import MessageState
from schools.api import UaiField
from schools.uai import WELL_FORMED, normalise


class PoolSerializer(serializers.Serializer[Any]):
    """Un lot, et où en est chaque licence achetée : `bought` = `free` + `issued` + `redeemed_free` + `held`."""

    id = serializers.IntegerField(source="pool_id", help_text="Son numéro.")
    name = serializers.CharField(help_text="Son nom, tel que le bureau l'affiche.")
    bought = serializers.IntegerField(help_text="Licences achetées.")
    free = serializers.IntegerField(help_text="Pas encore attribuées.")
    issued = serializers.IntegerField(help_text="Attribuées, par une clé que l'établissement n'a pas activée.")
    redeemed_free = serializers.IntegerField(help_text="D'une clé activée, et qu'aucun enseignant n'utilise.")
    held = serializers.IntegerField(help_text="Utilisées par un enseignant.")
    schools = serializers.IntegerField(help_text="Établissements qui ont une attribution de ce lot.")
    redeemed_schools = serializers.IntegerField(help_text="Ceux d'entre eux qui ont activé leur clé.")
    status = serializers.ChoiceField(
        choices=[(status.value, status.name) for status in EntitlementStatus],
        help_text="`firm`, `provisional`, `unpaid` ou `overdue` : on peut attribuer. `lapsed` ou `suspended` : tout "
        "attend une régularisation. `cancelled` ou `ended` : plus rien n'en reviendra.",
    )
    opened_at = fields.UtcDateTimeField(help_text="Quand il a été ouvert.")
    first_day = serializers.DateField(
        source="entitlement.first_day",
        help_text="Le premier jour où elles s'utilisent en classe : elles s'attribuent, s'activent et se distribuent"
        " avant.",
    )
    last_day = serializers.DateField(source="entitlement.last_day", help_text="Le dernier jour des licences, inclus.")
    provisional_until = serializers.DateField(
        source="entitlement.provisional_until",
        allow_null=True,
        help_text="Le dernier jour des droits temporaires, tant que le bon de commande est attendu.",
    )
    unpaid_until = serializers.DateField(
        source="entitlement.unpaid_until",
        allow_null=True,
        help_text="Le jour avant lequel le paiement est attendu.",
    )


_POOL_EXAMPLE = {
    "id": 3,
    "name": "Achat 2026-2027",
    "bought": 2000,
    "free": 812,
    "issued": 655,
    "redeemed_free": 102,
    "held": 431,
    "schools": 214,
    "redeemed_schools": 96,
    "status": "provisional",
    "opened_at": "2026-09-03T08:12:45.318204Z",
    "first_day": "2026-09-03",
    "last_day": "2027-08-31",
    "provisional_until": "2026-10-18",
    "unpaid_until": None,
}


class PoolViewSet(ApiViewSet):
    """`/pools`."""

    tag = "Lots"
    queryset = Pool.objects.all()
    serializer_class = PoolSerializer
    examples = {"Un lot": _POOL_EXAMPLE}

    @listing("pools", "pools", "listPools", "Lire les lots")
    def list(self) -> Response:
        """Les lots de licences de la collectivité, le dernier ouvert d'abord, et où en sont leurs licences."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        pools = _serialize_pools()
        return self.get_paginated_response([pools[pool.pk] for pool in page or ()])

    @operation("GET pools/<int:pk>", "pool", "getPool", "Lire un lot")
    def retrieve(self, pk: int) -> dict[str, Any]:
        """Un lot, et où en sont ses licences à cet instant."""
        pool = _serialize_pools().get(pk)
        if pool is None:
            raise Http404
        return pool


def _serialize_pools() -> dict[int, dict[str, Any]]:
    """Serialize all pools of the collectivity, by primary key: there are few."""
    today = date_in_paris(timezone.now())
    return {
        position.pool_id: PoolSerializer(
            position._asdict() | {"status": position.entitlement.status_on(today).value}
        ).data
        for position in list_pool_positions()
    }


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
    created_at = fields.UtcDateTimeField(help_text="Quand les licences ont été attribuées.")
    redeemed_at = fields.UtcDateTimeField(
        source="key.redeemed_at", allow_null=True, help_text="Quand la clé a été activée."
    )
    revoked_at = fields.UtcDateTimeField(allow_null=True, help_text="Quand l'attribution a été reprise.")

    def get_fields(self) -> dict[str, Any]:
        """Return the fields, with `import`, which is a Python keyword."""
        import_id = serializers.IntegerField(
            source="import_id", allow_null=True, help_text="Le numéro de l'import qui l'a faite, s'il y en a un."
        )
        return super().get_fields() | {"import": import_id}


EXAMPLE = {
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
}


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


_MAX_ADDRESS_LENGTH = 254
_RECIPIENT = (
    "L'adresse à laquelle écrire la clé. Sans elle : le contact de votre périmètre, sinon l'adresse officielle de "
    "l'annuaire."
)
_TOTAL = "`true` : l'établissement doit avoir `units` licences en tout. Sinon elles s'ajoutent à ce qu'il a."
#: Field of a row by error code; `units` otherwise.
_FIELD_BY_CODE = {
    "unknown_school": "school",
    "school_closed": "school",
    "duplicate_school": "school",
    "invalid_recipient": "recipient",
    "recipient_missing": "recipient",
}
_ALL_OR_NOTHING, _BEST_EFFORT = "all_or_nothing", "best_effort"
MODES = [(_ALL_OR_NOTHING, "tout ou rien"), (_BEST_EFFORT, "au mieux")]


class AllocationRowSerializer(fields.RowSerializer):
    """Ce qu'un établissement doit recevoir."""

    school = UaiField(help_text="L'UAI de l'établissement : `0300123K`.")
    units = fields.StrictIntegerField(min_value=1, help_text="Nombre de licences.")
    recipient = fields.StrictCharField(
        required=False, allow_null=True, max_length=_MAX_ADDRESS_LENGTH, trim_whitespace=False, help_text=_RECIPIENT
    )
    total = fields.StrictBooleanField(required=False, help_text=_TOTAL)

    def is_valid_as_is(self, row: Any) -> bool:
        """Whether a row is valid as it stands. A fast path: nearly all are."""
        if type(row) is not dict or not _ROW_FIELDS.issuperset(row):
            return False
        school, units, recipient = row.get("school"), row.get("units"), row.get("recipient")
        return (
            type(school) is str
            and WELL_FORMED.fullmatch(school) is not None
            and type(units) is int
            and 1 <= units <= fields.MAX_INTEGER
            and (recipient is None or (type(recipient) is str and is_ordinary_address(recipient)))
            and type(row.get("total", False)) is bool
        )


_ROW_FIELDS = frozenset(AllocationRowSerializer().fields)


class CreateAllocationSerializer(AllocationRowSerializer):
    """Une attribution à faire."""

    pool = fields.StrictIntegerField(min_value=1, help_text="Le numéro du lot.")
    send_on = fields.StrictDateField(
        required=False,
        allow_null=True,
        help_text="Le jour où l'e-mail part, à 8 heures en France. Sans lui : tout de suite.",
    )


class BulkAllocationSerializer(fields.StrictSerializer):
    """Des attributions à faire sur un lot."""

    pool = fields.StrictIntegerField(min_value=1, help_text="Le numéro du lot.")
    mode = fields.StrictChoiceField(
        choices=MODES,
        help_text="`all_or_nothing` : tout est attribué, ou rien ne l'est et « errors » nomme chaque ligne refusée. "
        "`best_effort` : chaque ligne a son résultat, dans l'ordre ; celle qui demande plus que ce qu'il reste au lot "
        "ne reçoit rien, les suivantes sont servies tant qu'elles y tiennent.",
    )
    send_on = fields.StrictDateField(
        required=False,
        allow_null=True,
        help_text="Le jour où les e-mails partent, à 8 heures en France. Sans lui : tout de suite.",
    )
    allocations = fields.BulkRowsSerializer(
        child=AllocationRowSerializer(), help_text="Un établissement n'y figure qu'une fois."
    )


class AllocationRowResultSerializer(serializers.Serializer[Any]):
    """Ce qu'est devenue une ligne."""

    row = serializers.IntegerField(help_text="Sa place dans la liste envoyée, à partir de 0.")
    school = serializers.CharField(help_text="L'UAI de l'établissement.")
    result = serializers.ChoiceField(
        choices=[(status.value, status.name) for status in AllocationRowStatus],
        help_text="`created` : une nouvelle attribution. `grown` : celle de l'établissement a grandi, sous la même "
        "clé. `unchanged` : il avait déjà ce total. `rejected` : « code » et « detail » disent pourquoi.",
    )
    allocation = serializers.IntegerField(allow_null=True, help_text="Le numéro de l'attribution.")
    units = serializers.IntegerField(allow_null=True, help_text="Ses licences, désormais.")
    code = serializers.CharField(allow_null=True, help_text="Le code du refus, pour les programmes.")
    detail = serializers.CharField(allow_null=True, help_text="Le refus, en français.")


class BulkAllocationResultSerializer(serializers.Serializer[Any]):
    """Ce qui a été attribué."""

    pool = serializers.IntegerField(help_text="Le numéro du lot.")
    units = serializers.IntegerField(help_text="Licences sorties du lot.")
    created = serializers.IntegerField(help_text="Nouvelles attributions.")
    grown = serializers.IntegerField(help_text="Attributions qui ont grandi.")
    unchanged = serializers.IntegerField(help_text="Établissements qui avaient déjà leur total.")
    rejected = serializers.IntegerField(help_text="Lignes refusées ; aucune en `all_or_nothing`.")
    results = AllocationRowResultSerializer(
        many=True, help_text="Une ligne pour chaque ligne envoyée, dans le même ordre."
    )


_BULK_REQUEST = {
    "pool": 3,
    "mode": _BEST_EFFORT,
    "allocations": [
        {"school": "0300123K", "units": 6},
        {"school": "0300124L", "units": 4, "recipient": "direction@ecole.example", "total": True},
    ],
}
_BULK_RESULT = {
    "pool": 3,
    "units": 6,
    "created": 1,
    "grown": 0,
    "unchanged": 0,
    "rejected": 1,
    "results": [
        {
            "row": 0,
            "school": "0300123K",
            "result": "created",
            "allocation": 1207,
            "units": 6,
            "code": None,
            "detail": None,
        },
        {
            "row": 1,
            "school": "0300124L",
            "result": "rejected",
            "allocation": None,
            "units": None,
            "code": "school_closed",
            "detail": "Fermé d'après l'annuaire, donc rien n'y est attribué : École Jean Moulin (0300124L).",
        },
    ],
}


class AllocationViewSet(ApiViewSet):
    """`/allocations`: listed and made."""

    tag = "Attributions"
    write_scope = TokenScope.ALLOCATE
    queryset = Allocation.objects.all()
    serializer_class = AllocationSerializer
    filterset_class = AllocationApiFilter
    examples = {"Une attribution": EXAMPLE}

    def get_queryset(self) -> QuerySet[Any]:
        """Return the annotated allocations."""
        if getattr(self, "swagger_fake_view", False):
            # Asked by the description, for the model: nothing is read for it.
            return Allocation.objects.none()
        return list_annotated_allocations()

    @listing("allocations", "allocations", "listAllocations", "Lire les attributions")
    def list(self) -> Response:
        """Les attributions, la dernière d'abord, reprises comprises. Des nombres et des états : jamais une clé."""
        return self.list_response()

    @operation("POST allocations", "allocations", "createAllocation", "Attribuer à un établissement")
    @sends(
        CreateAllocationSerializer,
        {"Six licences": {"pool": 3, "school": "0300123K", "units": 6, "send_on": "2026-09-07"}},
    )
    @answers(
        success={
            200: "L'établissement avait une attribution de ce lot : elle a grandi, sous la même clé, ou avait déjà ce "
            "total.",
            201: "Attribuée ; l'e-mail part.",
        }
    )
    @refuses(
        "unknown_pool", "pool_exhausted", "pool_suspended", "pool_closed", "unknown_school", "school_closed",
        "invalid_recipient",
        "recipient_missing (ni contact ni adresse officielle)",
        "would_reduce (l'établissement a plus que ce total)",
        "invalid_send_date",
    )  # fmt: skip
    def create(self) -> Response:
        """Donne des licences d'un lot à un établissement, et lui écrit sa clé."""
        data = self.read_body()
        try:
            result = self._allocate(data, [data], all_or_nothing=True)
        except RowsRefused as refused:
            [refusal] = refused.refusals.values()
            error = FieldError(refusal.code, str(refusal), _get_field(refusal))
            raise ApiProblem(refusal.code, str(refusal), field_errors=[error]) from None
        [row_result] = result.results
        allocation_id = row_result.allocation_id or 0
        allocation = serialize_allocation(allocation_id)
        if row_result.result is AllocationRowStatus.CREATED:
            return self.respond_created(allocation, "allocation", pk=allocation_id)
        return self.respond(allocation)

    @operation(
        "POST allocations/bulk", "allocations_bulk", "createAllocations", "Attribuer à des milliers d'établissements"
    )
    @sends(BulkAllocationSerializer, {"Deux établissements, au mieux": _BULK_REQUEST})
    @answers(BulkAllocationResultSerializer, {"L'un servi, l'autre fermé": _BULK_RESULT})
    def create_list(self) -> dict[str, Any]:
        """Donne des licences d'un lot à 1 à 10 000 établissements, et leur écrit leurs clés, d'un seul geste.

        Le lot est tenu pendant ce temps : ce qui est attribué l'est une fois. Ce que la description ne permet pas
        (un UAI mal écrit, un nombre qui n'en est pas un) est refusé avant tout, dans les deux modes : « errors » nomme
        chaque ligne (400). Un établissement nommé deux fois n'est servi que la première (`duplicate_school`).

        En `all_or_nothing`, `rows_rejected` (409) nomme dans « errors » chaque ligne refusée, avec son champ et son
        code ; `pool_exhausted`, quand le lot n'a pas assez pour toutes. Refus de l'ensemble, dans les deux modes :
        `unknown_pool`, `pool_suspended`, `pool_closed`, `invalid_send_date`.
        """
        data = self.read_body()
        try:
            result = self._allocate(data, data["allocations"], all_or_nothing=data["mode"] == _ALL_OR_NOTHING)
        except RowsRefused as refused:
            errors = [
                FieldError(refusal.code, str(refusal), f"allocations.{_get_field(refusal)}", index)
                for index, refusal in refused.refusals.items()
            ]
            raise ApiProblem(refused.code, str(refused), field_errors=errors) from None
        return _serialize_results(data["pool"], result)

    def _allocate(
        self, data: dict[str, Any], rows: Sequence[dict[str, Any]], *, all_or_nothing: bool
    ) -> BulkAllocationResult:
        """Allocate what rows of the body ask for. Raises what `allocate_rows` raises."""
        return operations.allocate_rows(
            pool_id=data["pool"],
            rows=[
                AllocationRequest(row["school"], row["units"], row.get("recipient"), row.get("total", False))
                for row in rows
            ],
            all_or_nothing=all_or_nothing,
            by=self.actor(),
            at=timezone.now(),
            send_on=data.get("send_on"),
        )


def _get_field(refusal: DomainError) -> str:
    return _FIELD_BY_CODE.get(refusal.code, "units")


def _serialize_results(pool: int, result: BulkAllocationResult) -> dict[str, Any]:
    """Return what `BulkAllocationResultSerializer` describes, without the cost of a serializer for 10,000 rows."""
    outcome = result.outcome
    return {
        "pool": pool,
        "units": outcome.units,
        "created": outcome.created,
        "grown": outcome.grown,
        "unchanged": outcome.unchanged,
        "rejected": len(result.results) - outcome.created - outcome.grown - outcome.unchanged,
        "results": [_serialize_result(index, row_result) for index, row_result in enumerate(result.results)],
    }


def _serialize_result(index: int, row_result: AllocationRowResult) -> dict[str, Any]:
    refusal = row_result.refusal
    return {
        "row": index,
        "school": row_result.uai,
        "result": row_result.result.value,
        "allocation": row_result.allocation_id,
        "units": row_result.units,
        "code": None if refusal is None else refusal.code,
        "detail": None if refusal is None else str(refusal),
    }
