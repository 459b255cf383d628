"""Whether this database may be a restored copy, which must act on nobody until an operator says so.

What only a restoration changes is compared with what was noted when the installation was last allowed to act: see
`installation.models`. The answer belongs to a connection: a database is never exchanged under one. It is asked for anew
after some seconds, as an operator holds and resumes meanwhile. Why: docs/decisions/0166.
"""

import datetime
import enum
import time
from typing import Any, NamedTuple, cast
from weakref import WeakKeyDictionary

import psycopg
from django.conf import settings
from django.db import transaction

from core.connections import connection
from installation.models import Installation


class InstallationHeld(Exception):
    """This database may be a copy: nothing leaves it until an operator says so (`manage.py resume`).

    The state of the installation, and no `DomainError`, which a page would catch and show as a refusal.
    """

    code = "installation_held"
    sentence = "Le site est en cours de restauration : rien n'est envoyé ni enregistré pour l'instant."

    def __init__(self) -> None:
        super().__init__(self.sentence)


#: For how long an answer holds on one connection.
RECHECK_SECONDS = 10.0

# Now, and as noted. A restoration to a moment leaves its target in the server's settings, a failover does not.
_STATE = """
SELECT now.cluster, now.place, now.timeline, noted.cluster, noted.place, noted.timeline, noted.held_at, EXISTS (
    SELECT FROM pg_catalog.pg_settings WHERE setting <> ''
    AND name IN ('recovery_target', 'recovery_target_lsn', 'recovery_target_name', 'recovery_target_time',
                 'recovery_target_xid')
)
FROM public.installation_current() AS now LEFT JOIN public.installation_installation AS noted ON true
"""


class HoldCause(enum.StrEnum):
    """What tells that a database may be a copy; the value says it in French."""

    BY_HAND = "retenue par l'exploitant"
    CLUSTER = "base restaurée sur un autre serveur PostgreSQL, ou mise à niveau par pg_upgrade"
    DATABASE = "base restaurée dans une autre base, ou par-dessus celle-ci"
    TIMELINE = "base restaurée à un instant passé, ou serveur de secours promu"
    UNKNOWN = "base sans identité d'installation"


class _Known(NamedTuple):
    cause: HoldCause | None
    until: float


_known: WeakKeyDictionary[psycopg.Connection, _Known] = WeakKeyDictionary()


def find_hold(*, reads_only: bool = False) -> HoldCause | None:
    """Return why nothing may leave, None where it may; as of `RECHECK_SECONDS` ago at most.

    `reads_only`: for who writes nothing, also of a connection that broke meanwhile; its next statement tells.
    """
    if not reads_only or connection.connection is None:
        _connect()
    known = _known.get(connection.connection)
    if known is None or known.until < time.monotonic():
        known = _known[connection.connection] = _Known(_read_cause(), time.monotonic() + RECHECK_SECONDS)
    return known.cause


def forget() -> None:
    """Have the next question asked of the database."""
    _known.clear()


def refuse_while_held() -> None:
    """Raise `InstallationHeld` where nothing may leave: before whatever reaches somebody else's server."""
    if find_hold() is not None:
        raise InstallationHeld


@transaction.atomic
def hold(*, at: datetime.datetime) -> None:
    """Have nothing leave any more, until `resume`. As the owner."""
    Installation.objects.filter(held_at=None).update(held_at=at)
    forget()


@transaction.atomic
def resume() -> None:
    """Note that the installation is where its database is now, and acts again. As the owner."""
    cluster, place, timeline, *_ = _read_state()
    Installation.objects.update_or_create(
        pk=Installation.ID, defaults={"cluster": cluster, "place": place, "timeline": timeline, "held_at": None}
    )
    forget()


def _read_cause() -> HoldCause | None:
    cluster, place, timeline, noted_cluster, noted_place, noted_timeline, held_at, has_target = _read_state()
    if noted_cluster is None:
        return HoldCause.UNKNOWN
    if held_at is not None:
        return HoldCause.BY_HAND
    if cluster != noted_cluster:
        return HoldCause.CLUSTER
    if place != noted_place:
        return HoldCause.DATABASE
    if timeline != noted_timeline and (has_target or not settings.DATABASE_FAILS_OVER):
        return HoldCause.TIMELINE
    return None


def _read_state() -> tuple[Any, ...]:
    """Read by the driver: it is no query of the page or the job that asks."""
    _connect()
    with connection.wrap_database_errors:
        return cast("tuple[Any, ...]", connection.connection.execute(_STATE).fetchone())


def _connect() -> None:
    connection.close_if_health_check_failed()
    connection.ensure_connection()
