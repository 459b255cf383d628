"""Moments that the card provider writes are in a span that Python reads.

Rows are never changed, and none is known to be beyond: those of before are not checked, and the audit names one
that Python cannot read.
"""

import datetime

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounting", "0002_movements_stay")]

    operations = [
        AddConstraintNotValid(
            model_name="balancetransaction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "created_at__range",
                        (
                            datetime.datetime(1900, 1, 1, tzinfo=datetime.UTC),
                            datetime.datetime(2199, 12, 31, 23, 59, 59, 999999, tzinfo=datetime.UTC),
                        ),
                    ),
                ),
                name="balance_transaction_of_a_readable_date",
            ),
        ),
    ]
