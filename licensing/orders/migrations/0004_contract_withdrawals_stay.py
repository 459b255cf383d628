"""A consumer's withdrawal from a contract stays as it was recorded."""

from django.db import migrations

IMMUTABLE = """
CREATE TRIGGER orders_contractwithdrawal_immutable BEFORE UPDATE OR DELETE ON public.orders_contractwithdrawal
    FOR EACH ROW EXECUTE FUNCTION public.orders_immutable();
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0003_entitlements_have_a_line")]
    operations = [
        migrations.RunSQL(
            IMMUTABLE, "DROP TRIGGER orders_contractwithdrawal_immutable ON public.orders_contractwithdrawal"
        )
    ]
