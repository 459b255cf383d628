"""One-time codes that let an operator enrol a first second factor, also after theirs was removed.

Without one, whoever has an operator's password could enrol their own telephone. A code is printed on the server
(`manage.py second_factor_code`), stored as a keyed hash for its account and its hour, and works once; whoever typed it
may enrol in the same session until that hour is over. Who writes in the database as the application makes none.
"""

from __future__ import annotations

import datetime
import secrets
from typing import cast

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.views.decorators.debug import sensitive_variables

from accounts import account_journal, code_delays, second_factor
from accounts.known_origins import Origin
from accounts.models import AccountEvent, EnrolmentCode, User
from web.access import SignedIn, require_policy

VALIDITY = datetime.timedelta(hours=1)
#: Without vowels and lookalikes: 16 of these 20 symbols are 69 bits.
_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
_LENGTH, _GROUP = 16, 4
#: Session key: until when this session may enrol, in seconds since the epoch, and for which account.
_GRANT = "second_factor_enrolment"


class EnrolmentCodeError(second_factor.SecondFactorError):
    """The code cannot be issued, or is not accepted. The message is shown to the user."""

    code = "enrolment_code_rejected"


def is_required(user: User) -> bool:
    """Return whether the account needs a code before it may enrol a second factor."""
    return settings.OPERATOR_SECOND_FACTOR and user.is_staff and not second_factor.is_enabled(user)


@transaction.atomic
def issue(*, user: User, at: datetime.datetime) -> str:
    """Return a new code for the operator's account; an earlier one no longer works. Raises `EnrolmentCodeError`."""
    if not user.is_staff:
        raise EnrolmentCodeError(
            f"Le compte « {user.username} » n'est pas un compte d'exploitation : il active la double authentification "
            "sans code du serveur."
        )
    if second_factor.is_enabled(user):
        raise EnrolmentCodeError(
            f"Le compte « {user.username} » a déjà la double authentification. Si son moyen est perdu, retirez-la "
            f"d'abord : manage.py remove_second_factor {user.username}"
        )
    symbols = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    expires_at = at + VALIDITY
    EnrolmentCode.objects.update_or_create(
        user=user, defaults={"code_hash": _hash(symbols, user, expires_at), "expires_at": expires_at}
    )
    account_journal.record_event(AccountEvent.Action.ENROLMENT_CODE, user=user, at=at)
    return "-".join(symbols[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))


@sensitive_variables("code")
def redeem(*, user: User, code: str, origin: Origin, at: datetime.datetime) -> datetime.datetime:
    """Spend the account's code; return until when it lets enrol.

    Raises `EnrolmentCodeError` for a wrong, spent or expired code, and `attempt_delays.AttemptTooEarly`.
    """
    attempt = code_delays.begin_enrolment(origin, user)
    typed = "".join(code.upper().replace("-", " ").split())
    codes = EnrolmentCode.objects.filter(user=user)
    issued = codes.filter(expires_at__gt=at).first()
    valid = issued is not None and constant_time_compare(issued.code_hash, _hash(typed, user, issued.expires_at))
    # The deletion tells who was first: of two requests with the same code one deletes the row.
    if issued is None or not valid or not codes.filter(code_hash=issued.code_hash).delete()[0]:
        account_journal.record_event(AccountEvent.Action.CODE_REFUSED, user=user, at=at)
        raise EnrolmentCodeError(
            "Ce code n'est pas le bon, a déjà servi ou a plus d'une heure. Demandez-en un autre sur le serveur : "
            f"manage.py second_factor_code {user.username}"
        )
    attempt.take_back()
    return issued.expires_at


def _hash(code: str, user: User, expires_at: datetime.datetime) -> str:
    bound_to = f"{user.pk} {expires_at.timestamp()} {code}"
    return salted_hmac("accounts.enrolment", bound_to, algorithm="sha256").hexdigest()


def allow_session(request: HttpRequest, *, until: datetime.datetime) -> None:
    """Let this session enrol a second factor for its account."""
    request.session[_GRANT] = [cast("User", request.user).pk, until.timestamp()]


def end_permission(request: HttpRequest) -> None:
    """Forget that this session may enrol: it did."""
    request.session.pop(_GRANT, None)


class MayEnrol:
    """Access policy: signed in; an operator without a second factor typed the code of the server in this session."""

    label = "signed in; operators by code"

    def __call__(self, request: HttpRequest) -> HttpResponse | None:
        """Redirect to the page that asks for the code, which leads back here."""
        response = SignedIn()(request)
        if response is not None:
            return response
        user = cast("User", request.user)
        if not is_required(user) or _is_allowed(request, user):
            return None
        return redirect_to_login(request.get_full_path(), reverse("enrolment_code"))


def _is_allowed(request: HttpRequest, user: User) -> bool:
    account, until = request.session.get(_GRANT, [None, 0])
    return bool(account == user.pk and timezone.now().timestamp() < until)


may_enrol = require_policy(MayEnrol())
