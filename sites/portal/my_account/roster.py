"""The one list of teachers of « Mon compte », for a school and a school year: each with their state and next step."""

import datetime
import enum
from collections.abc import Iterable
from dataclasses import dataclass, field

from accounts.models import User
from core.formatting import format_school_year, pluralize
from core.text_templates import read_text_template
from licensing.entitlements import overview
from licensing.entitlements.models import Seat
from licensing.entitlements.overview import PrincipalOverview, SubscriptionCard
from licensing.entitlements.wording import format_long_date
from licensing.requests.invitations import queries as invitations
from licensing.requests.invitations.models import TeacherInvitation, guess_name, is_same_person, split_name
from licensing.requests.invitations.queries import WaitingInvitation
from licensing.requests.school_requests import queries as requests
from licensing.requests.school_requests.queries import PendingRequest
from schools import queries
from schools.folding import fold
from schools.wording import format_school_name


class TeacherState(enum.StrEnum):
    """Where a person of the list stands; the value is the French word on the page."""

    ACTIVE = "licence active"
    #: Held, and usable from a day to come.
    STARTING = "licence à venir"
    SUSPENDED = "licence suspendue"
    WITHOUT = "sans licence"
    #: Holds one that this school did not give.
    ELSEWHERE = "a déjà une licence"
    #: A letter waits for their answer, and a licence for them.
    INVITED = "invitation envoyée"
    #: Of a neighbouring school, or of a similar name: « Ils pourraient être de votre école ».
    PROPOSED = "à reconnaître"


@dataclass(kw_only=True, slots=True)
class RosterRow:
    """A row of the list. `person` is None where the principal may not see who it is."""

    person: User | None
    state: TeacherState
    invited: WaitingInvitation | None = None
    #: Their last invitation, which ended before they answered.
    unanswered: TeacherInvitation | None = None
    seat: Seat | None = None
    card: SubscriptionCard | None = None
    #: Why a teacher is proposed.
    reason: str = ""
    #: It is the principal, who may teach too.
    own: bool = False
    #: A licence can be given to them now.
    can_give: bool = False
    #: Whether the class of their licence was opened; None where there is no licence, or it may not be told.
    has_class: bool | None = None
    #: Their cancelled invitation can wait again.
    can_restore: bool = False
    #: They can be invited again now.
    can_invite: bool = False
    #: What they asked of the principals, which waits for an answer.
    request: PendingRequest | None = None

    @property
    def invitation(self) -> TeacherInvitation | None:
        """The invitation of a person who has no account yet."""
        return self.invited.invitation if self.invited is not None else self.unanswered

    @property
    def key(self) -> str:
        """What tells it from other rows, for the message and the focus; empty for a person who may not be named."""
        if self.invitation is not None:
            return f"i{self.invitation.pk}"
        return f"t{self.person.pk}" if self.person is not None else ""

    @property
    def name(self) -> tuple[int, str, str]:
        """Sort key: by name, then the proposals, those who may not be named, and the principal's own row."""
        if self.own:
            return 3, "", ""
        if self.invitation is not None:
            email = self.invitation.email
            person = split_name(self.invitation.name or guess_name(email) or email)
            return 0, fold(person.last or person.first), fold(person.first)
        if self.person is None:
            return 2, "", ""
        rank = 1 if self.state is TeacherState.PROPOSED else 0
        return rank, fold(self.person.last_name), fold(self.person.first_name)

    @property
    def can_tick(self) -> bool:
        """Whether it counts among the teachers to serve, all at once if wished."""
        return self.can_give and not self.own and self.state is TeacherState.WITHOUT


@dataclass(kw_only=True, slots=True)
class Place:
    """A licence of the school, drawn as a seat: whose initial stands on it, and what a screen reader says."""

    initial: str
    words: str
    #: `taken`, `reserved` or `free`.
    use: str


@dataclass(kw_only=True)
class SchoolRoster:
    """The subscriptions of a school year, and everybody who has a licence of them or may be given one."""

    #: The year in which it ends.
    school_year: int
    cards: list[SubscriptionCard]
    rows: list[RosterRow] = field(default_factory=list)

    @property
    def label(self) -> str:
        return format_school_year(self.school_year)

    @property
    def size(self) -> int:
        return sum(card.subscription.size for card in self.cards)

    @property
    def taken(self) -> int:
        return sum(card.taken for card in self.cards)

    @property
    def served(self) -> int:
        """How many licences are held and not suspended: each is a class that has Pep's, or will have."""
        return sum(card.taken for card in self.cards if not card.suspended)

    @property
    def reserved(self) -> int:
        return sum(card.reserved for card in self.cards)

    @property
    def free(self) -> int:
        return sum(card.free for card in self.cards)

    @property
    def begun(self) -> bool:
        """Whether classes may be opened with one of its licences."""
        return any(card.opens_classes for card in self.cards)

    @property
    def suspended(self) -> bool:
        """Whether all its licences are suspended."""
        return all(card.suspended for card in self.cards)

    @property
    def begins_on(self) -> datetime.date | None:
        """The first day of the licences to come; None once one has begun."""
        return None if self.begun else min((card.begins_on for card in self.cards if card.begins_on), default=None)

    @property
    def offers(self) -> list[SubscriptionCard]:
        """The subscriptions to give from, in order of preference: begun, paid for, then the earliest to expire."""
        return sorted(
            (card for card in self.cards if card.can_assign),
            key=lambda card: (card.begins_on is not None, card.temporary),
        )

    @property
    def waiting(self) -> int:
        """How many teachers of the school have no licence."""
        return sum(row.state is TeacherState.WITHOUT and not row.own for row in self.rows)

    @property
    def missing(self) -> int:
        """How many licences are missing for the teachers who wait."""
        return max(0, self.waiting - sum(card.free for card in self.offers))

    @property
    def several(self) -> bool:
        """Whether several teachers can be given one at once."""
        return sum(row.can_tick for row in self.rows) > 1

    @property
    def listed(self) -> bool:
        """Whether anybody but the principal is listed."""
        return any(not row.own for row in self.rows)

    @property
    def exhausted(self) -> bool:
        """Whether no licence is left to give."""
        return bool(self.cards) and not self.free and not self.suspended

    @property
    def places(self) -> list[Place]:
        """The licences as seats: those held, by name of the holder, those reserved, then those that are free."""
        held = [row for row in self.rows if row.seat is not None]
        invited = [str(row.invited.invitation) for row in self.rows if row.invited is not None]
        unnamed = sum(card.reserved for card in self.cards) - len(invited)
        return [
            *(
                Place(initial=row.person.first_name[:1].upper(), words=f"{row.person}", use="taken")
                if row.person is not None
                else Place(initial="", words="une personne qui a saisi la clé", use="taken")
                for row in held
            ),
            *(Place(initial=name[:1].upper(), words=f"réservée à {name}", use="reserved") for name in invited),
            *(Place(initial="", words="réservée", use="reserved") for _ in range(unnamed)),
            *(Place(initial="", words="libre", use="free") for _ in range(self.free)),
        ]

    def find_next(self, key: str) -> str:
        """Return the row to give a licence next: after this row, else from the top; empty where nobody waits."""
        order = [row.key for row in self.rows]
        givable = [place for place, row in enumerate(self.rows) if row.can_give and not row.own]
        start = order.index(key) if key in order else -1
        below = [place for place in givable if place > start]
        return next((order[place] for place in [*below, *givable]), "")


def list_school_years(found: PrincipalOverview) -> list[int]:
    """Return the school years that have current subscriptions, by the year in which they end."""
    return sorted({card.school_year for card in found.current})


def build_roster(user: User, found: PrincipalOverview, *, school_year: int, at: datetime.datetime) -> SchoolRoster:
    """Return the list for a school year that `found` has current subscriptions of, or any year where it has none."""
    school = found.affiliation.school if found.affiliation is not None and found.verified else None
    cards = [card for card in found.current if card.school_year == school_year]
    by_subscription = {card.subscription.pk: card for card in cards}
    roster = SchoolRoster(school_year=school_year, cards=cards)
    has_offers = bool(roster.offers)
    seats = [seat for seat in found.seats if seat.subscription_id in by_subscription]
    for seat in seats:
        card = by_subscription[seat.subscription_id]
        own = seat.holder_id == user.pk
        named = own or (school is not None and card.subscription.school_id is not None)
        roster.rows.append(
            RosterRow(
                person=seat.holder if named else None, state=_state_of(card), seat=seat, card=card, own=own,
                can_give=named and card.suspended and has_offers, has_class=overview.has_class(seat) if named else None,
            )
        )  # fmt: skip
    holders = {seat.holder_id for seat in seats}
    if user.pk not in holders and has_offers:
        roster.rows.append(RosterRow(person=user, state=TeacherState.WITHOUT, own=True, can_give=True))
    if school is not None:
        teachers = overview.list_teachers_served(school, found, school_year=school_year, at=at)
        without = [
            teacher
            for teacher in requests.annotate_requests(teachers, school.pk)
            if teacher.pk not in holders | {user.pk}
        ]
        invited = invitations.list_invited(
            list(by_subscription),
            ended_of=[card.subscription.pk for card in found.cards if card.subscription.school_id == school.pk],
            at=at,
        )
        roster.rows += [RosterRow(person=None, state=TeacherState.INVITED, invited=one) for one in invited.waiting]
        roster.rows += [
            RosterRow(
                person=None, state=TeacherState.WITHOUT, unanswered=one, can_invite=has_offers,
                can_restore=_can_restore(one, by_subscription.get(one.subscription_id), at),
            )
            for one in invited.unanswered
            if not any(_is_of(one, person) for person in (*without, *(seat.holder for seat in found.seats)))
        ]  # fmt: skip
        roster.rows += [
            RosterRow(
                person=teacher,
                state=TeacherState.ELSEWHERE if teacher.served_elsewhere else TeacherState.WITHOUT,
                can_give=has_offers,
                request=requests.get_pending_request(teacher),
            )
            for teacher in without
        ]
        roster.rows += _list_proposals(queries.suggest_teachers(school), {seat.holder_id for seat in found.seats})
    roster.rows.sort(key=lambda row: row.name)
    return roster


def _can_restore(invitation: TeacherInvitation, card: SubscriptionCard | None, at: datetime.datetime) -> bool:
    """Whether « Rétablir » would have the invitation wait again: its subscription, of this year, has a free seat."""
    return card is not None and card.can_assign and invitation.may_be_restored_at(at)


def _is_of(invitation: TeacherInvitation, person: User | None) -> bool:
    """Whether the invitation is that of a person who has an account."""
    if person is None or person.email.lower() != invitation.email.lower():
        return False
    return is_same_person(invitation.name, str(person))


def _state_of(card: SubscriptionCard) -> TeacherState:
    if card.suspended:
        return TeacherState.SUSPENDED
    return TeacherState.STARTING if card.begins_on else TeacherState.ACTIVE


def _list_proposals(likely: Iterable[queries.LikelyTeacher], holders: set[int | None]) -> list[RosterRow]:
    """Return rows for the teachers who may be of the school; those who hold a seat of it are listed already."""
    return [
        RosterRow(person=one.affiliation.user, state=TeacherState.PROPOSED, reason=one.reason)
        for one in likely
        if one.affiliation.user_id not in holders
    ]


def describe_classes(found: PrincipalOverview, shown: SchoolRoster) -> str:
    """Return « École Jaurès : 2 classes ont Pep's, 1 licence reste à donner »; the school alone without licences."""
    name = format_school_name(str(found.affiliation)) if found.affiliation is not None else "Mon établissement"
    start = f"à partir du {format_long_date(shown.begins_on)}" if shown.begins_on is not None else ""
    context = {"name": name, "shown": shown, "start": start, "rest": _describe_rest(shown)}
    return "".join(read_text_template("portal/sentences/classes.txt", context)[""])


def _describe_rest(shown: SchoolRoster) -> str:
    """Return « 8 licences restent à donner », or that all are given or reserved; empty if the others are suspended."""
    if left := sum(card.free for card in shown.offers):
        return f"{pluralize(left, 'licence reste', 'licences restent')} à donner"
    if shown.reserved:
        return pluralize(shown.reserved, "licence est réservée", "licences sont réservées")
    if shown.free:
        return ""
    return "votre licence est donnée" if shown.size == 1 else "toutes vos licences sont données"
