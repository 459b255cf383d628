"""Periodic tasks, as the workers call them: in the public schema, and in no transaction but their own."""

import pytest
from django.utils import timezone
from django_tenants.utils import get_public_schema_name, schema_context

from collectivities import audit_log
from core.connections import connection
from jobs.models import DueWork
from jobs.periodic_tasks import registered_tasks
from mailing import operations as mailing


def run_all():
    with schema_context(get_public_schema_name()):
        for periodic in registered_tasks:
            periodic.perform()


@pytest.mark.usefixtures("committing")
def test_every_periodic_task_runs_outside_a_transaction():
    names = [periodic.perform.__name__ for periodic in registered_tasks]
    assert {"queue_due", "retry_stalled_jobs", "delete_sent_closure_emails"} <= set(names)
    run_all()


@pytest.mark.slow
def test_no_periodic_task_visits_an_office_to_look_for_work(nimes, gard):
    """Each minute, in every worker, for thousands of offices: what is due is in the public schema."""
    for office in (nimes, gard):
        with schema_context(office.schema_name):
            audit_log.record(action="office.opened", by=None, at=timezone.now(), summary="Ouverte")
            mailing.enqueue(kind="note", recipient="a@exemple.example", at=timezone.now())
    assert DueWork.objects.exists()
    offices = [nimes.schema_name, gard.schema_name]
    visits = []

    def note(execute, statement, parameters, many, context):
        text = f"{statement} {parameters}"
        if connection.schema_name in offices or any(name in text for name in offices):
            visits.append(text)
        return execute(statement, parameters, many, context)

    with schema_context(get_public_schema_name()), connection.execute_wrapper(note):
        connection.set_schema_to_public()
        run_all()
    assert visits == []
