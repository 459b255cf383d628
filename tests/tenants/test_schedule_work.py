"""`schedule_work`: of a database of which nobody knows what is due, everything is looked at once."""

import datetime

import pytest
from django.core.management import call_command
from django.utils import timezone
from django_tenants.utils import schema_context
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from collectivities.letters import RENEWAL_REMINDERS, WEEKLY_LETTER
from jobs import due
from jobs.models import DueWork
from mailing.models import Message, MessageState
from tests.tenant_guard import allowing_all_schemas

NOT_AT_ONCE = {WEEKLY_LETTER, RENEWAL_REMINDERS}


def run_everything(schema):
    """Run, as a worker would, the due work of a schema; those that look later as well."""
    with schema_context("public"):
        for kind in due.list_kinds():
            if DueWork.objects.filter(kind=kind, schema=schema).exists():
                DueWork.objects.filter(kind=kind, schema=schema).delete()
                app.tasks[kind].func(schema=schema)


def test_each_schema_is_looked_at_for_each_kind_of_work(nimes, gard, capsys):
    DueWork.objects.all().delete()
    call_command("schedule_work")
    kinds = sorted(due.list_kinds())
    for schema in (nimes.schema_name, gard.schema_name):
        assert sorted(DueWork.objects.filter(schema=schema).values_list("kind", flat=True)) == kinds
    public = DueWork.objects.filter(schema="public").values_list("kind", flat=True)
    assert sorted(public) == ["mailing.check_sendings", "mailing.drain"]
    later = DueWork.objects.filter(due_at__gt=timezone.now()).values_list("kind", flat=True)
    assert set(later) == NOT_AT_ONCE
    assert capsys.readouterr().out.startswith("2\u00a0collectivités : ")


@pytest.mark.slow
def test_a_look_at_an_idle_office_does_nothing_and_is_the_last(nimes, gard):
    DueWork.objects.all().delete()
    Message.objects.all().delete()
    call_command("schedule_work")
    run_everything(nimes.schema_name)
    assert not Message.objects.exists()
    # Letters that leave in the morning look again then.
    left = DueWork.objects.filter(schema=nimes.schema_name).values_list("kind", flat=True)
    assert set(left) <= NOT_AT_ONCE


@pytest.mark.slow
def test_what_waits_after_the_queue_was_lost_is_done(nimes, gard, sink):
    Message.objects.create(
        kind="unknown", recipient="a@exemple.example", created_at=timezone.now(), due_at=timezone.now()
    )
    with allowing_all_schemas():
        ProcrastinateJob.objects.all()._raw_delete("default")  # noqa: SLF001 - the model is read-only on purpose
    DueWork.objects.all().delete()
    call_command("schedule_work")
    assert ("mailing.drain", "c_nimes") in due.queue_due_work(at=timezone.now() + datetime.timedelta(minutes=1))
    run_everything(nimes.schema_name)
    app.tasks["mailing.drain"].func(schema="c_nimes")
    # Nobody knows its kind: it was tried.
    assert Message.objects.get().state == MessageState.FAILED
