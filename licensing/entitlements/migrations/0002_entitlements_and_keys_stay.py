"""An entitlement and a key are never deleted and keep their primary keys: offices refer to them without a foreign key."""

from django.db import migrations

CREATE = """
CREATE TRIGGER entitlements_entitlement_stays BEFORE DELETE ON public.entitlements_entitlement
    FOR EACH ROW EXECUTE FUNCTION public.accounts_referenced_row_stays();
CREATE TRIGGER entitlements_entitlement_keeps_its_id BEFORE UPDATE OF id ON public.entitlements_entitlement
    FOR EACH ROW WHEN (OLD.id <> NEW.id) EXECUTE FUNCTION public.accounts_referenced_row_stays();
CREATE TRIGGER entitlements_activationkey_stays BEFORE DELETE ON public.entitlements_activationkey
    FOR EACH ROW EXECUTE FUNCTION public.accounts_referenced_row_stays();
CREATE TRIGGER entitlements_activationkey_keeps_its_id BEFORE UPDATE OF id ON public.entitlements_activationkey
    FOR EACH ROW WHEN (OLD.id <> NEW.id) EXECUTE FUNCTION public.accounts_referenced_row_stays();
"""
DROP = """
DROP TRIGGER entitlements_entitlement_stays ON public.entitlements_entitlement;
DROP TRIGGER entitlements_entitlement_keeps_its_id ON public.entitlements_entitlement;
DROP TRIGGER entitlements_activationkey_stays ON public.entitlements_activationkey;
DROP TRIGGER entitlements_activationkey_keeps_its_id ON public.entitlements_activationkey;
"""


class Migration(migrations.Migration):
    dependencies = [("entitlements", "0001_initial"), ("accounts", "0003_accounts_stay")]
    operations = [migrations.RunSQL(CREATE, DROP)]
