"""Delays between attempts at passwords and codes, by account, device and network.

Each attempt is counted for several subjects (an account at a network, the account, the network) before what was typed
is looked at; where one of them has to wait, it is refused, and counts for none. Failures are forgotten one by one as
time passes; a success takes back those that preceded it. Nothing is ever closed: a wait has a longest length, which
refused attempts do not prolong.
"""

import datetime
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from allauth.account.signals import password_changed, password_reset, password_set
from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa import app_settings as mfa_settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from accounts import emails, known_origins
from accounts.emails import queue_email_to_user
from accounts.known_origins import NOBODY, Origin, Owner
from accounts.models import AttemptDelay, KnownOrigin, User
from accounts.throttling import format_wait
from core.formatting import pluralize

_TABLE = "public.accounts_attemptdelay"
_SECOND = datetime.timedelta(seconds=1)
_MINUTE = datetime.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class DelayRule:
    """How long a subject of a scope waits after so many failures, and how fast they are forgotten.

    `free` failures in a row cost nothing; then the wait is `first`, and twice as long after each further failure, up to
    `longest`. One failure is forgotten every `forget_every`. Without `first` failures are counted up to `free`, and
    nobody waits.
    """

    scope: str
    free: int
    forget_every: datetime.timedelta
    first: datetime.timedelta = datetime.timedelta()
    longest: datetime.timedelta = datetime.timedelta()

    @property
    def max_failures(self) -> int:
        """How many failures are remembered: those that lead to the longest wait."""
        failures = self.free
        while self.get_wait(failures) < self.longest:
            failures += 1
        return failures

    def get_wait(self, failures: int) -> datetime.timedelta:
        """Return how long to wait after the last of so many failures."""
        if failures < self.free:
            return datetime.timedelta()
        return min(self.longest, self.first * (1 << min(failures - self.free, 32)))


class AttemptTooEarly(Exception):
    """One of the subjects has to wait; `wait` says how long, and `until` until when, by the database's clock."""

    def __init__(self, wait: datetime.timedelta, until: datetime.datetime) -> None:
        self.wait = wait
        self.until = until
        super().__init__(f"Trop d'essais : réessayez dans {format_delay(wait)}.")

    @property
    def retry_after(self) -> int:
        """Seconds, rounded up, for the `Retry-After` header and for a child."""
        return count_seconds(self.wait)


def count_seconds(wait: datetime.timedelta) -> int:
    """Return a wait in whole seconds, rounded up, at least 1."""
    return max(1, -(-wait // _SECOND))


def format_delay(wait: datetime.timedelta) -> str:
    """Return a wait in French, rounded up: « 1 seconde », « 40 secondes », « 2 minutes »."""
    seconds = count_seconds(wait)
    if wait > _MINUTE:
        return format_wait(datetime.timedelta(seconds=seconds))
    return f"{seconds} seconde{'s' if seconds > 1 else ''}"


#: A rule and the keyed hash of whom, or where from, it counts.
type _Subject = tuple[DelayRule, str]


class _Row(NamedTuple):
    """A subject's row, as it was locked."""

    rule: DelayRule
    subject: str
    empties_at: datetime.datetime
    open_at: datetime.datetime
    refused: int

    def count_failures(self, now: datetime.datetime) -> int:
        """Return how many failures are not forgotten yet, a part of one counting as one."""
        return max(0, -((now - self.empties_at) // self.rule.forget_every))


class _CountedRow(NamedTuple):
    """A subject's row after an attempt was counted, with its failures before and after."""

    rule: DelayRule
    subject: str
    before: int
    failures: int
    open_at: datetime.datetime


@dataclass(frozen=True, slots=True)
class CountedAttempt:
    """An attempt that was counted as a failure of its subjects. `refused`: how many were refused since the last one."""

    counted: tuple[_CountedRow, ...]
    refused: int

    def describe_refused(self) -> str:
        """Return how many attempts came too early before this one and were not looked at; empty for none."""
        if not self.refused:
            return ""
        return f"après {pluralize(self.refused, 'essai refusé', 'essais refusés')} sans examen, faute d'avoir attendu."

    @property
    def own_failures(self) -> int:
        """How many failures of the first subject are not forgotten, this attempt among them."""
        return self.counted[0].failures

    def has_just_reached(self, rule: DelayRule) -> bool:
        """Return whether this attempt made the failures of the rule's subject as many as are free."""
        return any(row.rule is rule and row.before < rule.free <= row.failures for row in self.counted)

    @transaction.atomic
    def take_back(self) -> None:
        """Forget the failures of the first subject, this attempt among them, for all subjects: it succeeded."""
        rows, now = _lock([(row.rule, row.subject) for row in self.counted])
        own = self.counted[0]
        failures = rows[own.rule, own.subject].count_failures(now)
        _write([_forgive(rows[row.rule, row.subject], row, failures, now) for row in self.counted])


def begin(subjects: Sequence[tuple[DelayRule, str]]) -> CountedAttempt:
    """Count an attempt as a failure of each subject, the closest first. Raises `AttemptTooEarly`, having counted none.

    A subject is given in plain: it is hashed here. Two statements in one transaction. Parallel attempts are counted one
    after the other.
    """
    hashed = [(rule, _hash_subject(subject)) for rule, subject in subjects]
    with transaction.atomic():
        rows, now = _lock(hashed)
        own, open_at = rows[hashed[0]], max(row.open_at for row in rows.values())
        is_early = open_at > now
        after = {hashed[0]: own._replace(refused=own.refused + 1)} if is_early else _count_all(rows, now)
        _write(after.values())
    if is_early:
        # After the commit, of which the refusals are part.
        raise AttemptTooEarly(open_at - now, open_at)
    return CountedAttempt(
        tuple(
            _CountedRow(*key, rows[key].count_failures(now), after[key].count_failures(now), after[key].open_at)
            for key in hashed
        ),
        own.refused,
    )


@transaction.atomic
def prune() -> int:
    """Delete the rows whose failures are forgotten and that nobody waits for; return how many."""
    # Skips what an attempt has locked: waiting for it in another order of rows could deadlock.
    forgotten = AttemptDelay.objects.filter(empties_at__lt=Now(), open_at__lt=Now()).select_for_update(skip_locked=True)
    deleted, _ = AttemptDelay.objects.filter(pk__in=forgotten.values("pk")).delete()
    return deleted


def _count_all(rows: Mapping[_Subject, _Row], now: datetime.datetime) -> dict[_Subject, _Row]:
    """Return the rows with one failure more."""
    counted = {}
    for (rule, subject), row in rows.items():
        latest = now + rule.max_failures * rule.forget_every
        more = row._replace(empties_at=min(latest, max(row.empties_at, now) + rule.forget_every), refused=0)
        counted[rule, subject] = more._replace(open_at=now + rule.get_wait(more.count_failures(now)))
    return counted


def _forgive(row: _Row, counted: _CountedRow, failures: int, now: datetime.datetime) -> _Row:
    """Return the row with so many failures fewer, and without the wait that this attempt began."""
    return row._replace(
        empties_at=max(now, row.empties_at - failures * row.rule.forget_every),
        open_at=now if row.open_at == counted.open_at else row.open_at,
    )


#: What time it is: now() is when the transaction began, which may have waited for these rows.
_CLOCK = "clock_timestamp()"


def _lock(subjects: Sequence[_Subject]) -> tuple[dict[_Subject, _Row], datetime.datetime]:
    """Lock the subjects' rows, made where there is none, in one order for all; return them, and the database's time."""
    ordered = sorted(subjects, key=lambda subject: (subject[0].scope, subject[1]))
    values = ", ".join([f"(%s, %s, {_CLOCK}, {_CLOCK}, 0)"] * len(ordered))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {_TABLE} AS delay (scope, subject, empties_at, open_at, refused) VALUES {values}
            ON CONFLICT (scope, subject) DO UPDATE SET scope = excluded.scope
            RETURNING scope, subject, empties_at, open_at, refused, {_CLOCK}
            """,  # noqa: S608 - names and placeholders
            [value for rule, subject in ordered for value in (rule.scope, subject)],
        )
        locked = {(scope, subject): columns for scope, subject, *columns in cursor.fetchall()}
    now: datetime.datetime = max(columns[-1] for columns in locked.values())
    return {(rule, subject): _Row(rule, subject, *locked[rule.scope, subject][:-1]) for rule, subject in ordered}, now


def _write(rows: Collection[_Row]) -> None:
    """Write locked rows."""
    values = ", ".join(["(%s, %s, %s::timestamptz, %s::timestamptz, %s)"] * len(rows))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {_TABLE} AS delay
            SET empties_at = new.empties_at, open_at = new.open_at, refused = new.refused
            FROM (VALUES {values}) AS new (scope, subject, empties_at, open_at, refused)
            WHERE delay.scope = new.scope AND delay.subject = new.subject
            """,  # noqa: S608 - the table's name and placeholders
            [value for row in rows for value in (row.rule.scope, *row[1:])],
        )


def _hash_subject(subject: str) -> str:
    return salted_hmac(AttemptDelay._meta.label, subject, algorithm="sha256").hexdigest()  # noqa: SLF001 - documented


# Delays between attempts at an account's password: on the sign-in page, and where the password is asked anew.
#
# A known device waits for its own failures alone, a known network for those of the account at that network. Everybody
# else also waits for the account's failures elsewhere, and for those of the network. The numbers are reckoned in
# docs/decisions/0097. Codes go by the same order of subjects, below.


@dataclass(frozen=True, slots=True)
class OriginDelays:
    """The rules of what is tried at an account, by where from.

    `by_second_factor`: only devices and networks count as known from which the second factor was passed.
    """

    at_device: DelayRule
    at_network: DelayRule
    of_account: DelayRule
    of_network: DelayRule
    by_second_factor: bool = False

    def begin(
        self, origin: Origin, name: str, owner: Owner, *, elsewhere: Sequence[tuple[DelayRule, str]] = ()
    ) -> CountedAttempt:
        """Count an attempt at the account of a name. Raises `attempt_delays.AttemptTooEarly`.

        `elsewhere`: further subjects of an attempt that no known device makes.
        """
        known = known_origins.find_known(
            origin, device_of=owner, network_of=owner, by_second_factor=self.by_second_factor
        )
        if KnownOrigin.Kind.DEVICE in known:
            return begin([(self.at_device, f"{origin.device}\n{name}")])
        here = (self.at_network, f"{origin.network}\n{name}")
        if KnownOrigin.Kind.NETWORK in known:
            return begin([here, *elsewhere])
        return begin([here, (self.of_account, name), (self.of_network, origin.network), *elsewhere])


def _build_delays(
    scope: str, wait: datetime.timedelta, account_wait: datetime.timedelta, *, by_second_factor: bool = False
) -> OriginDelays:
    """Return the rules of a scope.

    `wait`: the longest wait at a device or network, and the time in which one failure is forgotten; `account_wait`: the
    same for the account.
    """
    return OriginDelays(
        at_device=DelayRule(f"{scope}/device", 10, wait, first=5 * _SECOND, longest=wait),
        at_network=DelayRule(f"{scope}/here", 5, wait, first=5 * _SECOND, longest=wait),
        of_account=DelayRule(f"{scope}/account", 20, account_wait, first=5 * _SECOND, longest=account_wait),
        # High: a school's staff share one address, and the address of a town is shared by all its schools.
        of_network=DelayRule(f"{scope}/network", 200, 15 * _SECOND, first=_SECOND, longest=_MINUTE),
        by_second_factor=by_second_factor,
    )


PASSWORDS = _build_delays("sign-in", 15 * _MINUTE, 10 * _MINUTE)


def begin_password(request: HttpRequest, username: str, user: User | None) -> CountedAttempt:
    """Count an attempt at the password of a typed username. Raises `attempt_delays.AttemptTooEarly`.

    `user`: the account of that name; for None the same is done, and as many queries.
    """
    owner = get_owner(user) if user is not None else NOBODY
    return PASSWORDS.begin(known_origins.read_origin(request), username.strip().casefold(), owner)


def get_owner(user: User) -> Owner:
    """Return the account as the owner of known origins, which a new password makes unknown."""
    version = salted_hmac("accounts.device.password", user.password, algorithm="sha256").hexdigest()
    return Owner(f"user:{user.pk}", version)


def remember(request: HttpRequest, user: User, *, by_second_factor: bool = False) -> None:
    """Remember the browser and the network of a request that proved to be the user's; its response gets the cookie.

    `by_second_factor`: whether the proof was the second factor.
    """
    owner = get_owner(user)
    origin = known_origins.read_origin(request)
    # Remembered by this request already, whose cookie is older: one device, not two.
    origin = origin._replace(device=getattr(request, "known_device", origin.device))
    origin = known_origins.remember(
        origin,
        device_of=owner,
        network_of=owner,
        by_second_factor=by_second_factor,
        browser=known_origins.describe_browser(request),
    )
    cast("Any", request).known_device = origin.device


@receiver([password_reset, password_changed, password_set])
def remember_after_new_password(request: HttpRequest, user: User, **_: Any) -> None:
    """Remember the browser in which the new password was chosen."""
    remember(request, user)


# Delays between attempts at a second factor's codes: at sign-in, at a confirmation, and when an application is added.
#
# The application's codes and the recovery codes are counted apart: whoever tries the ones does not close the others. A
# known device is one that has passed the second factor, which a new password does not change; so whoever has the
# password and the mailbox gets no new budget by choosing another password.
#
# The bound, by `HALF_HOUR` as the longest wait and as the time in which one failure is forgotten: however many networks
# try an account, 20 codes at once and then 48 a day, 17,520 a year. Three of a million codes are right at a time: one
# year finds the code with a probability of 5 %, and the mean is 19 years. The same again, on its own, for whoever sits
# at a known network of the account, or has a known device's cookie. Ten recovery codes of a hundred million: 1 in 570
# a year. One network alone reaches 14 failures (5, then 9 while the wait doubles from 5 s to half an hour), never the
# 20 that would have the owner wait elsewhere.

HALF_HOUR = 30 * _MINUTE
APPLICATION_CODES = _build_delays("code", HALF_HOUR, HALF_HOUR, by_second_factor=True)
RECOVERY_CODES = _build_delays("recovery", HALF_HOUR, HALF_HOUR, by_second_factor=True)
#: Nobody waits for it. Three failures on unknown devices, that no success followed, are told to the owner; again after
#: a week without any, or when the password is a new one.
TRIED_ELSEWHERE = DelayRule("code/told", 3, datetime.timedelta(days=7))
#: The server's code has 69 bits and an hour: a wait for whoever mistypes it, on their own device or network.
_ENROLMENT = DelayRule("enrolment/here", 10, HALF_HOUR, first=5 * _SECOND, longest=HALF_HOUR)


def begin_code(origin: Origin, user: User, code: str) -> CountedAttempt:
    """Count an attempt at a code of the account. Raises `attempt_delays.AttemptTooEarly`."""
    # As allauth compares them: a text of another length equals no code of the application.
    is_of_application = len(normalize_user_code(code)) == mfa_settings.TOTP_DIGITS
    owner = get_owner(user)
    return (APPLICATION_CODES if is_of_application else RECOVERY_CODES).begin(
        origin,
        str(user.pk),
        owner,
        elsewhere=[(TRIED_ELSEWHERE, f"{user.pk}\n{owner.version}")],
    )


def notify_of_refusal(attempt: CountedAttempt, user: User, *, host: str, at: datetime.datetime) -> None:
    """Tell the owner, once an episode, that somebody with the password tries codes on an unknown device."""
    if attempt.has_just_reached(TRIED_ELSEWHERE):
        queue_email_to_user(user, emails.CODES_TRIED, host=host, at=at)


def begin_enrolment(origin: Origin, user: User) -> CountedAttempt:
    """Count an attempt at the server's code. Raises `attempt_delays.AttemptTooEarly`.

    By device, else by network: a stranger who is signed in with the password keeps nobody out.
    """
    return begin([(_ENROLMENT, f"{user.pk}\n{origin.device or origin.network}")])
