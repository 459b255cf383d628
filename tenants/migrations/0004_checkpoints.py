"""A row for each day on which the last seals of all chains were signed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0003_people_search")]
    operations = [
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("day", models.DateField(primary_key=True, serialize=False, verbose_name="jour")),
                ("signed_at", models.DateTimeField(verbose_name="signées le")),
                ("content", models.TextField(verbose_name="relevé signé")),
                ("failure", models.TextField(blank=True, verbose_name="empêchement")),
            ],
            options={"verbose_name": "relevé des sceaux", "verbose_name_plural": "relevé des sceaux"},
        ),
    ]
