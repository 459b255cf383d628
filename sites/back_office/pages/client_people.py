"""Whom to reach at a client, when they last signed in, and which e-mails did not reach them."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import NamedTuple

from django.db.models import Max, QuerySet
from django.db.models.functions import Lower
from django.urls import reverse
from django_tenants.utils import tenant_context

from accounts.models import Profile, User
from collectivities.models import Invitation, Member, Role
from collectivities.queries import get_office_settings
from core import formatting
from core.calendar import date_in_paris
from licensing.orders.models import Order, OrderKind
from mailing import kinds
from mailing.models import LOST, Message
from schools.folding import fold
from schools.models import School
from tenants.cross_schema import query_all
from tenants.models import Collectivity, OfficeRequest

#: People of each kind, and e-mails: a page shows no more.
MAX_ROWS = 50
#: Who was invited has no name yet.
_INVITED = "Personne invitée"
_BILLED = "Facturation"
#: Of every collectivity: e-mails about this school's keys that did not arrive.
_LOST_KEYS_SQL = """
SELECT kind, recipient, created_at, reason FROM {schema}.mailing_message
WHERE state = ANY(%s) AND topic = 'allocation'
AND topic_id IN (SELECT id FROM {schema}.pools_allocation WHERE school_id = %s)
ORDER BY id DESC LIMIT 50
"""


class Contact(NamedTuple):
    """A person or an address of a client; `url`: where more of it is, empty where that is in the office alone."""

    name: str
    function: str
    email: str
    phone: str
    url: str
    has_account: bool = False
    last_login: datetime.datetime | None = None
    #: Where the same person gave others.
    other_emails: tuple[str, ...] = ()

    @property
    def emails(self) -> tuple[str, ...]:
        return (self.email, *self.other_emails) if self.email else self.other_emails


class LostEmail(NamedTuple):
    """An e-mail that failed for good, and why; `url`: of its page, or where the office can be opened that sent it."""

    kind: str
    recipient: str
    at: datetime.datetime
    reason: str
    url: str
    #: Name of the collectivity that sent it; empty for the portal.
    office: str = ""


def list_collectivity_contacts(collectivity: Collectivity, orders: QuerySet[Order]) -> list[Contact]:
    """Return members, invitations, the office's contact, buyers, who is billed and who asked. Seven queries."""
    with tenant_context(collectivity):
        members = list(Member.objects.active().prefetch_related("user").order_by("joined_at", "pk")[:MAX_ROWS])
        invitations = list(Invitation.objects.pending().order_by("created_at", "pk")[:MAX_ROWS])
        settings = get_office_settings()
    contacts = [_describe_user(one.user, _join_roles(one.roles)) for one in members]
    contacts += [_describe_invitation(one, collectivity) for one in invitations]
    if settings.contact_name or settings.contact_phone or settings.reply_to:
        name = settings.contact_name or "Le bureau"
        contacts.append(Contact(name, "Répond aux écoles", settings.reply_to, settings.contact_phone, ""))
    contacts += _list_buyers(orders, known={one.user_id for one in members})
    requests = OfficeRequest.objects.filter(collectivity=collectivity).order_by("pk")[:MAX_ROWS]
    contacts += [
        Contact(one.applicant, f"A demandé le bureau{f' ({one.role})' if one.role else ''}", one.email, one.phone,
                reverse("admin:tenants_officerequest_change", args=[one.pk]))
        for one in requests
    ]  # fmt: skip
    return _merge([*contacts, *_list_billed(orders)])


def list_school_contacts(school: School, orders: QuerySet[Order]) -> list[Contact]:
    """Return the school's own address, its principals and teachers, buyers, and who is billed. Three queries."""
    page = reverse("admin:schools_school_change", args=[school.pk])
    own = Contact(school.name, "Adresse officielle", school.email, school.phone, page)
    affiliations = list(
        school.affiliation_set.select_related("user").order_by("user__profile", "-verified_at", "pk")[:MAX_ROWS]
    )
    people = [
        _describe_user(one.user, "Direction vérifiée" if one.verified_at else one.user.get_profile_display())
        for one in affiliations
    ]
    buyers = _list_buyers(orders, known={one.user_id for one in affiliations})
    return [own, *_merge([*people, *buyers, *_list_billed(orders)])]


def list_person_contacts(person: User, orders: QuerySet[Order]) -> list[Contact]:
    """Return the account, and who is billed for what it ordered. One query."""
    return _merge([_describe_user(person, Profile(person.profile).label), *_list_billed(orders)])


def list_lost_emails(contacts: Iterable[Contact]) -> list[LostEmail]:
    """Return the portal's e-mails to these addresses that did not arrive, the latest first. One query."""
    addresses = {email.lower() for contact in contacts for email in contact.emails}
    messages = Message.objects.lost().alias(address=Lower("recipient")).filter(address__in=addresses)
    return [
        _describe_lost(one, reverse("admin:mailing_message_change", args=[one.pk]))
        for one in messages.order_by("-pk")[:MAX_ROWS]
    ]


def list_lost_office_emails(collectivity: Collectivity) -> list[LostEmail]:
    """Return the e-mails of a collectivity's office that did not arrive, the latest first. One query."""
    with tenant_context(collectivity):
        messages = list(Message.objects.lost().order_by("-pk")[:MAX_ROWS])
    return [_describe_lost(one, _visit_url(collectivity), str(collectivity)) for one in messages]


def list_lost_key_emails(school: School) -> list[LostEmail]:
    """Return every collectivity's e-mails about keys of a school that did not arrive. One query for many schemas."""
    found = []
    for collectivity, values in query_all(_LOST_KEYS_SQL, [[state.value for state in LOST], school.pk]):
        kind, recipient, created_at, reason = values
        message = Message(kind=kind, recipient=recipient, created_at=created_at, reason=reason)
        found.append(_describe_lost(message, _visit_url(collectivity), str(collectivity)))
    return found


def _visit_url(collectivity: Collectivity) -> str:
    """Return the page that opens the office: its own pages lead an operator to its sign-in form, and no further."""
    return reverse("admin:tenants_collectivity_visit", args=[collectivity.pk])


def _describe_lost(message: Message, url: str, office: str = "") -> LostEmail:
    label = kinds.get_label(message.kind)
    return LostEmail(label, message.recipient, message.created_at, message.explanation, url, office)


def _describe_user(user: User, function: str) -> Contact:
    return Contact(
        str(user),
        function,
        user.email,
        user.phone,
        reverse("admin:accounts_user_change", args=[user.pk]),
        has_account=True,
        last_login=user.last_login,
    )


def _describe_invitation(invitation: Invitation, collectivity: Collectivity) -> Contact:
    day = formatting.long_date(date_in_paris(invitation.created_at))
    end = formatting.long_date(date_in_paris(invitation.expires_at))
    function = f"Invitation du {day}, valable jusqu'au {end} : {_join_roles(invitation.roles)}"
    url = reverse("admin:office_invitation", args=[collectivity.pk, invitation.pk])
    return Contact(_INVITED, function, invitation.email, "", url)


def _list_buyers(orders: QuerySet[Order], *, known: set[int]) -> list[Contact]:
    """Return who placed these orders, but those who are named already: the operator, who grants, places none."""
    placed = orders.exclude(kind=OrderKind.GRANT).exclude(placed_by=None)
    buyers = User.objects.filter(pk__in=placed.values("placed_by")).exclude(pk__in=known)
    return [_describe_user(one, "A commandé") for one in buyers.order_by("last_name", "pk")[:MAX_ROWS]]


def _merge(contacts: list[Contact]) -> list[Contact]:
    """Return each person once, by address and by name, with all functions and addresses, and the first telephone.

    Two accounts of one name are two persons.
    """
    merged: list[Contact] = []
    by_email: dict[str, int] = {}
    by_name: dict[str, int] = {}
    for one in contacts:
        email, name = one.email.lower(), "" if one.name == _INVITED else fold(one.name)
        rank = by_email.get(email) if email else None
        if rank is None and name in by_name and not (one.has_account and merged[by_name[name]].has_account):
            rank = by_name[name]
        if rank is None:
            rank = len(merged)
            merged.append(one)
        else:
            merged[rank] = _join(merged[rank], one)
        if email:
            by_email.setdefault(email, rank)
        if name:
            by_name.setdefault(name, rank)
    return merged


def _join(first: Contact, other: Contact) -> Contact:
    """Return the first with the other's function, address and telephone, and its name where the first has none."""
    function = other.function
    if function == _BILLED and fold(other.name) != fold(first.name):
        function = f"{_BILLED} ({other.name})"
    known = {email.lower() for email in first.emails}
    more = (other.email,) if first.email and other.email and other.email.lower() not in known else ()
    return first._replace(
        name=other.name if first.name == _INVITED and not first.has_account else first.name,
        function=" ; ".join(dict.fromkeys([*first.function.split(" ; "), function])),
        email=first.email or other.email,
        phone=first.phone or other.phone,
        other_emails=(*first.other_emails, *more),
    )


def _list_billed(orders: QuerySet[Order]) -> list[Contact]:
    """Return each name and address that these orders are billed to, with the latest order of each."""
    billed = orders.exclude(bill_name="").order_by().values_list("bill_name", "bill_email").annotate(last=Max("pk"))
    return [
        Contact(name, _BILLED, email, "", reverse("admin:orders_order_change", args=[last]))
        for name, email, last in billed.order_by("-last")[:MAX_ROWS]
    ]


def _join_roles(roles: Iterable[str]) -> str:
    return formatting.join_words([Role(role).label for role in roles]).capitalize()
