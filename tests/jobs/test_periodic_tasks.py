"""Periodic tasks, as the workers call them: in the public schema, and in no transaction but their own."""

from __future__ import annotations

import pytest
from django_tenants.utils import get_public_schema_name, schema_context

from jobs.periodic_tasks import registered_tasks


@pytest.mark.usefixtures("committing")
def test_every_periodic_task_runs_outside_a_transaction():
    names = [periodic.perform.__name__ for periodic in registered_tasks]
    assert {"sweep", "retry_stalled_jobs", "delete_sent_closure_emails"} <= set(names)
    with schema_context(get_public_schema_name()):
        for periodic in registered_tasks:
            periodic.perform()
