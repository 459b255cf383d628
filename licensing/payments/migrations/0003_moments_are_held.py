"""A payment and its seal are written as of now. A day: a task that asks a provider about many goes on for long."""

from django.db import migrations

TRIGGERS = """
CREATE TRIGGER payments_payment_moment BEFORE INSERT ON public.payments_payment FOR EACH ROW
    WHEN (NEW.recorded_at NOT BETWEEN now() - interval '1 day' AND clock_timestamp() + interval '1 hour')
    EXECUTE FUNCTION public.accounts_hold_moment();
CREATE TRIGGER payments_paymentseal_moment BEFORE INSERT ON public.payments_paymentseal FOR EACH ROW
    WHEN (NEW.sealed_at NOT BETWEEN now() - interval '1 hour' AND clock_timestamp() + interval '1 hour')
    EXECUTE FUNCTION public.accounts_hold_moment();
"""
DROP = """
DROP TRIGGER payments_payment_moment ON public.payments_payment;
DROP TRIGGER payments_paymentseal_moment ON public.payments_paymentseal;
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0002_payments_stay"), ("accounts", "0004_moments_are_held")]
    operations = [migrations.RunSQL(TRIGGERS, DROP)]
