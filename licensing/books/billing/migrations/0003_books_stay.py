"""The number sequence goes forward only, and the books are not emptied."""

from django.db import migrations

SEQUENCE = """
CREATE FUNCTION public.billing_sequence_goes_forward() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER billing_sequence_goes_forward BEFORE UPDATE ON public.billing_invoicesequence
    FOR EACH ROW EXECUTE FUNCTION public.billing_sequence_goes_forward();
CREATE TRIGGER billing_sequence_stays BEFORE DELETE ON public.billing_invoicesequence
    FOR EACH ROW EXECUTE FUNCTION public.billing_sequence_goes_forward();
"""
_EMPTIED = """
CREATE TRIGGER {table}_is_not_emptied BEFORE TRUNCATE ON public.{table}
    FOR EACH STATEMENT EXECUTE FUNCTION public.billing_immutable();
"""
_TABLES = (
    "billing_invoice",
    "billing_invoicesequence",
    "billing_billingdocument",
    "billing_platformstatus",
    "billing_invoiceseal",
)
SEALS = """
CREATE TRIGGER billing_invoiceseal_immutable BEFORE UPDATE OR DELETE ON public.billing_invoiceseal
    FOR EACH ROW EXECUTE FUNCTION public.billing_immutable();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_triggers")]
    operations = [
        migrations.RunSQL(SEQUENCE, "DROP FUNCTION public.billing_sequence_goes_forward() CASCADE"),
        migrations.RunSQL(SEALS, migrations.RunSQL.noop),
        *(migrations.RunSQL(_EMPTIED.format(table=table), migrations.RunSQL.noop) for table in _TABLES),
    ]
