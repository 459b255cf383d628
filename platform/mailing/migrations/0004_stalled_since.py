"""Since when our own mail server keeps an e-mail from leaving: each attempt in vain moves when it is due."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mailing", "0003_delayed_until_is_validated")]

    operations = [
        migrations.AddField(model_name="message", name="stalled_since", field=models.DateTimeField(null=True)),
    ]
