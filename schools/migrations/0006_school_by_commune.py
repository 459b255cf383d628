"""The order of an office's list of its schools is walked, and no longer sorted for each page."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("schools", "0005_holiday_dates_are_readable")]
    operations = [
        AddIndexConcurrently(
            model_name="school",
            index=models.Index(fields=["commune_folded", "name_folded", "uai"], name="school_by_commune"),
        ),
    ]
