"""A pupil's session: kept apart from those of grown-ups, and short.

Opening one ends whatever session the browser had, and a grown-up who signs in ends it. It lasts a school day at most,
and ends at once when the pupil gets a new password, is removed or is erased: every request reads the account anew.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from django.middleware.csrf import rotate_token
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from licensing.classes.models import PupilAccount

if TYPE_CHECKING:
    from django.http import HttpRequest

#: A tablet left in the classroom is nobody's the next morning.
LASTS = datetime.timedelta(hours=12)

_KEY = "pupil"


def begin(request: HttpRequest, pupil: PupilAccount, *, at: datetime.datetime) -> None:
    """Sign the pupil in, in a session of his own: its key is new, and nothing of the one before is in it."""
    request.session.flush()
    request.session[_KEY] = {
        "pk": pupil.pk,
        "password_set_at": pupil.password_set_at.isoformat(),
        "until": (at + LASTS).isoformat(),
    }
    request.session.set_expiry(int(LASTS.total_seconds()))
    rotate_token(request)


def of(request: HttpRequest) -> PupilAccount | None:
    """Return the pupil who is signed in, with his class, or None; a session that has ended is forgotten."""
    written = request.session.get(_KEY)
    if written is None:
        return None
    pupil = None if request.user.is_authenticated else _account(written)
    if pupil is None:
        request.session.pop(_KEY)
    return pupil


def _account(written: dict[str, Any]) -> PupilAccount | None:
    until, password_set_at = parse_datetime(written["until"]), parse_datetime(written["password_set_at"])
    if until is None or password_set_at is None or until <= timezone.now():
        return None
    return (
        PupilAccount.objects.filter(
            pk=written["pk"], password_set_at=password_set_at, classroom__purged_at__isnull=True
        )
        .select_related("classroom")
        .first()
    )


def end(request: HttpRequest) -> None:
    """Sign the pupil out; nothing of the session stays."""
    request.session.flush()


def end_for_grown_up(*, request: HttpRequest | None, **_: object) -> None:
    """Forget the pupil when a grown-up signs in at the same browser (Django keeps what a session held)."""
    if request is not None:
        request.session.pop(_KEY, None)
