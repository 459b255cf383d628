"""Sending e-mails: 2,000 queued messages, through a real SMTP server in a process of its own."""

import contextlib
import os
import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import connection, transaction
from django.db.models import Count
from django.test import override_settings
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from bench.measure import Contender, Measure, medians_in_turn, peak_of_code
from bench.registry import measure
from bench.scratch_database import ROOT
from jobs import worker
from jobs.periodic_tasks import shutdown_requested
from jobs.tasks import defer, task
from mailing import kinds, operations
from mailing.kinds import RenderedEmail, render_email
from mailing.mime import compose
from mailing.models import Message, MessageState
from mailing.operations import BULK_QUEUE

#: An import of a département.
COUNT = 2_000
#: It lives until it is ended, or its standard input is, as where the bench was killed.
_SINK = """
import sys
from sites.demo.smtp_sink import SmtpSink
with SmtpSink() as sink:
    print(sink.port, flush=True)
    sys.stdin.read()
"""


def render(message: Message) -> RenderedEmail:
    """Render an e-mail of ordinary size from its templates."""
    return render_email(
        subject=f"Ville de Nîmes vous attribue 3 licences Pep's pour l'École n° {message.topic_id}",
        paragraphs=["La Ville de Nîmes attribue trois licences à votre école, jusqu'au 31 août inclus."] * 8,
        button="Activer mes trois licences",
        address="https://peps.example/mon-compte/",
        notes=["1 licence = 1 classe = 1 enseignant et 30 comptes élèves."],
    )


@task(name="bench.send_one", queue="bench")
def send_one(*, number: int) -> None:
    """Send one message the usual way: its own job, its own connection."""
    rendered = render(Message.objects.get(pk=number))
    recipient = f"ce.{number:07}a@ac-exemple.example"
    email = EmailMultiAlternatives(rendered.subject, rendered.text, to=[recipient])
    email.attach_alternative(rendered.html, "text/html")
    email.send()


def empty() -> None:
    """Empty the outbox and the queue."""
    Message.objects.all().delete()
    ProcrastinateJob.objects.all()._raw_delete("default")  # noqa: SLF001 - the model is read-only on purpose


def queue() -> None:
    """Fill the outbox."""
    empty()
    operations.enqueue_many(
        [
            operations.NewMessage(kind="bench", recipient=f"ce.{number:07}a@ac-exemple.example", topic_id=number)
            for number in range(COUNT)
        ],
        at=timezone.now(),
    )


def queue_a_job_each() -> None:
    """Fill the outbox, and queue one job per message instead of ours."""
    queue()
    ProcrastinateJob.objects.all()._raw_delete("default")  # noqa: SLF001
    with transaction.atomic():
        for number in Message.objects.order_by("pk").values_list("pk", flat=True):
            defer("bench.send_one", schema="public", number=number)


def work(name: str) -> None:
    """Run one worker on the queue until it is empty, with the threads that the queue of bulk mail has.

    Exits with 143 where it is told to end meanwhile, and names what is left.
    """
    # The worker takes the signals for itself, and leaves Python's defaults behind.
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        worker.run(concurrency=settings.MAIL_THREADS, queues=[name], until_idle=True, give_up_after=10)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if shutdown_requested.is_set():
        print(describe_unsent() or "All messages were sent.", file=sys.stderr)
        sys.exit(143)


def send_all() -> None:
    """Send what is queued."""
    if not kinds.is_known("bench"):
        kinds.register("bench", label="", render=render)
    work(BULK_QUEUE)
    refuse_unsent()


def describe_unsent() -> str:
    """Return how many messages were not sent, in which state and for which reason; empty where all were."""
    unsent = Message.objects.exclude(state=MessageState.SENT).values_list("state", "reason")
    counts = unsent.annotate(count=Count("pk")).order_by("-count")
    reasons = "; ".join(f"{count} {state} ({reason or 'no reason'})" for state, reason, count in counts)
    return f"Messages were left unsent: {reasons}." if reasons else ""


def refuse_unsent() -> None:
    """Raise `RuntimeError` with what was not sent."""
    if unsent := describe_unsent():
        raise RuntimeError(unsent)


def _prebuilt(port: int, contents: list[bytes]) -> None:
    sender = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    with smtplib.SMTP("127.0.0.1", port) as line:
        for number, content in enumerate(contents):
            line.sendmail(sender, [f"ce.{number:07}a@ac-exemple.example"], content)


def _close_connections() -> None:
    """Close the workers' connections, which would block dropping the database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
        )


@contextlib.contextmanager
def running_sink() -> Iterator[int]:
    """Run a mail server that keeps nothing, in a process of its own; yield its port."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
    }
    process = subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", _SINK],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # What ends the bench's group, as Ctrl-C does, would cut the server off from messages that are being sent.
        process_group=0,
    )
    try:
        yield int(process.stdout.readline() if process.stdout else 0)
    finally:
        process.kill()
        process.communicate()


#: How many times the floor's time sending may take.
MAX_RATIO = 2.0


@dataclass(frozen=True)
class EmailMeasure(Measure):
    """The figures of sending, with the load of the machine meanwhile: the mail server has a processor of its own."""

    load: float

    def line(self) -> str:
        """Return the figures, with the load first."""
        return super().line().replace("  ", f"  load={self.load:.1f}  ", 1)

    def failures(self) -> list[str]:
        """Return how far the time is beyond its limit."""
        found = super().failures()
        if self.ratio_to_floor > MAX_RATIO:
            found.append(f"{self.ratio_to_floor:.2f} times the floor, {MAX_RATIO:g} at most")
        return found


@measure("send_emails")
def send_emails() -> EmailMeasure:
    """Send 2,000 messages from the outbox, recording what becomes of each."""
    with running_sink() as port:
        options = {"host": "127.0.0.1", "port": port}
        mailers = {"default": {"BACKEND": "mailing.mail_server.EmailBackend", "OPTIONS": options}}
        try:
            with override_settings(MAILERS=mailers):
                queue()
                contents = [
                    compose(message, render(message), at=timezone.now()).as_bytes()
                    for message in Message.objects.order_by("pk")
                ]
                times = medians_in_turn(
                    {
                        "ours": Contender(send_all, before=queue),
                        "floor": Contender(lambda: _prebuilt(port, contents), before=queue),
                        "peer": Contender(lambda: work("bench"), before=queue_a_job_each),
                    },
                    rounds=3,
                )
        finally:
            _close_connections()
        queue()
        os.environ |= {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(port)}
        peak = peak_of_code("from bench.mailing import send_all\nsend_all()")
    return EmailMeasure(
        name="send_emails",
        ours_s=times["ours"],
        floor_s=times["floor"],
        peer_s=times["peer"],
        peak_mb=peak,
        floor="smtplib sending the same bytes, built beforehand, over one connection; nothing noted",
        peer="a job a message, in as many threads of the same worker, each opening a connection by EmailMessage.send()",
        load=os.getloadavg()[1],
    )
