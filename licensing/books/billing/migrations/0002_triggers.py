"""The books in the database: invoice numbers without a gap but those that were skipped, and issued documents that nobody changes."""

from django.db import migrations

NO_GAP = """
CREATE FUNCTION public.billing_invoice_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.sequence <> 1 + greatest(
        (SELECT coalesce(max(sequence), 0) FROM public.billing_invoice WHERE year = NEW.year),
        (SELECT coalesce(max(last), 0) FROM public.billing_skippednumbers WHERE year = NEW.year)
    ) THEN
        RAISE EXCEPTION 'invoice % of % does not follow the last one', NEW.sequence, NEW.year
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_invoice_follows BEFORE INSERT ON public.billing_invoice
    FOR EACH ROW EXECUTE FUNCTION public.billing_invoice_follows();
"""

IMMUTABLE = """
CREATE FUNCTION public.billing_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is issued: it is neither changed nor deleted', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER billing_invoice_immutable BEFORE UPDATE OR DELETE ON public.billing_invoice
    FOR EACH ROW EXECUTE FUNCTION public.billing_immutable();
CREATE TRIGGER billing_billingdocument_immutable BEFORE UPDATE OR DELETE ON public.billing_billingdocument
    FOR EACH ROW EXECUTE FUNCTION public.billing_immutable();
CREATE TRIGGER billing_platformstatus_immutable BEFORE UPDATE OR DELETE ON public.billing_platformstatus
    FOR EACH ROW EXECUTE FUNCTION public.billing_immutable();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]
    operations = [
        migrations.RunSQL(NO_GAP, "DROP FUNCTION public.billing_invoice_follows() CASCADE"),
        migrations.RunSQL(IMMUTABLE, "DROP FUNCTION public.billing_immutable() CASCADE"),
    ]
