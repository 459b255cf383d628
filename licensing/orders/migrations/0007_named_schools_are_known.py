"""The school of an order is one of the directory: see the migration of `schools` of this name."""

from django.db import migrations

CREATE = """
CREATE TRIGGER orders_order_school_is_known AFTER INSERT OR UPDATE OF school_id ON public.orders_order
    FOR EACH ROW WHEN (NEW.school_id IS NOT NULL) EXECUTE FUNCTION public.schools_school_is_known();
"""
DROP = """
DROP TRIGGER orders_order_school_is_known ON public.orders_order;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0006_orders_stay"), ("schools", "0004_named_schools_are_known")]
    operations = [migrations.RunSQL(CREATE, DROP)]
