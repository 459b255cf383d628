"""What was ordered stays as it was placed: its lines are neither changed nor deleted.

Three things still come to a line: its entitlement, once; while no invoice of the order counts, another VAT of the same
price; after an invoice, more licences that a credit note takes back. The triggers stand apart for UPDATE and DELETE: lines
of drafts are changed, so that the table is not append-only as a whole (docs/decisions/0109).
"""

from django.db import migrations

CREATE = """
CREATE FUNCTION public.orders_placed_line_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before jsonb;
    after jsonb;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        RAISE EXCEPTION '% is not emptied', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NOT EXISTS (SELECT FROM public.orders_order WHERE id = OLD.order_id AND state <> 'draft') THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        before := to_jsonb(OLD);
        after := to_jsonb(NEW);
        IF NEW.taken_back > OLD.taken_back
            AND EXISTS (SELECT FROM public.billing_invoice WHERE order_id = OLD.order_id)
        THEN
            before := before - 'taken_back';
            after := after - 'taken_back';
        END IF;
        IF OLD.entitlement_id IS NULL THEN
            before := before - 'entitlement_id';
            after := after - 'entitlement_id';
        END IF;
        IF before = after THEN
            RETURN NEW;
        END IF;
        -- No invoice that credit notes do not cancel in whole.
        IF NOT EXISTS (
                SELECT FROM public.billing_invoice AS invoice
                WHERE invoice.order_id = OLD.order_id AND invoice.kind = 'invoice' AND invoice.total_ttc > (
                    SELECT coalesce(sum(note.total_ttc), 0) FROM public.billing_invoice AS note
                    WHERE note.corrects_id = invoice.id))
            AND (OLD.order_id, OLD.product_id, OLD.school_year_id, OLD.quantity, OLD.billed_quantity, OLD.description,
                 OLD.taken_back)
              = (NEW.order_id, NEW.product_id, NEW.school_year_id, NEW.quantity, NEW.billed_quantity, NEW.description,
                 NEW.taken_back)
            AND before -> 'entitlement_id' IS NOT DISTINCT FROM after -> 'entitlement_id'
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'Order line % is placed: it is neither changed nor deleted', OLD.id
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'order_line_placed_stays';
END $$;
CREATE TRIGGER order_line_placed_is_unchanged BEFORE UPDATE ON public.orders_orderline
    FOR EACH ROW EXECUTE FUNCTION public.orders_placed_line_stays();
CREATE TRIGGER order_line_placed_stays BEFORE DELETE ON public.orders_orderline
    FOR EACH ROW EXECUTE FUNCTION public.orders_placed_line_stays();
CREATE TRIGGER order_lines_are_not_emptied BEFORE TRUNCATE ON public.orders_orderline
    FOR EACH STATEMENT EXECUTE FUNCTION public.orders_placed_line_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0004_search"), ("orders", "0004_contract_withdrawals_stay")]
    operations = [migrations.RunSQL(CREATE, "DROP FUNCTION public.orders_placed_line_stays() CASCADE")]
