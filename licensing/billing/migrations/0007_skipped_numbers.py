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
# As in 0002_triggers and 0003_books_stay, but that numbers may be skipped.
SERIES = """
CREATE OR REPLACE FUNCTION public.billing_invoice_follows() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE OR REPLACE FUNCTION public.billing_sequence_goes_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.year = OLD.year AND NEW.last_on >= OLD.last_on AND (
        NEW.last = OLD.last + 1
        OR EXISTS (SELECT FROM public.billing_skippednumbers
                   WHERE year = NEW.year AND first = OLD.last + 1 AND last = NEW.last)
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'The numbers of invoices only go forward, one by one'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0006_credit_notes_add_up")]
    operations = [
        migrations.RunSQL(SKIPPED, "DROP FUNCTION public.billing_skipped_follow() CASCADE"),
        migrations.RunSQL(SERIES, migrations.RunSQL.noop),
    ]
