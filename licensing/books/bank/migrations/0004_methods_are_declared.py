"""Methods of payment are declared in code: a new one changes no table."""

from django.db import migrations, models

from licensing.orders.settlement import list_payment_choices


class Migration(migrations.Migration):
    dependencies = [("bank", "0003_dates_are_readable")]
    operations = [
        migrations.AlterField(
            model_name="statementline",
            name="method",
            field=models.CharField(choices=list_payment_choices, max_length=10, verbose_name="règlement"),
        )
    ]
