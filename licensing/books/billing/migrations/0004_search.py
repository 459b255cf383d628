"""Indexes by which invoices are searched: the client as invoiced (name, SIRET, SIREN), and the amount."""

from django.db import migrations

# Search text of a client: folded words after a space each, so that LIKE '% word%' finds the beginning of any of them.
# A function, so that queries and index name the same expression whatever the driver does with constants.
CREATE = """
CREATE FUNCTION public.billing_invoice_client(snapshot jsonb) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT ' ' || public.fold(
        coalesce(snapshot #>> '{buyer,name}', '') || ' '
        || coalesce(snapshot #>> '{buyer,siret}', '') || ' ' || coalesce(snapshot #>> '{buyer,siren}', '')
    )
$$;
CREATE INDEX billing_invoice_client ON public.billing_invoice
    USING gin (public.billing_invoice_client(snapshot) public.gin_trgm_ops);
CREATE INDEX billing_invoice_total ON public.billing_invoice (total_ttc);
"""
DROP = """
DROP INDEX public.billing_invoice_total;
DROP INDEX public.billing_invoice_client;
DROP FUNCTION public.billing_invoice_client(jsonb);
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_books_stay"), ("tenants", "0001_extensions")]
    operations = [migrations.RunSQL(CREATE, DROP)]
