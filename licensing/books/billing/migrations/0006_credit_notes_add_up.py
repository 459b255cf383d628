"""Credit notes never take back more than their invoice, and the one that cancels it takes all that is left."""

from django.db import migrations

# Whoever issues a credit note holds the lock of the number: none is added between the sum and the commit.
ADD_UP = """
CREATE FUNCTION public.billing_credit_notes_add_up() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ht numeric;
    vat numeric;
    ttc numeric;
BEGIN
    SELECT invoice.total_ht - coalesce(sum(note.total_ht), 0) - NEW.total_ht,
           invoice.total_vat - coalesce(sum(note.total_vat), 0) - NEW.total_vat,
           invoice.total_ttc - coalesce(sum(note.total_ttc), 0) - NEW.total_ttc
    INTO ht, vat, ttc
    FROM public.billing_invoice AS invoice
    LEFT JOIN public.billing_invoice AS note ON note.corrects_id = invoice.id
    WHERE invoice.id = NEW.corrects_id AND invoice.order_id = NEW.order_id AND invoice.kind = 'invoice'
    GROUP BY invoice.id;
    IF ttc IS NULL OR NEW.total_ht < 0 OR NEW.total_vat < 0 OR ht < 0 OR vat < 0
        OR (NEW.is_partial AND (ttc <= 0 OR NEW.total_ttc <= 0))
        OR (NOT NEW.is_partial AND (ht <> 0 OR vat <> 0))
    THEN
        RAISE EXCEPTION 'Credit note % does not take back what is left of its invoice', NEW.number
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'credit_notes_add_up';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_credit_notes_add_up BEFORE INSERT ON public.billing_invoice
    FOR EACH ROW WHEN (NEW.corrects_id IS NOT NULL) EXECUTE FUNCTION public.billing_credit_notes_add_up();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0005_placed_lines_stay")]
    operations = [migrations.RunSQL(ADD_UP, "DROP FUNCTION public.billing_credit_notes_add_up() CASCADE")]
