"""The messages of before keep to the constraint, too: checked without a lock that sendings wait for."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("mailing", "0002_delayed_until_is_readable")]

    operations = [ValidateConstraint(model_name="message", name="message_delayed_until_a_readable_date")]
