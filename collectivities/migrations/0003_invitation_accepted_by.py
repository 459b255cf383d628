"""An invitation names the account that accepted it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("collectivities", "0002_append_only")]
    operations = [
        migrations.AddField(model_name="invitation", name="accepted_by_id", field=models.BigIntegerField(null=True)),
    ]
