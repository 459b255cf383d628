"""A plan of moves inside one lot: proposed, edited, and judged row by row without changing anything."""

import datetime
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db.models import F, Q, QuerySet

from collectivities.models import PortfolioSchool
from core import formatting
from core.confirmation_guard import ConfirmationGuard, is_large_share
from licensing.pools.models import Allocation, Pool
from licensing.requests.returns.models import MIN_PAUSE, ReturnOutcome
from licensing.requests.returns.queries import count_unused, find_last_requests
from licensing.requests.school_requests.models import LicenceRequest
from licensing.requests.school_requests.operations import find_recipients
from licensing.requests.school_requests.queries import list_for_pool
from schools.models import SchoolState

#: Characters of a school's own reason that a row shows.
_MAX_REASON = 140


class Need(NamedTuple):
    """A school that could use more: how many are proposed, and why."""

    uai: str
    name: str
    commune: str
    #: What it has of the lot now; None without an allocation.
    allocation_id: int | None
    units: int
    proposed: int
    reason: str
    #: Where its letter goes.
    recipient: str
    #: The request that giving answers, and how many it asks for; None and 0 where the school did not ask.
    request_id: int | None = None
    asked: int = 0


def list_needs(pool: Pool) -> list[Need]:
    """Return the schools of a lot that need more: who asked first, the oldest first, then the fullest. Eight queries.

    Those with a request that the lot can answer and nobody has, and those whose licences are all held by teachers. A
    lot has one allocation a school: so has the answer one row.
    """
    asking = list_for_pool(pool).waiting().exclude(school__state=SchoolState.CLOSED)
    requests = list(asking.select_related("school", "asked_by").order_by("created_at", "pk"))
    of_lot = Allocation.objects.active().filter(pool=pool).select_related("school")
    is_full = Q(units__gt=0, held=F("units"))
    found = of_lot.filter(is_full | Q(school__in=[one.school_id for one in requests]))
    allocations = list(found.prefetch_related("key").order_by("-units", "school__name_folded", "pk"))
    recipients = find_recipients(pool.pk, requests) if requests else {}
    rows = PortfolioSchool.objects.filter(school_id__in_array=[one.school_id for one in allocations])
    classes = dict(rows.values_list("school_id", "classes"))
    of_school = {one.school_id: one for one in allocations}
    needs = [_build_asked(one, of_school.pop(one.school_id, None), recipients[one.school_id]) for one in requests]
    return needs + [_build_full(one, classes.get(one.school_id)) for one in of_school.values()]


def _build_asked(request: LicenceRequest, allocation: Any, recipient: str) -> Need:
    """Return the need of a school that asked; `allocation`: what it has of the lot, annotated, or None."""
    units = allocation.units if allocation is not None else 0
    reason = f"a demandé {formatting.pluralize(request.units, 'licence')}"
    if request.reason:
        short = request.reason if len(request.reason) <= _MAX_REASON else f"{request.reason[: _MAX_REASON - 1]}…"
        reason = f"{reason} : « {short} »"
    if units and allocation.key.redeemed_at is None:
        reason = f"{reason} ; sa clé n'est pas activée"
    elif units:
        without = formatting.pluralize(
            units - allocation.held, "des siennes n'a pas d'enseignant", "des siennes n'ont pas d'enseignant"
        )
        reason = f"{reason} ; {_describe(units, None) if allocation.held == units else without}"
    return Need(
        uai=request.school_id,
        name=request.school.name,
        commune=request.school.commune,
        allocation_id=allocation.pk if allocation is not None else None,
        units=units,
        proposed=request.units,
        reason=reason,
        recipient=recipient,
        request_id=request.pk,
        asked=request.units,
    )


def _build_full(allocation: Any, classes: int | None) -> Need:
    """Return the need of a school whose licences are all held."""
    return Need(
        uai=allocation.school_id,
        name=allocation.school.name,
        commune=allocation.school.commune,
        allocation_id=allocation.pk,
        units=allocation.units,
        proposed=max((classes or 0) - allocation.units, 1),
        reason=_describe(allocation.units, classes),
        recipient=allocation.recipient,
    )


def _describe(units: int, classes: int | None) -> str:
    used = "sa licence est utilisée" if units == 1 else f"ses {units} licences sont utilisées"
    return f"{used}, pour {classes} classes" if classes and classes > units else used


#: Rows of each kind that a plan shows; those that weigh most come first.
MAX_ROWS = 150


class PlanSource(NamedTuple):
    """A school whose key nobody redeemed for a month: how many of its licences are taken."""

    allocation: Allocation
    taken: int

    @property
    def refusal(self) -> str:
        """Why so many are not taken; empty where they can be."""
        had = self.allocation.units
        return f"Elle n'a que {formatting.pluralize(had, 'licence')}." if self.taken > had else ""

    @property
    def left(self) -> int:
        return self.allocation.units - self.taken


class PlanNeed(NamedTuple):
    """A school that needs more: how many it is given."""

    need: Need
    given: int

    @property
    def total(self) -> int:
        return self.need.units + self.given


class PlanDemand(NamedTuple):
    """A school with licences that nobody uses for a month, not asked lately: they are asked for, never taken."""

    allocation: Allocation
    unused: int
    asked: bool


@dataclass(kw_only=True)
class Plan:
    """What a rebalancing would do, and why it would not."""

    pool: Pool
    sources: list[PlanSource]
    needs: list[PlanNeed]
    demands: list[PlanDemand]
    #: Of the whole: more given than there is.
    refusals: list[str] = field(default_factory=list)

    @property
    def taken(self) -> int:
        return sum(one.taken for one in self.sources)

    @property
    def given(self) -> int:
        return sum(one.given for one in self.needs)

    @property
    def from_free(self) -> int:
        """What leaves the lot's free licences; negative where some return to them."""
        return self.given - self.taken

    @property
    def moved(self) -> int:
        """Licences that change hands."""
        return max(self.given, self.taken)

    @property
    def answered(self) -> list[PlanNeed]:
        """What is given to schools that asked for it: their requests are accepted with that."""
        return [one for one in self.needs if one.given and one.need.request_id is not None]

    @property
    def asks(self) -> list[PlanDemand]:
        return [one for one in self.demands if one.asked]

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return not (self.taken or self.given or self.asks)

    @property
    def is_refused(self) -> bool:
        return bool(self.refusals) or any(one.refusal for one in self.sources)

    @property
    def fingerprint(self) -> str:
        """A hash of what would change, from what: another where anything did in between."""
        facts = (
            self.pool.pk,
            self.pool.free,
            [(one.allocation.pk, one.allocation.units, one.taken) for one in self.sources if one.taken],
            [(one.need.uai, one.need.units, one.given, one.need.request_id) for one in self.needs if one.given],
            [(one.allocation.pk, one.unused) for one in self.asks],
            self.is_refused,
        )
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]

    def build_guard(self) -> ConfirmationGuard | None:
        """Return the guard, None unless a large share of the lot's given licences changes hands."""
        served = Allocation.objects.served().filter(pool=self.pool).count()
        if not is_large_share(self.moved, self.pool.allocated, schools_served=served):
            return None
        of_all = formatting.pluralize(self.pool.allocated, "licence donnée", "licences données")
        return ConfirmationGuard(
            self.moved,
            f"Ce rééquilibrage déplace {formatting.pluralize(self.moved, 'licence')} sur {of_all} de ce lot. Tapez ce "
            "nombre de licences pour confirmer.",
        )

    def describe(self) -> list[str]:
        """Return what will happen, in French sentences."""
        lines = []
        givers = sum(one.taken > 0 for one in self.sources)
        grown = [one for one in self.needs if one.given and one.need.allocation_id is not None]
        new = [one for one in self.needs if one.given and one.need.allocation_id is None]
        if self.taken:
            back = formatting.pluralize(
                self.taken, "licence d'une clé non activée revient", "licences de clés non activées reviennent"
            )
            lines.append(f"{formatting.pluralize(givers, 'école')} : {back} au lot.")
        if grown:
            more = formatting.pluralize(sum(one.given for one in grown), "licence")
            lines.append(f"{formatting.pluralize(len(grown), 'école')} : {more} de plus, sous la même clé.")
        if new:
            more = formatting.pluralize(sum(one.given for one in new), "licence")
            lines.append(f"{formatting.pluralize(len(new), 'école')} : {more}, sous une nouvelle clé.")
        if self.from_free > 0:
            out = formatting.pluralize(self.from_free, "licence libre sort", "licences libres sortent")
            lines.append(f"{out} du lot.")
        elif self.from_free < 0:
            stay = formatting.pluralize(-self.from_free, "licence reste libre", "licences restent libres")
            lines.append(f"{stay} dans le lot.")
        if self.taken or self.given:
            lines.append("Pendant une heure, vous pourrez tout annuler ; chaque école n'est prévenue qu'ensuite.")
        if self.answered:
            lines.append(self.describe_answers())
        if self.asks:
            asked = formatting.pluralize(
                sum(one.unused for one in self.asks),
                "licence activée et inutilisée est demandée",
                "licences activées et inutilisées sont demandées",
            )
            schools = formatting.pluralize(len(self.asks), "école")
            lines.append(f"{schools} : {asked}, par e-mail ; sans réponse, rien ne change.")
        return lines

    def describe_answers(self) -> str:
        """Return in one sentence which requests the plan answers, and when for good."""
        less = sum(one.given < one.need.asked for one in self.answered)
        if len(self.answered) == 1:
            accepted = "1 demande est accordée, et sera acceptée dans une heure"
        else:
            accepted = f"{len(self.answered)} demandes sont accordées, et seront acceptées dans une heure"
        return f"{accepted}{f', dont {less} pour moins que demandé' if less else ''}."


def build_plan(
    pool: Pool,
    at: datetime.datetime,
    *,
    taken: Mapping[int, int] | None = None,
    given: Mapping[str, int] | None = None,
    asked: frozenset[int] = frozenset(),
) -> Plan:
    """Return the plan of these numbers; the proposal where they are None. As many queries whatever the lot has.

    `taken`: by allocation whose key was not redeemed. `given`: by UAI. `asked`: allocations to ask for what is unused.
    """
    needs = list_needs(pool)[:MAX_ROWS]
    # Nothing is taken from a school that asks for more.
    asking = [need.uai for need in needs if need.asked]
    dormant = Allocation.objects.served().dormant(at).filter(pool=pool).exclude(school__in=asking)
    unredeemed = dormant.filter(redeemed_at=None).select_related("school").prefetch_related("key")
    found = unredeemed.order_by("-units", "created_at", "pk")[:MAX_ROWS]
    # The key itself says whether it was redeemed a moment ago.
    sources = [one for one in found if one.key.redeemed_at is None]
    wanted = sum(need.proposed for need in needs)
    proposals = _propose(sources, max(wanted - pool.free, 0))
    available = pool.free + sum(proposals.values())
    plan = Plan(
        pool=pool,
        sources=[PlanSource(one, proposals[one.pk] if taken is None else taken.get(one.pk, 0)) for one in sources],
        needs=[],
        demands=_list_demands(dormant.filter(redeemed_at__isnull=False), at, asked),
    )
    for need in needs:
        proposed = min(need.proposed, available)
        available -= proposed
        plan.needs.append(PlanNeed(need, proposed if given is None else given.get(need.uai, 0)))
    plan.refusals += _find_refusals(plan, taken or {}, given or {})
    return plan


def _propose(sources: list[Allocation], wanted: int) -> dict[int, int]:
    """Return what is proposed to take of each: all but one, the largest first, until it is enough."""
    proposals = {}
    for one in sources:
        proposals[one.pk] = min(one.units - 1, wanted)
        wanted -= proposals[one.pk]
    return proposals


def _list_demands(redeemed: QuerySet[Allocation], at: datetime.datetime, asked: frozenset[int]) -> list[PlanDemand]:
    keys = list(redeemed.values_list("key_id", flat=True))
    unused = count_unused(keys)
    asked_recently = {
        key_id
        for key_id, request in find_last_requests(keys).items()
        if request.outcome != ReturnOutcome.WITHDRAWN and at < request.asked_at + MIN_PAUSE
    }
    found = redeemed.filter(key__in=[key_id for key_id in unused if key_id not in asked_recently])
    demands = [PlanDemand(one, unused[one.key_id], one.pk in asked) for one in found.select_related("school")]
    return sorted(demands, key=lambda one: (-one.unused, one.allocation.pk))[:MAX_ROWS]


def _find_refusals(plan: Plan, taken: Mapping[int, int], given: Mapping[str, int]) -> list[str]:
    refusals = []
    gone = {number for number, units in taken.items() if units} - {one.allocation.pk for one in plan.sources}
    if gone:
        schools = formatting.pluralize(len(gone), "école n'est plus", "écoles ne sont plus")
        refusals.append(
            f"{schools} de celles dont on peut reprendre : leur clé a été activée ou reprise, ou elles demandent des "
            "licences."
        )
    full = {uai for uai, units in given.items() if units} - {one.need.uai for one in plan.needs}
    if full:
        schools = formatting.pluralize(len(full), "école n'a plus", "écoles n'ont plus")
        refusals.append(f"{schools} besoin de licences : ni demande qui attende, ni toutes les leurs utilisées.")
    if plan.from_free > plan.pool.free:
        missing = formatting.pluralize(plan.from_free - plan.pool.free, "licence")
        refusals.append(
            f"Il manque {missing} : le lot en a {formatting.number(plan.pool.free)} de libres, et le plan en reprend "
            f"{formatting.number(plan.taken)} pour en donner {formatting.number(plan.given)}."
        )
    return refusals
