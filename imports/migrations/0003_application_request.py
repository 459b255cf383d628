"""Who asked the managers to apply an import, and when."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("imports", "0002_file_storage")]
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
    ]
