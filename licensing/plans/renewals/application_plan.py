"""What giving a list to its schools would do, and why it would not: judged without changing anything."""

import datetime
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from collectivities.queries import get_contact_emails
from core import formatting
from core.calendar import PARIS, date_in_paris
from licensing.plans.renewals.queries import RenewalList, RenewalRow
from licensing.pools.checks import Demand, ExistingAllocation, RejectedDemand, check_demands, get_target_schools
from licensing.pools.models import Allocation, Pool
from schools.calendar import WritingCalendar, find_place
from schools.models import School

#: For how long an application can be undone at least, however late it is made.
UNDOABLE_FOR = datetime.timedelta(hours=1)
_SEPTEMBER = 9
_SEND_TIME = datetime.time(8, 0, tzinfo=PARIS)
#: Within these days of 1 September every place has a day on which one writes to schools; else it is that day.
_SEARCHED_DAYS = 14
#: Schools that cannot be served that are named; the others are counted.
MAX_NAMED = 5


class PlannedGift(NamedTuple):
    """Licences that a school is to get of one lot, beside those that it has of it."""

    row: RenewalRow
    pool: Pool
    added: int
    before: int
    recipient: str

    @property
    def demand(self) -> Demand:
        return Demand(self.row.uai, self.added, self.recipient)


@dataclass(frozen=True, kw_only=True)
class ApplicationPlan:
    """What an application would do. Nothing may be refused: it is done as a whole or not at all."""

    version: int
    gifts: Sequence[PlannedGift]
    #: Schools that have their number already.
    served: int
    notify_at: datetime.datetime
    refusals: Sequence[str]

    @property
    def units(self) -> int:
        return sum(gift.added for gift in self.gifts)

    @property
    def is_refused(self) -> bool:
        return bool(self.refusals)

    @property
    def fingerprint(self) -> str:
        """A hash of what would be done: another where anything changed in between."""
        facts = (self.version, [(one.row.uai, one.pool.pk, one.added, one.before) for one in self.gifts],
                 date_in_paris(self.notify_at), len(self.refusals))  # fmt: skip
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]

    def group_by_pool(self) -> dict[int, list[PlannedGift]]:
        """Return the gifts by the primary key of their lot, in the order in which lots are locked."""
        groups: dict[int, list[PlannedGift]] = {}
        for gift in sorted(self.gifts, key=lambda one: one.pool.pk):
            groups.setdefault(gift.pool.pk, []).append(gift)
        return groups

    def describe(self) -> list[str]:
        """Return what will happen, in French sentences."""
        lines = []
        for gifts in self.group_by_pool().values():
            units = formatting.pluralize(sum(gift.added for gift in gifts), "licence")
            schools = formatting.pluralize(len(gifts), "école reçoit", "écoles reçoivent")
            lines.append(f"{schools} {units} du lot « {gifts[0].pool.name} ».")
        if self.served == 1:
            lines.append("1 école a déjà les licences de la liste.")
        elif self.served:
            lines.append(f"{formatting.number(self.served)} écoles ont déjà les licences de la liste.")
        if asking := sum(gift.row.use.asks_next > 0 for gift in self.gifts):
            has = formatting.pluralize(asking, "école a une demande", "écoles ont une demande")
            lines.append(f"{has} en attente pour cette année-là : ceci n'y répond pas, répondez dans « Demandes ».")
        day = formatting.long_date(date_in_paris(self.notify_at))
        lines.append(
            f"Les e-mails avec les clés partent le {day} à {self.notify_at.astimezone(PARIS):%H:%M} ; jusque-là, vous "
            "pouvez tout annuler, et aucune école n'en sait rien."
        )
        return lines


def build_plan(found: RenewalList, at: datetime.datetime) -> ApplicationPlan:
    """Return what giving this list would do. Seven queries, whatever the schools.

    Each school gets all that it lacks from one lot: that of which it has a key, else the first that has enough.
    """
    today = date_in_paris(at)
    pools = [pool for pool in found.pools if pool.entitlement.available_on(today)]
    lacking = sorted((row for row in found.rows if row.lacking), key=lambda row: (-row.lacking, row.uai))
    held = _list_held(pools, [row.uai for row in lacking])
    free = {pool.pk: pool.free for pool in pools}
    recipients = _find_recipients(lacking, held)
    gifts: list[PlannedGift] = []
    unserved: list[RenewalRow] = []
    for row in lacking:
        having = [pool for pool in pools if (pool.pk, row.uai) in held]
        pool = next((one for one in (*having, *pools) if free[one.pk] >= row.lacking), None)
        if pool is None:
            unserved.append(row)
            continue
        free[pool.pk] -= row.lacking
        existing = held.get((pool.pk, row.uai))
        before = existing.units if existing is not None else 0
        gifts.append(PlannedGift(row, pool, row.lacking, before, recipients[row.uai]))
    return ApplicationPlan(
        version=found.version,
        gifts=gifts,
        served=sum(bool(row.units) and not row.lacking for row in found.rows),
        notify_at=_find_notify_at(found.year, [gift.row.uai for gift in gifts], at),
        refusals=[*_describe_shortage(found, unserved, pools), *_find_rejections(gifts, held)],
    )


def _list_held(pools: Sequence[Pool], uais: Collection[str]) -> dict[tuple[int, str], ExistingAllocation]:
    active = Allocation.objects.active().filter(pool__in=pools, school_id__in_array=list(uais))
    rows = active.values_list("pool_id", "school_id", "pk", "key_id", "units", "recipient")
    return {(row[0], row[1]): ExistingAllocation(*row[2:]) for row in rows}


def _find_recipients(rows: Sequence[RenewalRow], held: Mapping[tuple[int, str], ExistingAllocation]) -> dict[str, str]:
    """Return by UAI where to write: where a key of that year was written to, the office's contact, the mailbox."""
    uais = [row.uai for row in rows]
    written = {uai: one.recipient for (_, uai), one in held.items()}
    contacts = get_contact_emails(uais)
    mailboxes = dict(School.objects.filter(uai__in_array=uais).values_list("uai", "email"))
    return {uai: written.get(uai) or contacts.get(uai) or mailboxes[uai] for uai in uais}


def _find_rejections(gifts: Sequence[PlannedGift], held: Mapping[tuple[int, str], ExistingAllocation]) -> list[str]:
    """Return why schools cannot be given anything: closed, or without an address."""
    uais = [gift.row.uai for gift in gifts]
    existing = {gift.row.uai: held[key] for gift in gifts if (key := (gift.pool.pk, gift.row.uai)) in held}
    checked = check_demands(
        [gift.demand for gift in gifts], get_target_schools(uais), existing, recipients_looked_up=True
    )
    sentences = [str(one.refusal()) for one in checked if isinstance(one, RejectedDemand)]
    more = len(sentences) - MAX_NAMED
    return [*sentences[:MAX_NAMED], *([f"Et {formatting.number(more)} de plus."] if more > 0 else [])]


def _describe_shortage(found: RenewalList, unserved: Sequence[RenewalRow], pools: Sequence[Pool]) -> list[str]:
    if not found.lacking:
        return ["Il n'y a rien à attribuer : chaque école a déjà le nombre de la liste."]
    if not unserved:
        return []
    if not pools:
        return ["Aucun lot de cette année-là n'est ouvert : il s'ouvre avec la commande, une fois passée et vérifiée."]
    free = sum(pool.free for pool in pools)
    if free < found.lacking:
        missing = formatting.pluralize(found.lacking - free, "licence")
        sentence = (
            f"Il manque {missing} : la liste en donne {formatting.number(found.lacking)}, et vos lots en ont "
            f"{formatting.number(free)} de libres. Diminuez des nombres, ou commandez ce qui manque."
        )
        return [sentence]
    names = formatting.join_first([row.name for row in unserved], MAX_NAMED)
    return [f"Aucun lot n'a assez de licences libres à lui seul pour {names} : changez des nombres."]


def _find_notify_at(year: int, uais: Sequence[str], at: datetime.datetime) -> datetime.datetime:
    """Return when the e-mails leave: at 8:00 on the first day from 1 September on which one writes to all of them."""
    first = datetime.date(year - 1, _SEPTEMBER, 1)
    last = first + datetime.timedelta(days=_SEARCHED_DAYS)
    places = {
        find_place(School(departement_code=code, academie=academie))
        for code, academie in School.objects.filter(uai__in_array=list(uais))
        .order_by()
        .values_list("departement_code", "academie")
        .distinct()
    }
    calendar = WritingCalendar(first, last)
    days = (first + datetime.timedelta(days=number) for number in range(_SEARCHED_DAYS))
    day = next((one for one in days if all(calendar.is_writing_day(place, one) for place in places)), first)
    return max(at + UNDOABLE_FOR, datetime.datetime.combine(day, _SEND_TIME))
