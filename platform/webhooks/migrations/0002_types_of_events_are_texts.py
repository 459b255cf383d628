"""Event types are declared by the apps that emit them: a new one changes no table."""

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0001_initial")]
    operations = [
        migrations.RemoveConstraint(model_name="webhookendpoint", name="endpoint_asks_for_known_types"),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="types",
            field=ArrayField(
                base_field=models.CharField(max_length=30), default=list, size=None, verbose_name="événements"
            ),
        ),
        migrations.AlterField(
            model_name="webhookevent",
            name="type",
            field=models.CharField(max_length=30),
        ),
    ]
