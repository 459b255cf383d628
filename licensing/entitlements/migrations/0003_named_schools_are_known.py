"""The school of a subscription is one of the directory: see the migration of `schools` of this name."""

from django.db import migrations

CREATE = """
CREATE TRIGGER entitlements_subscription_school_is_known AFTER INSERT OR UPDATE OF school_id ON public.entitlements_subscription
    FOR EACH ROW WHEN (NEW.school_id IS NOT NULL) EXECUTE FUNCTION public.schools_school_is_known();
"""
DROP = """
DROP TRIGGER entitlements_subscription_school_is_known ON public.entitlements_subscription;
"""


class Migration(migrations.Migration):
    dependencies = [("entitlements", "0002_entitlements_and_keys_stay"), ("schools", "0004_named_schools_are_known")]
    operations = [migrations.RunSQL(CREATE, DROP)]
