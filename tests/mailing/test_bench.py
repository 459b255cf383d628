"""`python -m bench send_emails`: what it says of messages that did not leave, and its mail server."""

import contextlib
import subprocess
import sys

import psutil
import pytest

from bench.mailing import refuse_unsent
from mailing.models import Message, MessageState
from tests.conftest import TERM
from tests.waits import wait_until
from tests.workers import ROOT, build_environment


def test_messages_that_did_not_leave_are_reported_by_state_and_reason(nimes, queue):
    sent, *others = queue(4)
    Message.objects.filter(pk=sent.pk).update(state=MessageState.SENT, sent_at=TERM)
    Message.objects.filter(pk__in=[one.pk for one in others[:2]]).update(state=MessageState.DEFERRED, reason="En panne")
    with pytest.raises(RuntimeError, match=r"left unsent: 2 deferred \(En panne\); 1 queued \(no reason\)\."):
        refuse_unsent()
    Message.objects.update(state=MessageState.SENT, sent_at=TERM)
    refuse_unsent()


@pytest.mark.slow
def test_the_mail_server_does_not_outlive_a_bench_that_was_killed():
    script = (
        "import django, os, psutil, signal\n"
        "django.setup()\n"
        "from bench.mailing import running_sink\n"
        "with running_sink():\n"
        "    print(psutil.Process().children()[0].pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", script], cwd=ROOT, env=build_environment(), stdout=subprocess.PIPE, check=False
    )
    server = int(killed.stdout)
    try:
        wait_until(lambda: not psutil.pid_exists(server) or psutil.Process(server).status() == psutil.STATUS_ZOMBIE)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(server).kill()
