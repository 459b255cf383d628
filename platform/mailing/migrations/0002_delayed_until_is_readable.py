"""Until when another server tries is in a span that Python reads: it wrote it, and anybody may have forged it.

One that was stored beyond made every page fail that shows its message: it is forgotten.
"""

import datetime

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mailing", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "UPDATE mailing_message SET delayed_until = NULL"
            " WHERE delayed_until NOT BETWEEN '1900-01-01 00:00+00' AND '2199-12-31 23:59:59.999999+00'",
            migrations.RunSQL.noop,
        ),
        AddConstraintNotValid(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "delayed_until__range",
                        (
                            datetime.datetime(1900, 1, 1, tzinfo=datetime.UTC),
                            datetime.datetime(2199, 12, 31, 23, 59, 59, 999999, tzinfo=datetime.UTC),
                        ),
                    ),
                ),
                name="message_delayed_until_a_readable_date",
            ),
        ),
    ]
