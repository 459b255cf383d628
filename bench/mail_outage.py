"""`python -m bench mail_outage`: an hour of e-mails that no mail server takes, on a clock that is moved.

Keys are given, sent again and recalled, members invited and passwords forgotten, each minute. The mail server takes one
e-mail without answering and is away; then it is silent, busy, and refuses our sender, a quarter of the hour each. Jobs
are run at their minutes. It fails on an e-mail that is lost, on one that arrives twice but the one that was taken
unanswered, and where the operator is told after more than five minutes, or still told once all is well.
"""

import contextlib
import datetime
import logging
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import override_settings
from django.urls import set_urlconf
from django_tenants.utils import get_public_schema_name, schema_context, tenant_context

from accounts import passwords
from accounts.models import Profile
from bench.office_data import create_person, create_schools, open_office
from bench.registry import measure
from collectivities.capabilities import Role
from collectivities.operations import members
from core.calendar import PARIS
from licensing.orders import operations as orders
from licensing.pools import key_emails
from licensing.pools import operations as pools
from licensing.pools.checks import Demand
from mailing import smtp_replies
from mailing.mime import build_message_id
from mailing.models import Message, MessageState
from sites.back_office.work_items import read_work
from sites.demo.year.world import YearClock, run_jobs, simulated_time
from sites.health.figures import DatabaseFigures
from sites.health.middleware import answer_on_time
from tenants.models import Collectivity
from tests.smtp_sink import RecordingSink, SinkBehaviour, SinkMessage

MINUTES = 60
#: Minutes after which the operator is told at the latest, and is no longer told once the server is back.
MAX_NOTICE_MINUTES, MAX_CALM_MINUTES = 5, 5
#: Minutes for which it is waited, once the server is back, until nothing is left to send.
_MAX_REST = 180
#: Schools of each minute: the first one's key is reminded of, the others get one.
_SCHOOLS_A_MINUTE = 5
#: In the past, as PostgreSQL's own clock is not moved; a day on which schools are written to.
_START = datetime.datetime(2026, 11, 24, 10, 0, tzinfo=PARIS)
#: Before it the first keys are given: a school is reminded a week later.
_WEEK = datetime.timedelta(days=8)
_MINUTE = datetime.timedelta(minutes=1)
#: As in deploy/prometheus/alerts.yml.
_RULE_SECONDS = 180
#: Seconds that a silent server is waited for: those of RFC 5321 are real ones.
_PATIENCE_S = 0.05
_BUSY = SinkBehaviour(sender="421 4.3.2 Service not available, closing transmission channel")
_REFUSING = SinkBehaviour(sender="550 5.7.1 Sender not allowed")


@dataclass(frozen=True)
class OutageMeasure:
    """What was sent, what became of it, and after how many minutes the operator was told, by the way of telling."""

    name: str
    minutes: int
    queued: dict[str, int]
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    #: Copies beside the first of what was taken without an answer: as the guide says.
    allowed_copies: int
    notice_minutes: dict[str, int | None]
    calm_minutes: dict[str, int | None]
    #: Ways that told of an outage before there was one.
    false_alarms: tuple[str, ...]
    all_sent_minutes: int

    def figures(self) -> dict[str, Any]:
        """Return everything."""
        return asdict(self)

    def line(self) -> str:
        """Return the figures in a few lines."""
        kinds = "  ".join(f"{kind}={count}" for kind, count in sorted(self.queued.items()))
        alarms = "  ".join(f"{way}={minute}/{self.calm_minutes[way]}" for way, minute in self.notice_minutes.items())
        return (
            f"name={self.name}  minutes={self.minutes}  e-mails={sum(self.queued.values())}: {kinds}\n"
            f"  lost={len(self.lost)}  doubled={len(self.doubled)}  copies of the unanswered one={self.allowed_copies}"
            f"  all sent after {self.all_sent_minutes} min\n"
            f"  told after / calm again after (min): {alarms}"
        )

    def failures(self) -> list[str]:
        """Return whatever breaks a promise."""
        return [
            *(f"lost: {sentence}" for sentence in self.lost),
            *(f"doubled: {sentence}" for sentence in self.doubled),
            *(f"{way}: told of an outage before it began" for way in self.false_alarms),
            *_list_late("told", self.notice_minutes, MAX_NOTICE_MINUTES),
            *_list_late("calm again", self.calm_minutes, MAX_CALM_MINUTES),
        ]


def _list_late(what: str, moments: dict[str, int | None], limit: int) -> list[str]:
    return [
        f"{way}: {what} after {'no' if minute is None else minute} minutes, {limit} are promised"
        for way, minute in moments.items()
        if minute is None or minute > limit
    ]


@measure("mail_outage")
def mail_outage() -> OutageMeasure:
    """Play the hour with some hundreds of e-mails."""
    # Each attempt in vain is logged: here they are wanted.
    logging.getLogger("mailing").setLevel(logging.CRITICAL)
    return play_outage(MINUTES)


def play_outage(minutes: int) -> OutageMeasure:
    """Play an outage of so many minutes in a new office."""
    clock = YearClock(_START - _WEEK)
    with RecordingSink() as sink, simulated_time(clock):
        schools = [school.uai for school in create_schools(minutes * _SCHOOLS_A_MINUTE)]
        work = _Work(open_office(name="Ville de la panne", slug="panne", siren="217500016"), schools, minutes, clock.at)
        return _Hour(clock, sink, work).play(minutes)


class _Work:
    """What people do, a minute each."""

    def __init__(self, office: Collectivity, schools: Sequence[str], minutes: int, at: datetime.datetime) -> None:
        """Give a key to the first school of each minute, and open the accounts of people who forget their passwords."""
        self.office = office
        self._shares = [schools[minute::minutes] for minute in range(minutes)]
        self._people = [create_person(f"personne.{number}", Profile.TEACHER, schools[0]) for number in range(minutes)]
        self._pool = orders.grant(collectivity=office, licences=3 * len(schools), reason="Mesure", by=None, at=at).pk
        with tenant_context(office):
            self._reminded = [self._give(share[:1], at)[0] for share in self._shares]

    def do(self, minute: int, at: datetime.datetime) -> None:
        """Give keys, send a reminder of an older one, invite a member, and forget a password."""
        with tenant_context(self.office):
            self._give(self._shares[minute][1:], at)
            key_emails.remind(allocation_id=self._reminded[minute], by=None, at=at)
            members.invite(email=f"membre.{minute}@mairie.example", roles=[Role.VIEWER], by=None, at=at)
        person = self._people[minute]
        passwords.request_reset(email=person.email, host=settings.BASE_DOMAIN, at=at)

    def _give(self, schools: Sequence[str], at: datetime.datetime) -> list[int]:
        demands = [Demand(uai, 2, f"direction.{uai.lower()}@exemple.example") for uai in schools]
        return list(pools.allocate_many(pool_id=self._pool, demands=demands, by=None, at=at).allocations.values())


class _Hour:
    """The clock, the mail server, and what the operator sees of it."""

    def __init__(self, clock: YearClock, sink: RecordingSink, work: _Work) -> None:
        self._clock = clock
        self._sink = sink
        self._work = work
        self._notice_minutes: dict[str, int | None] = dict.fromkeys(_SIGNS)
        self._calm_minutes: dict[str, int | None] = dict.fromkeys(_SIGNS)

    def play(self, minutes: int) -> OutageMeasure:
        """Play it from the week before until nothing is left to send."""
        with _mail_server_at(self._sink.port):
            self._pass_minute()
            self._clock.move_to(_START)
            self._sink.received.clear()
            # Taken, and the line cut before the answer: the last thing that the server does.
            self._sink.behaviour = SinkBehaviour(drop_after=self._sink.accepted, stores_dropped=True)
            self._pass_minute(0)
            false_alarms = self._list_alarms()
        unanswered = _read_message_id(self._sink.received[0])
        self._stay_away(minutes)
        self._sink.behaviour = SinkBehaviour()
        with _mail_server_at(self._sink.port):
            all_sent_minutes = self._catch_up()
        messages = self._read_outboxes()
        arrived = Counter(map(_read_message_id, self._sink.received))
        return OutageMeasure(
            name="mail_outage",
            minutes=minutes,
            queued=dict(Counter(message.kind for message in messages.values())),
            lost=tuple(
                f"{message} is {message.get_state_display()}, {arrived[number]} arrived"
                for number, message in messages.items()
                if not arrived[number] or message.state != MessageState.SENT
            ),
            doubled=tuple(
                f"{messages.get(number, number)} arrived {count} times"
                for number, count in arrived.items()
                if count > (smtp_replies.MAX_INTERRUPTIONS if number == unanswered else 1) or number not in messages
            ),
            allowed_copies=arrived[unanswered] - 1,
            notice_minutes=self._notice_minutes,
            calm_minutes=self._calm_minutes,
            false_alarms=tuple(false_alarms),
            all_sent_minutes=all_sent_minutes,
        )

    def _stay_away(self, minutes: int) -> None:
        with _unanswered_port(listens=False) as closed, _unanswered_port(listens=True) as silent:
            phases = [(closed, SinkBehaviour()), (silent, SinkBehaviour()), (self._sink.port, _BUSY)]
            phases.append((self._sink.port, _REFUSING))
            for minute in range(1, minutes):
                port, self._sink.behaviour = phases[minute * len(phases) // minutes]
                with _mail_server_at(port):
                    self._pass_minute(minute)
                for way in self._list_alarms():
                    if self._notice_minutes[way] is None:
                        self._notice_minutes[way] = minute

    def _catch_up(self) -> int:
        """Run until nothing is left to send and nobody is told any more; return the minutes that it took."""
        for minute in range(1, _MAX_REST):
            self._pass_minute()
            alarms = self._list_alarms()
            for way in _SIGNS:
                if self._calm_minutes[way] is None and way not in alarms:
                    self._calm_minutes[way] = minute
            if not alarms and not any(message.is_unsent for message in self._read_outboxes().values()):
                return minute
        return _MAX_REST

    def _pass_minute(self, minute: int | None = None) -> None:
        """Move the clock, have people do what is theirs in this minute, and workers what is due."""
        self._clock.move_to(self._clock.at + _MINUTE)
        if minute is not None:
            self._work.do(minute, self._clock.at)
        with connection.cursor() as cursor:
            # A worker lives.
            cursor.execute("DELETE FROM public.procrastinate_workers")
            cursor.execute("INSERT INTO public.procrastinate_workers (last_heartbeat) VALUES (%s)", [self._clock.at])
        run_jobs(self._clock.at)

    def _list_alarms(self) -> list[str]:
        return [way for way, is_alarmed in _SIGNS.items() if is_alarmed(self._clock.at)]

    def _read_outboxes(self) -> dict[str, Message]:
        """Return the messages of the hour, of the portal and of the office, by their Message-IDs."""
        found = {}
        for schema in (get_public_schema_name(), self._work.office.schema_name):
            with schema_context(schema):
                found |= {build_message_id(one): one for one in Message.objects.filter(created_at__gte=_START)}
        return found


def _read_message_id(received: SinkMessage) -> str:
    return str(received.email["Message-ID"])


@contextlib.contextmanager
def _mail_server_at(port: int) -> Iterator[None]:
    options = {"host": "127.0.0.1", "port": port, "timeout": _PATIENCE_S}
    with override_settings(MAILERS={"default": {"BACKEND": "mailing.mail_server.EmailBackend", "OPTIONS": options}}):
        yield


@contextlib.contextmanager
def _unanswered_port(*, listens: bool) -> Iterator[int]:
    """Reserve a port where nobody says a word: nobody listens, or somebody does and is silent."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        if listens:
            reserved.listen()
        yield reserved.getsockname()[1]


def _is_monitor_alarmed(_at: datetime.datetime) -> bool:
    return not answer_on_time().is_good


def _is_rule_met(_at: datetime.datetime) -> bool:
    figures = {metric.name: metric.samples[0].value for metric in DatabaseFigures().collect() if metric.samples}
    return figures["peps_mail_server_failing_seconds"] >= _RULE_SECONDS


def _is_page_alarmed(at: datetime.datetime) -> bool:
    # Its links are the portal's.
    set_urlconf(settings.PUBLIC_SCHEMA_URLCONF)
    try:
        return any(item.urgent and item.sentence.startswith("Aucun e-mail ne part") for item in read_work(at).items)
    finally:
        set_urlconf(None)


#: How the operator is told: the monitor that asks `/sante/travaux/`, the rule of Prometheus, their page.
_SIGNS: dict[str, Callable[[datetime.datetime], bool]] = {
    "monitor": _is_monitor_alarmed,
    "rule": _is_rule_met,
    "page": _is_page_alarmed,
}
