"""The queries of « Mon compte », polled every twenty seconds, use indexes alone."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from licensing.entitlements import overview
from licensing.entitlements.models import Subscription
from licensing.entitlements.queries import administered_by
from tests.conftest import TERM
from tests.factories.accounts import TeacherFactory


@pytest.mark.parametrize(
    "ask",
    [
        lambda jaures, _: overview.compute_version(jaures.principal, school="", at=TERM),
        lambda jaures, _: overview.of_principal(jaures.principal, at=TERM),
        lambda jaures, _: list(Subscription.objects.filter(administered_by(jaures.principal), pk=1)),
        lambda _, teacher: overview.compute_version(teacher, school="", at=TERM),
        lambda _, teacher: overview.of_teacher(teacher, at=TERM),
    ],
    ids=["a look", "the principal's page", "whether it is his", "a teacher's look", "the teacher's page"],
)
def test_no_query_plan_scans_a_table_sequentially(jaures, ask):
    jaures.subscription()
    teacher = TeacherFactory()
    with CaptureQueriesContext(connection) as queries:
        ask(jaures, teacher)
    with connection.cursor() as cursor:
        # Sequential scans are disabled: on two rows the planner would choose one anyway.
        cursor.execute("SET LOCAL enable_seqscan = off")
        for query in queries.captured_queries:
            if "subscriptions_" not in query["sql"]:
                continue
            cursor.execute(f"EXPLAIN {query['sql']}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "Seq Scan" not in plan, plan
