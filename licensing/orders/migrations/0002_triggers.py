"""The steps of an order stay as they were recorded."""

from django.db import migrations

IMMUTABLE = """
CREATE FUNCTION public.orders_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is recorded: it is neither changed nor deleted', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER orders_orderevent_immutable BEFORE UPDATE OR DELETE ON public.orders_orderevent
    FOR EACH ROW EXECUTE FUNCTION public.orders_immutable();
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]
    operations = [migrations.RunSQL(IMMUTABLE, "DROP FUNCTION public.orders_immutable() CASCADE")]
