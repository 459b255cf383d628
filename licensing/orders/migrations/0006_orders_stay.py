"""An order is never deleted and keeps its primary key: offices refer to it without a foreign key."""

from django.db import migrations

CREATE = """
CREATE TRIGGER orders_order_stays BEFORE DELETE ON public.orders_order
    FOR EACH ROW EXECUTE FUNCTION public.accounts_referenced_row_stays();
CREATE TRIGGER orders_order_keeps_its_id BEFORE UPDATE OF id ON public.orders_order
    FOR EACH ROW WHEN (OLD.id <> NEW.id) EXECUTE FUNCTION public.accounts_referenced_row_stays();
"""
DROP = """
DROP TRIGGER orders_order_stays ON public.orders_order;
DROP TRIGGER orders_order_keeps_its_id ON public.orders_order;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0005_search"), ("accounts", "0003_accounts_stay")]
    operations = [migrations.RunSQL(CREATE, DROP)]
