"""Days that a bank writes are in a span that Python reads.

Rows are never changed, and none is known to be beyond: those of before are not checked, and the audit names one
that Python cannot read.
"""

import datetime

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bank", "0002_bank_facts_stay")]

    operations = [
        AddConstraintNotValid(
            model_name="bankstatement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("opening_on__range", (datetime.date(1900, 1, 1), datetime.date(2199, 12, 31))),
                    ("closing_on__range", (datetime.date(1900, 1, 1), datetime.date(2199, 12, 31))),
                ),
                name="bank_statement_of_readable_dates",
            ),
        ),
        AddConstraintNotValid(
            model_name="statementline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("booked_on__range", (datetime.date(1900, 1, 1), datetime.date(2199, 12, 31))),
                ),
                name="bank_line_of_a_readable_date",
            ),
        ),
    ]
