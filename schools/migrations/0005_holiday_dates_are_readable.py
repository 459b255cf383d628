"""Days of the school calendar are in a span that Python reads. The operator loads it anew: rows of before are not checked."""

import datetime

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("schools", "0004_named_schools_are_known")]

    operations = [
        AddConstraintNotValid(
            model_name="schoolholiday",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("first_day__range", (datetime.date(1900, 1, 1), datetime.date(2199, 12, 31))),
                    ("last_day__range", (datetime.date(1900, 1, 1), datetime.date(2199, 12, 31))),
                ),
                name="school_holiday_of_readable_dates",
            ),
        ),
    ]
