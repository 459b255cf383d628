"""Each entitlement is that of exactly one order line, and stays so.

The column's UNIQUE constraint allows one line at most. The deferred trigger requires one by the commit: the entitlement
is inserted before its line points to it. The other triggers refuse, at once, to replace or delete a line that has one;
that of the entitlements refuses to delete the entitlement.
"""

from django.db import migrations

CREATE = """
CREATE FUNCTION public.orders_entitlement_has_a_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.orders_orderline WHERE entitlement_id = NEW.id) THEN
        RAISE EXCEPTION 'Entitlement % has no order line', NEW.id USING
            ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'entitlement_has_a_line';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER entitlement_has_a_line AFTER INSERT ON public.entitlements_entitlement
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.orders_entitlement_has_a_line();

CREATE FUNCTION public.orders_line_keeps_its_entitlement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Order line % keeps its entitlement %', OLD.id, OLD.entitlement_id USING
        ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'order_line_keeps_its_entitlement';
END $$;
CREATE TRIGGER order_line_keeps_its_entitlement BEFORE UPDATE OF entitlement_id ON public.orders_orderline
    FOR EACH ROW WHEN (OLD.entitlement_id IS DISTINCT FROM NEW.entitlement_id AND OLD.entitlement_id IS NOT NULL)
    EXECUTE FUNCTION public.orders_line_keeps_its_entitlement();
CREATE TRIGGER order_line_with_entitlement_stays BEFORE DELETE ON public.orders_orderline
    FOR EACH ROW WHEN (OLD.entitlement_id IS NOT NULL)
    EXECUTE FUNCTION public.orders_line_keeps_its_entitlement();
"""
DROP = """
DROP FUNCTION public.orders_entitlement_has_a_line() CASCADE;
DROP FUNCTION public.orders_line_keeps_its_entitlement() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_triggers"), ("entitlements", "0002_entitlements_and_keys_stay")]
    operations = [migrations.RunSQL(CREATE, DROP)]
