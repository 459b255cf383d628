"""Payments are only added to, and never taken back beyond what came in."""

from django.db import migrations

IMMUTABLE = """
CREATE FUNCTION public.payments_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is recorded: it is neither changed nor deleted', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER payments_payment_immutable BEFORE UPDATE OR DELETE ON public.payments_payment
    FOR EACH ROW EXECUTE FUNCTION public.payments_immutable();
CREATE TRIGGER payments_payment_is_not_emptied BEFORE TRUNCATE ON public.payments_payment
    FOR EACH STATEMENT EXECUTE FUNCTION public.payments_immutable();
CREATE TRIGGER payments_paymentseal_immutable BEFORE UPDATE OR DELETE ON public.payments_paymentseal
    FOR EACH ROW EXECUTE FUNCTION public.payments_immutable();
CREATE TRIGGER payments_paymentseal_is_not_emptied BEFORE TRUNCATE ON public.payments_paymentseal
    FOR EACH STATEMENT EXECUTE FUNCTION public.payments_immutable();
"""

# Those who take back hold the lock of the order: none is added between the sum and the commit.
TAKEN_BACK = """
CREATE FUNCTION public.payments_taken_back_at_most() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (
        SELECT payment.amount + coalesce(sum(back.amount), 0) + NEW.amount < 0 OR payment.order_id <> NEW.order_id
        FROM public.payments_payment AS payment
        LEFT JOIN public.payments_payment AS back ON back.refunds_id = payment.id
        WHERE payment.id = NEW.refunds_id
        GROUP BY payment.id
    ) THEN
        RAISE EXCEPTION 'Payment % has less left than %', NEW.refunds_id, NEW.amount
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'payment_taken_back_at_most';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_taken_back_at_most BEFORE INSERT ON public.payments_payment
    FOR EACH ROW WHEN (NEW.refunds_id IS NOT NULL) EXECUTE FUNCTION public.payments_taken_back_at_most();
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial")]
    operations = [
        migrations.RunSQL(IMMUTABLE, "DROP FUNCTION public.payments_immutable() CASCADE"),
        migrations.RunSQL(TAKEN_BACK, "DROP FUNCTION public.payments_taken_back_at_most() CASCADE"),
    ]
