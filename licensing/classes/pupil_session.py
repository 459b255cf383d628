"""Pupils' sessions: separate from those of users, and short; only they open pupils' pages.

Starting one ends any other session of the browser, and a user who signs in ends it. It lasts 12 hours at most, and ends
when the pupil's password is reset or the account deleted, as every request reads the account.
"""

import datetime
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from licensing.classes.models import PupilAccount
from web.access import require_policy

#: A school day: a tablet left in the classroom is signed out the next morning.
LIFETIME = datetime.timedelta(hours=12)

_SESSION_KEY = "pupil"


def begin(request: HttpRequest, pupil: PupilAccount, *, at: datetime.datetime) -> None:
    """Sign the pupil in, in a new session with a new key."""
    request.session.flush()
    request.session[_SESSION_KEY] = {
        "pk": pupil.pk,
        "password_set_at": pupil.password_set_at.isoformat(),
        "until": (at + LIFETIME).isoformat(),
    }
    request.session.set_expiry(int(LIFETIME.total_seconds()))
    rotate_token(request)


def get_pupil(request: HttpRequest) -> PupilAccount | None:
    """Return the signed-in pupil with their class, or None; delete a session that has ended."""
    session_data = request.session.get(_SESSION_KEY)
    if session_data is None:
        return None
    pupil = None if request.user.is_authenticated else _find_account(session_data)
    if pupil is None:
        request.session.pop(_SESSION_KEY)
    return pupil


def _find_account(session_data: dict[str, Any]) -> PupilAccount | None:
    until, password_set_at = parse_datetime(session_data["until"]), parse_datetime(session_data["password_set_at"])
    if until is None or password_set_at is None or until <= timezone.now():
        return None
    return (
        PupilAccount.objects.filter(
            pk=session_data["pk"], password_set_at=password_set_at, classroom__purged_at__isnull=True
        )
        .select_related("classroom")
        .first()
    )


def end(request: HttpRequest) -> None:
    """Sign the pupil out and delete the session."""
    request.session.flush()


def end_on_user_login(*, request: HttpRequest | None, **_: object) -> None:
    """Sign the pupil out when a user signs in in the same browser, as Django keeps the session's data."""
    if request is not None:
        request.session.pop(_SESSION_KEY, None)


class PupilRequest(HttpRequest):
    """A request that passed the pupil policy, with its pupil."""

    pupil: PupilAccount


class SignedInPupil:
    """Access policy: a signed-in pupil."""

    label = "pupil"

    def __call__(self, request: HttpRequest) -> HttpResponse | None:
        """Return None for a signed-in pupil; redirect all others to the pupils' sign-in page."""
        pupil = get_pupil(request)
        if pupil is None:
            return redirect("classes:pupil_sign_in")
        cast("PupilRequest", request).pupil = pupil
        return None


pupil_page = require_policy(SignedInPupil())
