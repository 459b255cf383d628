"""Moments that an invoicing platform writes are in a span that Python reads.

Rows are never changed, and none is known to be beyond: those of before are not checked, and the audit names one
that Python cannot read.
"""

import datetime

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0007_skipped_numbers")]

    operations = [
        AddConstraintNotValid(
            model_name="platformstatus",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "at__range",
                        (
                            datetime.datetime(1900, 1, 1, tzinfo=datetime.UTC),
                            datetime.datetime(2199, 12, 31, 23, 59, 59, 999999, tzinfo=datetime.UTC),
                        ),
                    ),
                ),
                name="platform_status_of_a_readable_date",
            ),
        ),
    ]
