"""Actions on card payments, for tests of payments: the buyer's checkout, and the queued jobs."""

import json

from django.db import connection

from licensing.payments import tasks


def open_checkout(payment, portal):
    """Open Stripe's page as the buyer; return the checkout session."""
    portal.force_login(payment.order.placed_by)
    answer = portal.post(payment.get_process_url())
    assert answer.status_code == 302
    payment.refresh_from_db()
    return payment.transaction_id


def run_jobs():
    """Run the queued card jobs, as a worker does; return their names."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'succeeded'"
            " WHERE status = 'todo' AND task_name LIKE 'payments.card.%'"
            " RETURNING task_name, args - 'schema'"
        )
        jobs = [(name, json.loads(arguments)) for name, arguments in cursor]
    for name, arguments in jobs:
        getattr(tasks, name.rpartition(".")[2])(**arguments)
    return [name.rpartition(".")[2] for name, _ in jobs]
