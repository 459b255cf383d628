"""Acts of managers on many allocations: what they will do, the act, and the addresses to correct."""

import datetime
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Prefetch, Q, QuerySet, Sum
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.models import User
from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from collectivities.models import PortfolioSchool
from core import formatting
from core.calendar import date_in_paris, start_of_day
from core.confirmation_guard import ConfirmationGuard, is_large_share
from core.registry import Registry
from licensing.entitlements.models import ActivationKey
from licensing.entitlements.office_keys import find_entitlements
from licensing.pools import checks, key_emails, queries, reductions
from licensing.pools.models import ALLOCATION_TOPIC, Allocation
from licensing.pools.queries import AllocationState, AnnotatedAllocation, Situation
from licensing.pools.views import build_filter, build_list_url, get_list_url, show_results
from mailing.models import Message, MessageState
from mailing.refusals import find_refused_addresses, normalise_address
from schools import calendar

DIRECTORY, CONTACT = "directory", "portfolio"
#: Where a proposed address comes from, in French.
SOURCE_LABELS = {DIRECTORY: "boîte de l'annuaire", CONTACT: "contact de votre périmètre"}
_NOTHING_SENT = "Aucun e-mail n'est parti."


class AddressCorrection(NamedTuple):
    """A key that did not arrive. `proposed`: another address of the school, empty where we know none."""

    allocation: AnnotatedAllocation
    reason: str
    proposed: str
    #: `DIRECTORY` or `CONTACT`; empty where nothing is proposed.
    source: str
    #: The message that waits for a hand, as the address was refused before; None if it bounced or failed.
    held_message_id: int | None

    @property
    def source_label(self) -> str:
        return SOURCE_LABELS.get(self.source, "")


def list_undelivered(at: datetime.datetime) -> QuerySet[AnnotatedAllocation]:
    """Return the allocations whose key can be redeemed and did not arrive: those that the home page counts."""
    listed = queries.list_allocations(date_in_paris(at)).filter(state=AllocationState.ISSUED)
    return queries.filter_situation(Situation.UNDELIVERED, listed)


def build_corrections(allocations: Sequence[AnnotatedAllocation]) -> list[AddressCorrection]:
    """Return what to correct of each of these allocations, in their order. Three queries."""
    ids = [allocation.pk for allocation in allocations]
    last = (
        Message.objects.filter(topic=ALLOCATION_TOPIC, topic_id__in_array=ids)
        .exclude(state=MessageState.CANCELLED)
        .order_by("topic_id", "-pk")
        .distinct("topic_id")
    )
    messages = {message.topic_id: message for message in last}
    contacts = dict(
        PortfolioSchool.objects.filter(school_id__in_array=[one.school_id for one in allocations])
        .exclude(contact_email="")
        .values_list("school_id", "contact_email")
    )
    candidates = {one.pk: list(_list_candidates(one, contacts.get(one.school_id, ""))) for one in allocations}
    refused = find_refused_addresses(address for found in candidates.values() for address, _ in found)
    corrections = []
    for allocation in allocations:
        message = messages.get(allocation.pk)
        # Until it is resent, the address of the allocation is that of the lost message.
        failed = {normalise_address(allocation.recipient), normalise_address(message.recipient if message else "")}
        usable = (
            (address, source)
            for address, source in candidates[allocation.pk]
            if normalise_address(address) not in failed and normalise_address(address) not in refused
        )
        proposed, source = next(usable, ("", ""))
        reason = message.explanation if message is not None else _NOTHING_SENT
        held = message.pk if message is not None and message.awaits_hand else None
        corrections.append(AddressCorrection(allocation, reason or _NOTHING_SENT, proposed, source, held))
    return corrections


def _list_candidates(allocation: AnnotatedAllocation, contact: str) -> Iterator[tuple[str, str]]:
    """Yield the addresses that we know of a school: the directory's own mailbox first."""
    if allocation.school.email:
        yield allocation.school.email, DIRECTORY
    if contact:
        yield contact, CONTACT


# What an act on many allocations will do, in schools and licences, before anybody confirms it.
#
# Read without locks: the operations decide anew, allocation by allocation, and refuse for the same reasons.

#: A key that was sent so lately is hardly late.
_JUST_SENT = datetime.timedelta(days=1)


class LeftReason(Enum):
    """Why an act leaves an allocation as it is; the value counts them in French, singular and plural."""

    REDEEMED = ("clé déjà activée", "clés déjà activées")
    REVOKED = ("attribution déjà reprise", "attributions déjà reprises")
    POOL_NOT_OPEN = ("clé d'un lot suspendu ou terminé", "clés de lots suspendus ou terminés")
    NEVER_SENT = ("école à qui aucun e-mail n'est encore parti", "écoles à qui aucun e-mail n'est encore parti")
    NOT_REDEEMED = ("clé non activée", "clés non activées")
    ALL_USED = ("école qui utilise toutes ses licences", "écoles qui utilisent toutes leurs licences")
    ASKED = ("école dont la réponse est attendue", "écoles dont la réponse est attendue")
    ASKED_LATELY = (
        "école déjà sollicitée depuis moins de 60 jours",
        "écoles déjà sollicitées depuis moins de 60 jours",
    )
    GIVEN_LATELY = (
        "école qui a ses licences, ou sa clé activée, depuis moins de 30 jours",
        "écoles qui ont leurs licences, ou leur clé activée, depuis moins de 30 jours",
    )
    ASKS_FOR_MORE = (
        "école qui demande des licences et attend votre réponse",
        "écoles qui demandent des licences et attendent votre réponse",
    )
    REMINDED_TODAY = ("école déjà relancée aujourd'hui", "écoles déjà relancées aujourd'hui")
    WRITTEN_THIS_WEEK = ("école déjà relancée cette semaine", "écoles déjà relancées cette semaine")


class PoolShare(NamedTuple):
    """What an act changes in one pool."""

    pool: str
    schools: int
    units: int


class BulkPreview(NamedTuple):
    """What an act changes, and what it leaves."""

    allocation_ids: list[int]
    schools: int
    units: int
    pools: list[PoolShare]
    #: Schools that an e-mail tells of it.
    emails: int
    left: Mapping[LeftReason, int]
    #: Of those that are written to, how many were sent their key within a day.
    just_sent: int = 0
    #: Of those that are reminded, how many stopped their automatic reminders.
    stopped: int = 0
    #: Where an act concerns a part of the licences of each, how many.
    units_by_allocation: Mapping[int, int] | None = None


def preview_revocation(allocation_ids: Collection[int], at: datetime.datetime) -> BulkPreview:
    """Return what `revoke_many` will do; its e-mails leave an hour later."""
    rows = _read(allocation_ids, at)
    reasons = {row.pk: reason for row in rows if (reason := _find_end(row)) is not None}
    emailed = queries.find_emailed_ids([row.pk for row in rows if row.pk not in reasons])
    return _count(rows, reasons, emails=len(emailed))


def preview_resending(allocation_ids: Collection[int], at: datetime.datetime) -> BulkPreview:
    """Return what `resend_many` will do."""
    rows = _read(allocation_ids, at)
    return _count(rows, {row.pk: reason for row in rows if (reason := _find_obstacle(row)) is not None})


def preview_reminding(allocation_ids: Collection[int], at: datetime.datetime) -> BulkPreview:
    """Return what `remind_many` will do."""
    rows = _read(allocation_ids, at)
    numbers = [row.pk for row in rows]
    emailed = queries.find_emailed_ids(numbers)
    reminded = queries.find_reminded_ids(start_of_day(date_in_paris(at)), numbers)
    written = set(calendar.find_written([row.school_id for row in rows], at=at))
    reasons = {}
    # In the order of `remind_many`, which writes once to a school.
    for row in sorted(rows, key=lambda row: row.pk):
        reason = _find_obstacle(row)
        if reason is None and row.pk not in emailed:
            reason = LeftReason.NEVER_SENT
        elif reason is None and row.pk in reminded:
            reason = LeftReason.REMINDED_TODAY
        elif reason is None and row.school_id in written:
            reason = LeftReason.WRITTEN_THIS_WEEK
        if reason is not None:
            reasons[row.pk] = reason
        else:
            written.add(row.school_id)
    preview = _count(rows, reasons)
    return preview._replace(
        just_sent=len(queries.find_just_sent_ids(at - _JUST_SENT, preview.allocation_ids)),
        stopped=len(queries.find_stopped(preview.allocation_ids)),
    )


def build_bulk_guard(
    preview: BulkPreview, at: datetime.datetime, *, counts_letters: bool = False
) -> ConfirmationGuard | None:
    """Return the guard on an act, None unless it concerns a large share of the licences given in running pools.

    `counts_letters`: the act moves no licence but writes letters: a large share of the schools served is what counts.
    """
    entitlements = find_entitlements(Q(last_day__gte=date_in_paris(at)))
    running = Allocation.objects.served().filter(pool__entitlement__in=entitlements)
    given = running.aggregate(schools=Count("school_id", distinct=True), units=Sum("units", default=0))
    schools, units = given["schools"], given["units"]
    concerned, served = (preview.schools, schools) if counts_letters else (preview.units, units)
    if not is_large_share(concerned, served, schools_served=schools):
        return None
    if counts_letters:
        letters = formatting.pluralize(preview.emails, "e-mail part", "e-mails partent")
        of_all = formatting.pluralize(schools, "école servie", "écoles servies")
        return ConfirmationGuard(preview.emails, f"{letters}, pour {of_all}. Tapez ce nombre d'e-mails pour confirmer.")
    licences = formatting.pluralize(preview.units, "licence")
    of_all = formatting.pluralize(units, "licence donnée", "licences données")
    question = f"Cela concerne {licences} sur {of_all}. Tapez ce nombre de licences pour confirmer."
    return ConfirmationGuard(preview.units, question)


def _read(allocation_ids: Collection[int], at: datetime.datetime) -> list[AnnotatedAllocation]:
    listed = (
        queries.list_allocations(date_in_paris(at)).filter(pk__in_array=allocation_ids).order_by("pool__name", "pk")
    )
    keys = ActivationKey.objects.only("redeemed_at")
    return list(listed.prefetch_related(None).prefetch_related(Prefetch("key", keys)))


def _find_end(row: AnnotatedAllocation) -> LeftReason | None:
    if row.revoked_at is not None:
        return LeftReason.REVOKED
    return LeftReason.REDEEMED if row.key.redeemed_at is not None else None


def _find_obstacle(row: AnnotatedAllocation) -> LeftReason | None:
    """Return why no e-mail may be sent about this key, if so."""
    return _find_end(row) or (LeftReason.POOL_NOT_OPEN if row.state != AllocationState.ISSUED else None)


def _count(
    rows: list[AnnotatedAllocation], reasons: Mapping[int, LeftReason], *, emails: int | None = None
) -> BulkPreview:
    changed = [row for row in rows if row.pk not in reasons]
    schools, units = Counter(row.pool.name for row in changed), Counter[str]()
    for row in changed:
        units[row.pool.name] += row.units
    return BulkPreview(
        allocation_ids=[row.pk for row in changed],
        schools=len({row.school_id for row in changed}),
        units=sum(units.values()),
        pools=[PoolShare(pool, count, units[pool]) for pool, count in schools.items()],
        emails=len(changed) if emails is None else emails,
        left=Counter(reasons.values()),
    )


def describe_revoking(preview: BulkPreview) -> list[str]:
    """Return what taking the licences back does: licences by pool, and the e-mails."""
    lines = [
        f"{formatting.pluralize(share.schools, 'école')} : {formatting.pluralize(share.units, 'licence')}"
        f" {'reviennent' if share.units > 1 else 'revient'} au lot « {share.pool} »."
        for share in preview.pools
    ]
    if preview.emails:
        letters = formatting.pluralize(preview.emails, "e-mail")
        schools = "partent aux écoles qui avaient" if preview.emails > 1 else "part à l'école qui avait"
        then = f"ensuite, {letters} {schools} reçu {'leur' if preview.emails > 1 else 'sa'} clé"
    else:
        then = "aucune n'avait encore reçu sa clé, aucun e-mail ne part"
    return [*lines, f"Pendant une heure, vous pourrez annuler ; {then}."]


def describe_reminding(preview: BulkPreview) -> list[str]:
    """Return what reminding does."""
    lines = [f"{_count_schools(preview)} : un rappel part à chaque école, avec la même clé."]
    if preview.just_sent == 1:
        lines.append("La clé de l'une d'elles est partie il y a moins d'un jour.")
    elif preview.just_sent:
        lines.append(
            f"Les clés de {formatting.number(preview.just_sent)} d'entre elles sont parties il y a moins d'un jour."
        )
    if preview.stopped:
        stopped = formatting.pluralize(preview.stopped, "école a arrêté", "écoles ont arrêté")
        lines.append(f"Parmi elles, {stopped} les relances automatiques : la vôtre part tout de même.")
    return lines


def describe_resending(preview: BulkPreview) -> list[str]:
    """Return what sending the keys again does."""
    return [
        f"{_count_schools(preview)} : la même clé repart à l'adresse enregistrée de chaque école.",
        "Un e-mail encore en attente est remplacé par celui-ci.",
    ]


def describe_left(preview: BulkPreview) -> str:
    """Return « Rien ne change pour 14 clés déjà activées et 2 attributions déjà reprises. »; empty where all change."""
    counted = [formatting.pluralize(count, *reason.value) for reason, count in preview.left.items()]
    return f"Rien ne change pour {formatting.join_words(counted)}." if counted else ""


def _count_schools(preview: BulkPreview) -> str:
    return f"{formatting.pluralize(preview.schools, 'école')}, {formatting.pluralize(preview.units, 'licence')}"


#: Number of schools that the confirmation page names; the others are counted.
_MAX_NAMED = 15
#: Pages other than the list that may ask for an action (`origin`), and to which it comes back; with its query, the
#: parameters that the page had (`origin_query`).
_ORIGINS = {"home": "l'accueil", "portfolio:list": "la liste des écoles", "returns:list": "la page « Rendre »"}
#: The list has changed between the page that said what would happen and the confirmation.
_CHANGED = "Ce qui va se passer a changé depuis que vous l'avez lu. Rien n'est fait : relisez, puis confirmez."


class BulkOperation(Protocol):
    """Acts on many allocations, best effort."""

    def __call__(
        self, *, allocation_ids: Sequence[int], by: User | None, at: datetime.datetime
    ) -> list[checks.AllocationActionResult]: ...


@dataclass(frozen=True, slots=True)
class Override:
    """Another action, for what this one leaves for these reasons: a hand decides all the same."""

    reasons: frozenset[LeftReason]
    #: Its name, and what its button says.
    name: str
    label: str


@dataclass(frozen=True, slots=True)
class BulkAction:
    """An action on many allocations."""

    label: str
    preview: Callable[[Collection[int], datetime.datetime], BulkPreview]
    #: What it will do, in French sentences.
    describe: Callable[[BulkPreview], list[str]]
    run: BulkOperation
    #: The result, singular and plural.
    done: tuple[str, str]
    takes_back: bool = False
    #: Of the allocations of schools that are ticked in place of them, which it concerns, and what is said of none.
    select: Callable[[QuerySet[AnnotatedAllocation]], QuerySet[AnnotatedAllocation]] = queries.filter_not_redeemed
    nothing: str = "Aucune de ces écoles n'a de clé à activer : il n'y a rien à leur rappeler."
    override: Override | None = None


#: By the value of the button; apps above declare theirs.
bulk_actions: Registry[BulkAction] = Registry("act on many allocations")
bulk_actions.declare(
    "relancer",
    BulkAction(
        "Relancer",
        preview_reminding,
        describe_reminding,
        key_emails.remind_many,
        ("école relancée", "écoles relancées"),
    ),
)
bulk_actions.declare(
    "renvoyer",
    BulkAction(
        "Renvoyer la clé",
        preview_resending,
        describe_resending,
        key_emails.resend_many,
        ("clé renvoyée", "clés renvoyées"),
    ),
)
bulk_actions.declare(
    "reprendre",
    BulkAction(
        "Reprendre les licences",
        preview_revocation,
        describe_revoking,
        reductions.revoke_many,
        ("attribution reprise", "attributions reprises"),
        takes_back=True,
    ),
)


@require_POST
@office(Capability.GIVE_LICENCES)
def act_on_selected(request: OfficeHttpRequest) -> HttpResponse:
    """Say what will happen, then act on the selected allocations, or on all those of the filter (`scope=filter`).

    Of schools that are ticked in place of allocations (`uai`), on those that the action concerns.

    `confirmed` is the number of licences that the page stated: the act is not done where it concerns others by then.
    """
    name = request.POST.get("action", "")
    action = bulk_actions.get(name)
    if action is None:
        raise Http404("No such action.")
    query, now = request.POST.get("query", ""), timezone.now()
    origin = request.POST.get("origin", "")
    origin = origin if origin in _ORIGINS else ""
    origin_query = request.POST.get("origin_query", "")
    back = build_list_url(origin, origin_query) if origin else get_list_url(query)
    whole_list = request.POST.get("scope") == "filter"
    allocation_ids = _get_selected(request, action, query, whole_list=whole_list)
    if not allocation_ids:
        messages.warning(request, _describe_nothing(request, action))
        return redirect(back)
    preview = action.preview(allocation_ids, now)
    guard = build_bulk_guard(preview, now, counts_letters=not action.takes_back)
    confirmed, fault, notice, status = request.POST.get("confirmed"), "", "", 200
    if confirmed is not None and confirmed != str(preview.units):
        notice, status = _CHANGED, 409
    elif confirmed is not None and guard is not None:
        fault = guard.find_fault(request.POST.get("confirmed_count", ""), "cette action")
        status = 422 if fault else 200
    if confirmed is None or notice or fault:
        named = Allocation.objects.filter(pk__in=preview.allocation_ids[:_MAX_NAMED]).select_related("school")
        context = {
            "action": action,
            "name": name,
            "query": query,
            "origin": origin,
            "origin_query": origin_query,
            "back": back,
            "back_to": _ORIGINS.get(origin, "la liste"),
            "preview": preview,
            "lines": action.describe(preview),
            "left": describe_left(preview),
            "guard": guard,
            "fault": fault,
            "notice": notice,
            "override": action.override if action.override and action.override.reasons & set(preview.left) else None,
            "schools": [
                (allocation.school, (preview.units_by_allocation or {}).get(allocation.pk, allocation.units))
                for allocation in named.order_by("school__name_folded")
            ],
            "others": max(0, len(preview.allocation_ids) - _MAX_NAMED),
            "scope": "filter" if whole_list else "",
            # Django refuses thousands of form fields: the full list is identified by its filter.
            "ids": [] if whole_list else allocation_ids,
        }
        return render(request, "pools/bulk.html", context, status=status)
    results = action.run(allocation_ids=allocation_ids, by=request.member.user, at=now)
    show_results(request, action.done, results)
    return redirect(back)


def _describe_nothing(request: OfficeHttpRequest, action: BulkAction) -> str:
    """Return in French why nothing is selected."""
    if request.POST.getlist("uai"):
        return action.nothing
    if request.POST.get("origin") == "portfolio:list":
        return "Cochez au moins une école."
    return "Cochez au moins une attribution, ou choisissez toutes celles de la liste."


def _get_selected(request: OfficeHttpRequest, action: BulkAction, query: str, *, whole_list: bool) -> list[int]:
    if whole_list:
        return list(build_filter(QueryDict(query)).qs.order_by("pk").values_list("pk", flat=True))
    if uais := request.POST.getlist("uai"):
        listed = action.select(queries.list_allocations(date_in_paris(timezone.now()))).filter(school_id__in_array=uais)
        return list(listed.order_by("pk").values_list("pk", flat=True))
    selected = request.POST.getlist("ids")
    return [int(number) for number in selected if re.fullmatch(r"[0-9]{1,18}", number)]


#: Three fields a row: Django takes a thousand.
PER_PAGE = 200
_DONE = (
    "clé renvoyée à l'adresse corrigée, que votre périmètre retient",
    "clés renvoyées aux adresses corrigées, que votre périmètre retient",
)


class _Change(NamedTuple):
    """What a row asks for: the key of an allocation, to another address."""

    allocation: Allocation
    recipient: str

    @property
    def is_same(self) -> bool:
        return normalise_address(self.recipient) == normalise_address(self.allocation.recipient)


@office()
@require_GET
def correction_list(request: OfficeHttpRequest) -> HttpResponse:
    """List the keys that did not arrive, each with the address that we know besides."""
    undelivered = list_undelivered(timezone.now()).order_by("school__name_folded", "school_id", "pk")
    page = Paginator(undelivered, PER_PAGE).get_page(request.GET.get("page"))
    count = page.paginator.count
    context = {
        "corrections": build_corrections(list(page.object_list)),
        "page": page,
        "counted": formatting.pluralize(count, "clé n'est pas arrivée", "clés ne sont pas arrivées"),
        "manages": request.member.may(Capability.GIVE_LICENCES),
        "prepares": request.member.may(Capability.PREPARE_IMPORTS),
    }
    return render(request, "pools/corrections.html", context)


@require_POST
@office(Capability.GIVE_LICENCES)
def correct(request: OfficeHttpRequest) -> HttpResponse:
    """Say which keys leave for which addresses; with `confirmed`, resend them and learn the contacts."""
    changes = _read_changes(request)
    if not changes:
        messages.warning(request, "Cochez au moins une école, ou écrivez son adresse.")
        return redirect("pools:corrections")
    if "confirmed" not in request.POST:
        context = {
            "changes": changes,
            "counted": formatting.pluralize(
                len(changes), "clé part à l'adresse corrigée", "clés partent aux adresses corrigées"
            ),
            "at_once": (
                "L'e-mail part aussitôt et ne se rattrape pas : relisez l'adresse."
                if len(changes) == 1
                else "Les e-mails partent aussitôt et ne se rattrapent pas : relisez les adresses."
            ),
            "same": [change for change in changes if change.is_same],
        }
        return render(request, "pools/correct.html", context)
    recipients = {change.allocation.pk: change.recipient for change in changes}
    results = key_emails.readdress_many(recipients=recipients, by=request.member.user, at=timezone.now())
    show_results(request, _DONE, results)
    return redirect("pools:corrections")


def _read_changes(request: OfficeHttpRequest) -> Sequence[_Change]:
    """Return what the ticked rows ask for, in the order of the page; rows without an address are left out."""
    ticked = set(request.POST.getlist("ticked"))
    rows = zip(request.POST.getlist("ids")[:PER_PAGE], request.POST.getlist("recipient")[:PER_PAGE], strict=False)
    asked = {
        int(number): recipient.strip()
        for number, recipient in rows
        if number in ticked and re.fullmatch(r"[0-9]{1,18}", number) and recipient.strip()
    }
    found = Allocation.objects.filter(pk__in_array=list(asked)).select_related("school", "pool")
    allocations = {allocation.pk: allocation for allocation in found}
    return [_Change(allocations[number], asked[number]) for number in asked if number in allocations]
