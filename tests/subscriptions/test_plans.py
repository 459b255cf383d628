"""What « Mon compte » asks of subscriptions and seats, every twenty seconds of whoever looks: by indexes alone."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from licensing.subscriptions import freshness, overview
from licensing.subscriptions.models import Subscription
from licensing.subscriptions.queries import administers
from tests.conftest import TERM
from tests.factories.accounts import TeacherFactory


@pytest.mark.parametrize(
    "ask",
    [
        lambda jaures, _: freshness.version(jaures.principal, school="", at=TERM),
        lambda jaures, _: overview.of_principal(jaures.principal, at=TERM),
        lambda jaures, _: list(Subscription.objects.filter(administers(jaures.principal), pk=1)),
        lambda _, teacher: freshness.version(teacher, school="", at=TERM),
        lambda _, teacher: overview.of_teacher(teacher, at=TERM),
    ],
    ids=["a look", "the principal's page", "whether it is his", "a teacher's look", "the teacher's page"],
)
def test_no_plan_reads_a_whole_table(jaures, ask):
    jaures.subscription()
    teacher = TeacherFactory()
    with CaptureQueriesContext(connection) as asked:
        ask(jaures, teacher)
    with connection.cursor() as cursor:
        # On a table of two rows reading it whole is right; a plan that has no other way shows it all the same.
        cursor.execute("SET LOCAL enable_seqscan = off")
        for query in asked.captured_queries:
            if "subscriptions_" not in query["sql"]:
                continue
            cursor.execute(f"EXPLAIN {query['sql']}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "Seq Scan" not in plan, plan
