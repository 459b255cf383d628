"""Apply a plan of moves inside one lot, and undo it for an hour: each as a whole.

Lock order: requests of schools → pool → rebalancing → allocations → keys → return requests → subscriptions → seats.
"""

import datetime
from collections.abc import Mapping
from itertools import groupby

from django.db import transaction

from accounts.models import User
from collectivities import audit_log
from core import formatting
from core.connections import connection
from core.exceptions import DomainError, Refusal
from core.formatting import school_forms
from jobs import due
from licensing.plans.rebalancing.models import UNDOABLE_FOR, LicenceMove, Rebalancing
from licensing.plans.rebalancing.plan import Plan, build_plan
from licensing.plans.undo import UndoneAction, set_back
from licensing.pools import checks, restorations
from licensing.pools import operations as pools
from licensing.pools.checks import Demand, lock_allocations
from licensing.pools.models import ALLOCATION_TOPIC, Allocation, Pool
from licensing.pools.reductions import Reduction, reduce_many, revoke_many
from licensing.requests.returns import operations as returns
from licensing.requests.school_requests import operations as requests
from licensing.requests.school_requests.models import LicenceRequest, LicenceRequestEnd
from licensing.requests.school_requests.operations import AcceptedRequest, GrantedRequest
from mailing import operations as mailing


class PlanOutdated(DomainError):
    """What the plan changes is not what was shown any more."""

    code = "plan_outdated"


_UNDONE = UndoneAction("rebalancing_not_undoable", "Rééquilibrage annulé")

# Accept the requests that rebalancings granted, once the hour to undo them is over.
#
# Lock order: requests of schools → due work. Whoever undoes locks the requests first as well.

#: Kind of the due work, and name of its task.
ANSWER_REQUESTS = "rebalancing.answer_requests"


@transaction.atomic
def answer_requests(*, at: datetime.datetime) -> int:
    """Accept what the current collectivity's rebalancings granted over an hour ago; return how many. Idempotent.

    In the name of whoever applied the rebalancing. Schedules itself for those whose hour runs.
    """
    granted = LicenceRequest.objects.filter(
        collectivity__schema_name=connection.schema_name, granted_until__isnull=False
    )
    over = granted.filter(granted_until__lte=at).values_list("pk", flat=True)
    moved = LicenceMove.objects.filter(request__in=list(over)).values_list("request_id", flat=True)
    # By now one may have been released, with what granted it, or withdrawn with an account.
    due_requests = {one.pk: one for one in requests.lock_granted([pk for pk in moved if pk is not None])}
    moves = LicenceMove.objects.filter(request__in=due_requests).select_related("allocation", "rebalancing")
    ordered = list(moves.order_by("rebalancing__applied_by_id", "request_id"))
    people = User.objects.in_bulk({one.rebalancing.applied_by_id for one in ordered} - {None})
    for number, group in groupby(ordered, key=lambda one: one.rebalancing.applied_by_id):
        found = list(group)
        accepted = [AcceptedRequest(due_requests[one.request_id], one.allocation_id) for one in found if one.request_id]
        addresses = {one.allocation.school_id: one.allocation.recipient for one in found}
        requests.accept_granted(accepted, addresses=addresses, by=people.get(number or 0), at=at)
    following = granted.order_by("granted_until").values_list("granted_until", flat=True).first()
    if following is not None:
        due.schedule(ANSWER_REQUESTS, connection.schema_name, following)
    return len(ordered)


@transaction.atomic
def rebalance(
    *,
    pool_id: int,
    taken: Mapping[int, int],
    given: Mapping[str, int],
    asked: frozenset[int],
    expected: str,
    by: User | None,
    at: datetime.datetime,
) -> Rebalancing | None:
    """Apply a plan, all or nothing; return the rebalancing, None where licences were only asked for.

    `expected`: the fingerprint of the plan as it was shown. Raises `PlanOutdated` where it is another by now, or
    `Refusal`, having changed nothing. Schools are told in an hour, when the requests that it answers are accepted
    (`answer_requests`); nobody else answers them meanwhile.
    """
    asked_of = Pool.objects.prefetch_related("entitlement").filter(pk=pool_id).first()
    if asked_of is not None:
        requests.lock_requests(asked_of, list(given))
    pool = checks.lock_pool(pool_id)
    checks.check_open(pool.entitlement, at)
    _lock_all(pool, taken, given, asked)
    plan = build_plan(pool, at, taken=taken, given=given, asked=asked)
    if plan.fingerprint != expected:
        raise PlanOutdated("Ce qui va se passer a changé depuis que vous l'avez lu. Rien n'est fait : relisez le plan.")
    if plan.is_empty or plan.is_refused:
        raise Refusal(
            "plan_refused",
            "Ce plan ne peut pas être appliqué tel quel : corrigez les lignes signalées. Rien n'est fait.",
        )
    made = _move(plan, by=by, at=at) if plan.taken or plan.given else None
    asks = [one.allocation.pk for one in plan.asks]
    for result in returns.ask_many(allocation_ids=asks, by=by, at=at) if asks else ():
        result.raise_for_refusal()
    if made is not None and plan.answered:
        due.schedule(ANSWER_REQUESTS, connection.schema_name, made.undoable_until)
    return made


def _lock_all(pool: Pool, taken: Mapping[int, int], given: Mapping[str, int], asked: frozenset[int]) -> None:
    """Lock every allocation that the plan names, in one order, then their keys: others lock them without the pool."""
    of_schools = Allocation.objects.active().filter(pool=pool, school_id__in_array=list(given))
    named = Allocation.objects.filter(pool=pool, pk__in_array=[*taken, *asked])
    lock_allocations([*named.values_list("pk", flat=True), *of_schools.values_list("pk", flat=True)])


def _move(plan: Plan, *, by: User | None, at: datetime.datetime) -> Rebalancing:
    pool, notify_at = plan.pool, at + UNDOABLE_FOR
    taking = [one for one in plan.sources if one.taken]
    giving = [one for one in plan.needs if one.given]
    made = Rebalancing.objects.create(
        pool=pool, from_free=plan.from_free, applied_at=at, applied_by_id=by.pk if by else None
    )
    moves = [(one.allocation.pk, one.allocation.units, one.left) for one in taking]
    reductions = [Reduction(one.allocation.school_id, one.left) for one in taking if one.left]
    for reduced in reduce_many(pool_id=pool.pk, reductions=reductions, by=by, at=at, notify_at=notify_at):
        reduced.raise_for_refusal()
    ended = [one.allocation.pk for one in taking if not one.left]
    for revoked in revoke_many(allocation_ids=ended, by=by, at=at, in_bulk=True) if ended else ():
        revoked.raise_for_refusal()
    answers: dict[int, int] = {}
    if giving:
        demands = [
            Demand(one.need.uai, one.given, one.need.recipient, asked=one.need.asked, is_moved=True) for one in giving
        ]
        outcome = pools.allocate_many(pool_id=pool.pk, demands=demands, by=by, at=at, notify_at=notify_at)
        moves += [(outcome.allocations[one.need.uai], one.need.units, one.total) for one in giving]
        answers = _grant(plan, outcome.allocations, made)
    LicenceMove.objects.bulk_create(
        LicenceMove(rebalancing=made, allocation_id=number, before=before, after=after, request_id=answers.get(number))
        for number, before, after in moves
    )
    audit_log.record(action="pools.rebalanced", by=by, at=at, summary=_summarise(plan), object_type="rebalancing",
                     object_id=made.pk)  # fmt: skip
    return made


def _grant(plan: Plan, allocations: Mapping[str, int], made: Rebalancing) -> dict[int, int]:
    """Grant the requests that the plan answers; return them by the allocation that their licences went to."""
    given = {allocations[one.need.uai]: (one.need.request_id, one.given) for one in plan.answered}
    keys = dict(Allocation.objects.filter(pk__in=given).values_list("pk", "key_id"))
    answers = {number: request_id for number, (request_id, _) in given.items() if request_id is not None}
    grants = [GrantedRequest(request_id, given[number][1], keys[number]) for number, request_id in answers.items()]
    if grants:
        requests.grant_requests(grants, until=made.undoable_until)
    return answers


def _summarise(plan: Plan) -> str:
    givers, takers = sum(one.taken > 0 for one in plan.sources), sum(one.given > 0 for one in plan.needs)
    taken = formatting.pluralize(plan.taken, "licence reprise", "licences reprises")
    given = formatting.pluralize(plan.given, "donnée")
    return (
        f"Rééquilibrage du lot « {plan.pool.name} » : {taken} à {formatting.pluralize(givers, 'école')}, {given} à "
        f"{formatting.pluralize(takers, 'école')}"
        f"{f', dont {answered} qui demandaient' if (answered := len(plan.answered)) else ''}."
    )


@transaction.atomic
def undo_rebalancing(*, rebalancing_id: int, by: User | None, at: datetime.datetime) -> Rebalancing:
    """Undo a rebalancing of the last hour, all or nothing; no school is told of either. Idempotent.

    Requests that it made of schools stay. Raises `Refusal` with the reason, having changed nothing.
    """
    pool_id = Rebalancing.objects.filter(pk=rebalancing_id).values_list("pool_id", flat=True).first()
    if pool_id is None:
        raise Refusal("unknown_rebalancing", "Ce rééquilibrage n'existe pas dans votre collectivité.")
    named = LicenceMove.objects.filter(rebalancing=rebalancing_id, request__isnull=False)
    answered = [pk for pk in named.values_list("request_id", flat=True) if pk is not None]
    granted = requests.lock_granted(answered)
    pool = checks.lock_pool(pool_id)
    made = Rebalancing.objects.locked().get(pk=rebalancing_id)
    if made.undone_at is not None:
        return made
    if at >= made.undoable_until:
        raise Refusal(
            _UNDONE.code,
            "Un rééquilibrage s'annule pendant une heure : les écoles sont prévenues depuis.",
        )
    if LicenceRequest.objects.filter(pk__in=answered, outcome=LicenceRequestEnd.ACCEPTED).exists():
        raise _UNDONE.refuse("Des écoles ont eu la réponse à leur demande depuis")
    checks.check_open(pool.entitlement, at)
    moves = list(made.moves.order_by("allocation_id"))
    allocations, _ = lock_allocations([move.allocation_id for move in moves])
    mailing.hold_back(ALLOCATION_TOPIC, list(allocations))
    for move in moves:
        _check_unchanged(move, allocations[move.allocation_id], made)
    if made.from_free < 0 and pool.free < -made.from_free:
        raise _UNDONE.refuse("Le lot a depuis donné les licences reprises")
    # Neither the letter of the change nor a second one: the school has what it had.
    changed = [move.allocation_id for move in moves if move.after]
    mailing.cancel(ALLOCATION_TOPIC, changed, at, created_at=made.applied_at)
    # What grew first: its licences are those that the others get again.
    for move in sorted(moves, key=lambda one: -one.change):
        _set_back(made, allocations[move.allocation_id], move, by=by, at=at)
    _queue_stopped(made, [allocations[move.allocation_id] for move in moves if move.before and move.after], at)
    requests.release_requests(granted)
    named.update(request=None)
    made.undone_at, made.undone_by_id = at, by.pk if by else None
    made.save(update_fields=["undone_at", "undone_by_id"])
    schools = formatting.pluralize(
        len(moves), "école a de nouveau ce qu'elle avait", "écoles ont de nouveau ce qu'elles avaient"
    )
    audit_log.record(
        action="pools.rebalancing_undone",
        by=by,
        at=at,
        summary=f"Rééquilibrage du lot « {pool.name} » annulé : {schools}.",
        object_type="rebalancing",
        object_id=made.pk,
    )
    return made


def _check_unchanged(move: LicenceMove, allocation: Allocation, made: Rebalancing) -> None:
    ended_as_decided = allocation.revoked_at == made.applied_at if not move.after else allocation.revoked_at is None
    if not ended_as_decided or allocation.units != (move.after or move.before):
        raise _UNDONE.refuse_changed(allocation)


def _set_back(
    made: Rebalancing, allocation: Allocation, move: LicenceMove, *, by: User | None, at: datetime.datetime
) -> None:
    """Give an allocation the units that it had before; the caller has locked the pool, it and its key."""
    if not move.after:
        _restore(allocation, by=by, at=at)
    elif allocation.created_at != made.applied_at:
        set_back(allocation, _UNDONE, before=move.before, after=move.after, by=by, at=at)
    elif allocation.key.redeemed_at is not None:
        school = formatting.start_sentence(school_forms(allocation.school.name).the)
        raise _UNDONE.refuse(f"{school} a déjà activé sa nouvelle clé")
    else:
        # A key that this act minted, and that nobody was told of.
        revoke_many(allocation_ids=[allocation.pk], by=by, at=at, in_bulk=True)


def _queue_stopped(made: Rebalancing, allocations: list[Allocation], at: datetime.datetime) -> None:
    """Queue anew the e-mails about keys that nobody redeemed, which the rebalancing had stopped on their way."""
    undone = Rebalancing.objects.filter(pool=made.pool_id, undone_at__isnull=False)
    moments = [made.applied_at, *undone.values_list("applied_at", flat=True)]
    restorations.queue_again([one for one in allocations if one.key.redeemed_at is None], at, undone=moments)


def _restore(allocation: Allocation, *, by: User | None, at: datetime.datetime) -> None:
    try:
        restorations.restore(allocation_id=allocation.pk, by=by, at=at)
    except DomainError as refusal:
        raise Refusal(_UNDONE.code, f"{refusal} Tout est annulé, ou rien.") from None
