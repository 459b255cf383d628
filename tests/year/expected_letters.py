"""Which letters the story of a year must cause, counted from the story alone: (kind, receiver) → how many.

The rules are written here a second time, day by day, in plain Python: nothing of the site is asked.
"""

import datetime
from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from sites.demo.people import DemoPerson
from sites.demo.year.places import OFFICES, OfficeStory
from sites.demo.year.school_story import Act, SchoolYearStory, find_working_day
from sites.demo.year.story import YearStory

DAY = datetime.timedelta(days=1)
TAKING_PERIOD = datetime.timedelta(minutes=30)
UNREDEEMED_STEPS, UNUSED_DAYS = (10, 25, 45), 15
INVITATION_DAYS, INVITATION_REMINDER_DAYS = 30, 7
RENEWAL_MONTHS = (4, 6, 8)
MIN_LOST, MIN_LOST_PERCENT = 10, 20
#: Letters that a rebalancing causes: which schools it moves, the site alone says.
OF_REBALANCING = ("key_reduced", "key_revoked")

type Letters = Counter[tuple[str, str]]


def count_expected(story: YearStory) -> Letters:
    """Return the letters of the whole year."""
    letters: Letters = Counter()
    for act in story.acts:
        _count_act(act, story, letters)
    _count_taken_licences(story, letters)
    _count_once_a_day(story, letters)
    _count_renewal_reminders(story, letters)
    _count_failed_sendings(story, letters)
    for school in (*story.first.values(), *story.second.values()):
        _count_automatic(school, story, letters)
    for school in story.first.values():
        _count_year_letters(school, letters)
    for school in story.second.values():
        # An undone list leaves no letter, given twice it leaves one.
        letters["key", school.plan.mailbox] += 1
    _count_returns(story, letters)
    return letters


#: By the name of an act: the letters that it causes, each to whom.
_CAUSED: dict[str, tuple[tuple[str, Callable[[dict], list[str]]], ...]] = {
    "join_office": (
        ("account.created", lambda of: [of["office"].manager.email]),
        ("invitation", lambda of: [one.email for one in _list_members(of["office"])]),
    ),
    "accept_membership": (("account.created", lambda of: [of["office"].buyer.email, of["office"].officer.email]),),
    "order": (("order.placed", lambda of: [of["office"].buyer.email]),),
    "send_purchase_order": (("order.scan_received", lambda of: [of["office"].buyer.email]),),
    "confirm_purchase_order": (("order.invoiced", lambda of: [of["office"].buyer.email]),),
    "pay": (("order.paid", lambda of: [of["office"].buyer.email]),),
    "redeem_with_new_account": (("account.created", lambda of: [of["plan"].mailbox]),),
    "ask_for_verification": (("principal.verification_requested", lambda of: [of["plan"].mailbox]),),
    "confirm_verification": (("principal.verified", lambda of: [of["plan"].mailbox]),),
    "assign": (("seat.assigned", lambda of: _list_teachers(of, *of["places"])),),
    "replace": (
        ("seat.withdrawn", lambda of: _list_teachers(of, of["place"])),
        ("seat.assigned", lambda of: _list_teachers(of, of["successor"])),
    ),
    "release": (("seat.withdrawn", lambda of: _list_teachers(of, of["place"])),),
    "invite": (("teacher.invited", lambda of: _list_teachers(of, *of["places"])),),
    "accept_invitation": (("account.created", lambda of: _list_teachers(of, of["place"])),),
    "ask_principal": (("teacher_requests.waiting", lambda of: [of["plan"].mailbox]),),
    "refuse_teacher": (("teacher_request.refused", lambda of: _list_teachers(of, of["place"])),),
    "hand_over": (("class.pupils_received", lambda of: _list_teachers(of, of["giver"])),),
}
_GIFTS = ("import_workbook", "give_in_bulk", "give_many")


def _list_members(office: OfficeStory) -> tuple[DemoPerson, ...]:
    return office.manager, office.buyer, office.officer


def _list_teachers(details: dict, *places: int) -> list[str]:
    return [details["plan"].teachers[place].email for place in places]


def _count_act(act: Act, story: YearStory, letters: Letters) -> None:
    """Count what leaves because somebody did something."""
    details = act.arguments
    for kind, list_receivers in _CAUSED.get(act.name, ()):
        letters.update((kind, receiver) for receiver in list_receivers(details))
    of_office = [one for one in story.first.values() if one.plan.office is details.get("office")]
    if act.name in _GIFTS:
        letters.update(("key", one.plan.address) for one in of_office)
    elif act.name == "correct_addresses":
        letters.update(("key", one.plan.mailbox) for one in of_office if one.plan.address != one.plan.mailbox)
    elif act.name == "remind_by_hand":
        asleep = [one for one in of_office if one.redeemed_on is None or one.redeemed_on > act.day]
        letters.update(("key_reminder", one.plan.mailbox) for one in asleep)
    elif act.name == "decide":
        mailboxes = {one.uai: one.mailbox for one in story.plans}
        # The letter of the licences is the answer: it goes to the same mailbox.
        letters.update(("key", mailboxes[uai]) for uai in details["accepted"])
        letters.update(("request.refused", mailboxes[uai]) for uai in details["refused"])


def _count_taken_licences(story: YearStory, letters: Letters) -> None:
    """Count the letters to heads about licences that teachers took: one for all of half an hour, from the first on.

    A head has one key a school year.
    """
    begun: dict[str, datetime.datetime] = {}
    for act in sorted(story.acts, key=lambda one: (one.day, one.hour, one.minute)):
        if act.name in ("claim", "accept_invitation"):
            mailbox = act.arguments["plan"].mailbox
            at = datetime.datetime.combine(act.day, datetime.time(act.hour, act.minute))
            if mailbox not in begun or at >= begun[mailbox] + TAKING_PERIOD:
                begun[mailbox] = at
                letters["seat.taken", mailbox] += 1


def _count_once_a_day(story: YearStory, letters: Letters) -> None:
    """Count the letters that tell managers of what waits, and a buyer of a purchase order that is late."""
    days = {(act.arguments["plan"].office, act.day) for act in story.acts if act.name == "ask_collectivity"}
    for office, _ in days:
        letters["requests.waiting", office.manager.email] += 1
    ordered: dict[tuple[str, int], datetime.date] = {}
    for act in story.acts:
        key = (act.arguments["office"].slug, act.arguments["year"]) if act.name in _SALES else None
        if act.name == "order" and key:
            # Rights of a later year are counted from its first day.
            ordered[key] = max(act.day, datetime.date(key[1] - 1, 9, 1))
        elif act.name == "send_purchase_order" and key:
            steps = sum(ordered[key] + days * DAY <= act.day for days in (30, 40, 44))
            letters["order.reminder", act.arguments["office"].buyer.email] += steps


_SALES = ("order", "send_purchase_order")
_DECIDING = ("order", "decline_renewal")


def _count_renewal_reminders(story: YearStory, letters: Letters) -> None:
    """Count the letters to buyers: on a working morning of April, June and August, until the renewal is decided."""
    for office in OFFICES:
        acts = [act for act in story.acts if act.arguments.get("office") is office]
        decided = min(act.day for act in acts if act.name in _DECIDING and act.arguments["year"] > story.ends_in)
        months = sum(day <= decided for day in list_reminder_days(story))
        for buyer in (office.buyer, office.manager):
            # Whoever opens an office is a buyer as well.
            letters["renewals.reminder", buyer.email] += months


def list_reminder_days(story: YearStory) -> list[datetime.date]:
    """Return the first working days of April, June and August."""
    return [find_working_day(datetime.date(story.ends_in, month, 1)) for month in RENEWAL_MONTHS]


def _count_failed_sendings(story: YearStory, letters: Letters) -> None:
    """Count the letter to the manager about a gift of which ten letters, and a fifth, came back."""
    for office in OFFICES:
        given = [one.plan for one in story.first.values() if one.plan.office is office]
        lost = sum(plan.address != plan.mailbox for plan in given)
        if lost >= MIN_LOST and lost * 100 >= len(given) * MIN_LOST_PERCENT:
            letters["office.failed_sending", office.manager.email] += 1


@dataclass
class SchoolDays:
    """What is so of a school's key at eight o'clock of a day, before anybody does anything."""

    story: SchoolYearStory
    size: int
    #: Acts of the school that count, by day.
    acts: dict[datetime.date, list[Act]]
    held: set[int] = field(default_factory=set)
    #: Invitations that wait, by place: since when.
    invited: dict[int, datetime.date] = field(default_factory=dict)
    redeemed_on: datetime.date | None = None
    is_stopped: bool = False

    @property
    def free(self) -> int:
        return self.size - len(self.held) - len(self.invited)

    def close(self, day: datetime.date) -> None:
        """Have the acts of a day done."""
        for act in self.acts.get(day, ()):
            details = act.arguments
            match act.name:
                case "redeem_with_new_account" | "redeem":
                    self.redeemed_on = day
                case "stop_reminders":
                    self.is_stopped = True
                case "invite":
                    self.invited |= dict.fromkeys(details["places"], day)
                case "accept_invitation" | "claim":
                    self.invited.pop(details["place"], None)
                    self.held.add(details["place"])
                case "assign":
                    self.held |= set(details["places"])
                case "replace":
                    self.held = self.held - {details["place"]} | {details["successor"]}
                case "release":
                    self.held.discard(details["place"])
                case "give_back":
                    self.size -= details["units"]


def _count_automatic(school: SchoolYearStory, story: YearStory, letters: Letters) -> None:
    """Count the letters that leave by themselves about a key: day by day, one a week at most."""
    plan, terms = school.plan, story.terms
    days = SchoolDays(school, school.units, _list_acts(school))
    accepted = {act.day for act in story.acts if plan.uai in list_accepted(act)}
    past: dict[str, datetime.date] = {}
    steps = list(UNREDEEMED_STEPS)
    week_written: datetime.date | None = None
    day = school.arrival
    while day <= min(story.last_day, datetime.date(school.year, 8, 31)):
        if terms.is_school_day(day, plan.office.zone):
            due = [] if days.is_stopped else _list_due(days, day, steps, past)
            monday = day - day.weekday() * DAY
            if due and week_written != monday:
                cause = due[0]
                week_written, past[cause] = monday, day
                letters[cause, plan.mailbox] += 1
                steps = [step for step in steps if school.arrival + step * DAY > day]
        for place, since in list(days.invited.items()):
            if day == _find_invitation_reminder(since, school):
                letters["teacher.reminded", plan.teachers[place].email] += 1
        expired = [place for place, since in days.invited.items() if day == since + (INVITATION_DAYS + 1) * DAY]
        if expired:
            letters["teacher.expired", plan.mailbox] += 1
        for place in expired:
            del days.invited[place]
        days.close(day)
        if day in accepted:
            # The answer tells the head, in the same mailbox.
            days.size += 1
        day += DAY


def _list_due(days: SchoolDays, day: datetime.date, steps: list[int], past: dict[str, datetime.date]) -> list[str]:
    """Return the causes that are due on a day, the one that goes first first."""
    school = days.story
    if days.redeemed_on is None:
        return ["key_reminder"] if any(school.arrival + step * DAY <= day for step in steps) else []
    due = []
    nothing_held = days.free == days.size
    if nothing_held and "unused_reminder" not in past and days.redeemed_on + UNUSED_DAYS * DAY <= day:
        due.append("unused_reminder")
    october = datetime.date(school.year - 1, 10, 8)
    target = max(october, days.redeemed_on + 7 * DAY)
    if "unused_reminder" in past:
        target = max(target, past["unused_reminder"] + 21 * DAY)
    is_october = target <= day <= datetime.date(school.year - 1, 10, 31)
    if is_october and days.free > 0 and "october_reminder" not in past:
        due.append("october_reminder")
    return due


def _find_invitation_reminder(since: datetime.date, school: SchoolYearStory) -> datetime.date:
    """Return the morning on which who has not answered is reminded: a school day, a week after ten o'clock."""
    return school.day(since, INVITATION_REMINDER_DAYS + 1)


def _count_year_letters(school: SchoolYearStory, letters: Letters) -> None:
    """Count the letter of September: to each holder, and to the head."""
    if school.redeemed_on is None:
        return
    letters["class.year_ended", school.plan.mailbox] += 1
    for place in school.held:
        letters["class.year_ended", school.plan.teachers[place].email] += 1


def _count_returns(story: YearStory, letters: Letters) -> None:
    """Count what offices asked back in January: of each school with licences that nobody ever held."""
    for act in story.acts:
        if act.name != "ask_back":
            continue
        for school in story.first.values():
            if school.plan.office is act.arguments["office"] and count_unused(school, story, act.day) > 0:
                letters["return_request.received", school.plan.mailbox] += 1


def count_unused(school: SchoolYearStory, story: YearStory, day: datetime.date) -> int:
    """Return the licences of a redeemed key that nobody ever held, on a day."""
    if school.redeemed_on is None or school.redeemed_on > day:
        return 0
    plan = school.plan
    size, ever = school.units, set()
    invited: dict[int, datetime.date] = {}
    for act in sorted(_flatten(_list_acts(school)), key=lambda one: one.day):
        if act.day >= day:
            break
        details = act.arguments
        match act.name:
            case "assign":
                ever |= set(details["places"])
            case "claim" | "accept_invitation":
                ever.add(details["place"])
                invited.pop(details["place"], None)
            case "invite":
                invited |= dict.fromkeys(details["places"], act.day)
            case "give_back":
                size -= details["units"]
    size += sum(plan.uai in list_accepted(act) and act.day < day for act in story.acts if act.name == "decide")
    waiting = sum(since + INVITATION_DAYS * DAY >= day for since in invited.values())
    return size - len(ever) - waiting


def list_accepted(act: Act) -> Collection[str]:
    """Return the schools that get what they asked for by an act of their office."""
    return act.arguments.get("accepted", act.arguments.get("answered", ()))


def _list_acts(school: SchoolYearStory) -> dict[datetime.date, list[Act]]:
    acts: dict[datetime.date, list[Act]] = defaultdict(list)
    for act in school.acts:
        acts[act.day].append(act)
    return acts


def _flatten(acts: dict[datetime.date, list[Act]]) -> list[Act]:
    return [act for of_day in acts.values() for act in of_day]


def find_year_letter_day(story: YearStory) -> datetime.date:
    """Return the first working day of the second September."""
    return find_working_day(datetime.date(story.first_year + 1, 9, 1))
