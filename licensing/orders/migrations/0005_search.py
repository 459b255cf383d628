"""Orders are found by their amount: what a bank statement has where it has no number."""

from django.db import migrations

CREATE = "CREATE INDEX orders_order_total ON public.orders_order (total_ttc) WHERE total_ttc > 0"


class Migration(migrations.Migration):
    dependencies = [("orders", "0004_contract_withdrawals_stay")]
    operations = [migrations.RunSQL(CREATE, "DROP INDEX public.orders_order_total")]
