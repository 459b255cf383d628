"""Methods of payment are declared in code: a new one changes no table."""

from django.db import migrations, models

from licensing.orders.settlement import list_settlement_choices


class Migration(migrations.Migration):
    dependencies = [("orders", "0007_named_schools_are_known")]
    operations = [
        migrations.AlterField(
            model_name="order",
            name="method",
            field=models.CharField(
                blank=True, choices=list_settlement_choices, max_length=10, verbose_name="règlement"
            ),
        )
    ]
