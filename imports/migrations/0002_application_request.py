"""Who asked the managers to apply an import, when, and what the request said."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("imports", "0001_initial")]
    operations = [
        migrations.AddField(
            model_name="spreadsheetimport",
            name="requested_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="application demandée le"),
        ),
        migrations.AddField(
            model_name="spreadsheetimport",
            name="requested_by_id",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="spreadsheetimport",
            name="requested_schools",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="spreadsheetimport",
            name="requested_units",
            field=models.IntegerField(null=True),
        ),
        migrations.AddField(
            model_name="spreadsheetimport",
            name="requested_digest",
            field=models.CharField(blank=True, max_length=64),
        ),
    ]
