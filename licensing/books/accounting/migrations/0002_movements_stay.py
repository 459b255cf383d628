"""The movements of the provider's balance are only added to."""

from django.db import migrations

IMMUTABLE = """
CREATE FUNCTION public.accounting_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is recorded: it is neither changed nor deleted', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER accounting_balancetransaction_immutable BEFORE UPDATE OR DELETE ON public.accounting_balancetransaction
    FOR EACH ROW EXECUTE FUNCTION public.accounting_immutable();
CREATE TRIGGER accounting_balancetransaction_is_not_emptied BEFORE TRUNCATE ON public.accounting_balancetransaction
    FOR EACH STATEMENT EXECUTE FUNCTION public.accounting_immutable();
"""


class Migration(migrations.Migration):
    dependencies = [("accounting", "0001_initial")]
    operations = [migrations.RunSQL(IMMUTABLE, "DROP FUNCTION public.accounting_immutable() CASCADE")]
