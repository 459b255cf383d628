"""The operator's visits of an office: read-only, for half an hour, with a reason that stands in the office's journal.

The link that opens a visit is the key of a session that nobody is signed in to, at the office's host: it serves once,
and its row holds a hash of it (`accounts.sessions`). The visit is a session of its own there; it lasts no longer than
the operator's session at the portal.
"""

import datetime
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables

from accounts import second_factor
from accounts.models import User
from accounts.sessions import Session, SessionStore
from collectivities import audit_log
from collectivities.capabilities import VISITOR_ROLES
from collectivities.exceptions import VisitRefused
from collectivities.models import Member
from core.links import hash_token
from tenants.models import Collectivity
from web.middleware import SESSION_HOST_KEY

#: How long a link may wait to be followed, and a visit last.
LINK_LIFETIME = datetime.timedelta(seconds=60)
VISIT_LIFETIME = datetime.timedelta(minutes=30)
MAX_REASON_LENGTH = 200
_LINK, _VISIT = "office_visit_link", "office_visit"
_BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@dataclass(frozen=True)
class OfficeVisit:
    """A visit that is open; `member`: as whom the pages see the operator, a manager without a row."""

    member: Member
    reason: str
    ends_at: datetime.datetime


def issue_link(*, collectivity: Collectivity, by: User, session_key: str, reason: str, at: datetime.datetime) -> str:
    """Return the URL that opens a visit, once and within a minute. `session_key`: of the operator's session.

    Raises `VisitRefused` where the account may not operate, or gives no reason.
    """
    reason = " ".join(reason.split())[:MAX_REASON_LENGTH]
    if not reason:
        raise VisitRefused("Dites pourquoi vous ouvrez ce bureau : le motif figure dans son journal.")
    if not second_factor.may_operate(by):
        raise VisitRefused("Seule l'exploitation ouvre le bureau d'une collectivité.")
    link = SessionStore()
    link[SESSION_HOST_KEY] = urlsplit(collectivity.office_url()).netloc
    link[_LINK] = {
        "operator": by.pk,
        "session": hash_token(session_key),
        "reason": reason,
        "ends_at": (at + LINK_LIFETIME).timestamp(),
    }
    link.set_expiry(int(LINK_LIFETIME.total_seconds()))
    link.create()
    path = reverse("office_visit", urlconf="config.urls_tenant", args=[link.session_key])
    return collectivity.office_url(path)


@sensitive_variables("token")
def open_visit(request: HttpRequest, token: str, *, at: datetime.datetime) -> None:
    """Spend the link and sign the operator in to a visit, which the office's journal says. Raises `VisitRefused`."""
    with transaction.atomic():
        link = _spend_link(token, host=request.get_host(), at=at)
        operator = _find_operator(link, at=at)
        if operator is None:
            raise VisitRefused(_GONE)
        audit_log.record(
            action="office.visited",
            by=operator,
            at=at,
            summary=f"Bureau ouvert en lecture seule par l'exploitation, pour 30 minutes au plus : {link['reason']}",
        )
    request.session.flush()
    login(request, operator, backend=_BACKEND)
    request.session[_VISIT] = link | {"ends_at": (at + VISIT_LIFETIME).timestamp()}
    request.session.set_expiry(int(VISIT_LIFETIME.total_seconds()))


def is_visit(request: HttpRequest) -> bool:
    """Return whether the request's session is a visit's, be it over or not."""
    return not request.session.is_empty() and _VISIT in request.session


def find_visit(request: HttpRequest, *, at: datetime.datetime) -> OfficeVisit | None:
    """Return the visit of a session that is one; None where it is over.

    It is over after its time, when the operator signs out of the portal, or may not operate any more.
    """
    visit = request.session[_VISIT]
    ends_at = datetime.datetime.fromtimestamp(visit["ends_at"], datetime.UTC)
    user = request.user
    if at >= ends_at or user.pk != visit["operator"] or _find_operator(visit, at=at) is None:
        return None
    member = Member(user=cast("User", user), roles=list(VISITOR_ROLES))
    return OfficeVisit(member, visit["reason"], ends_at)


def record_end(visit: OfficeVisit, *, at: datetime.datetime) -> None:
    """Write in the office's journal that the operator closed the visit; one that runs out needs no entry of its own."""
    audit_log.record(
        action="office.visit_closed",
        by=visit.member.user,
        at=at,
        summary=f"Lecture du bureau finie : l'exploitation l'a fermé. Elle l'avait ouvert ainsi : {visit.reason}",
    )


_GONE = "Ce lien a déjà servi, ou a plus d'une minute. Ouvrez le bureau à nouveau depuis l'administration."


@sensitive_variables("token")
def _spend_link(token: str, *, host: str, at: datetime.datetime) -> dict[str, Any]:
    """Delete the link's row and return its data. Raises `VisitRefused`: of two at once, one finds the row."""
    row = Session.objects.select_for_update().filter(pk=hash_token(token), expire_date__gt=at).first()
    data = {} if row is None else row.get_decoded()
    link: dict[str, Any] | None = data.get(_LINK)
    if row is None or link is None or data.get(SESSION_HOST_KEY) != host or at.timestamp() >= link["ends_at"]:
        raise VisitRefused(_GONE)
    row.delete()
    return link


def _find_operator(visit: dict[str, Any], *, at: datetime.datetime) -> User | None:
    """Return the operator of a link or a visit, while signed in at the portal and allowed to operate."""
    own = Session.objects.filter(pk=visit["session"], account=visit["operator"], expire_date__gt=at)
    operator = User.objects.filter(pk=visit["operator"]).first() if own.exists() else None
    return operator if operator is not None and second_factor.may_operate(operator) else None
