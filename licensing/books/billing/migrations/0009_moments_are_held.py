"""An invoice and its seal are written as of now. A day, as for payments: one task may cause many."""

from django.db import migrations

TRIGGERS = """
CREATE TRIGGER billing_invoice_moment BEFORE INSERT ON public.billing_invoice FOR EACH ROW
    WHEN (NEW.issued_at NOT BETWEEN now() - interval '1 day' AND clock_timestamp() + interval '1 hour')
    EXECUTE FUNCTION public.accounts_hold_moment();
CREATE TRIGGER billing_invoiceseal_moment BEFORE INSERT ON public.billing_invoiceseal FOR EACH ROW
    WHEN (NEW.sealed_at NOT BETWEEN now() - interval '1 hour' AND clock_timestamp() + interval '1 hour')
    EXECUTE FUNCTION public.accounts_hold_moment();
"""
DROP = """
DROP TRIGGER billing_invoice_moment ON public.billing_invoice;
DROP TRIGGER billing_invoiceseal_moment ON public.billing_invoiceseal;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0008_status_dates_are_readable"), ("accounts", "0004_moments_are_held")]
    operations = [migrations.RunSQL(TRIGGERS, DROP)]
