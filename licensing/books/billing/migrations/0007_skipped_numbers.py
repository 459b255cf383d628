"""Numbers of invoices that a restored database may have lost are skipped: the series goes on after them."""

from django.db import migrations

SKIPPED = """
CREATE FUNCTION public.billing_skipped_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.first IS DISTINCT FROM 1 + (SELECT last FROM public.billing_invoicesequence WHERE year = NEW.year) THEN
        RAISE EXCEPTION 'skipped numbers % of % do not follow the last one', NEW.first, NEW.year
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_skipped_follow BEFORE INSERT ON public.billing_skippednumbers
    FOR EACH ROW EXECUTE FUNCTION public.billing_skipped_follow();
CREATE TRIGGER billing_skippednumbers_immutable BEFORE UPDATE OR DELETE ON public.billing_skippednumbers
    FOR EACH ROW EXECUTE FUNCTION public.billing_immutable();
CREATE TRIGGER billing_skippednumbers_is_not_emptied BEFORE TRUNCATE ON public.billing_skippednumbers
    FOR EACH STATEMENT EXECUTE FUNCTION public.billing_immutable();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0006_credit_notes_add_up")]
    operations = [migrations.RunSQL(SKIPPED, "DROP FUNCTION public.billing_skipped_follow() CASCADE")]
