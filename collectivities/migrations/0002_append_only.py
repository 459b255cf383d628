"""The office's journal is written once: a row of it, or a seal, is neither changed nor deleted."""

from django.db import migrations

TRIGGERS = """
CREATE TRIGGER collectivities_auditentry_append_only BEFORE UPDATE OR DELETE ON collectivities_auditentry
    FOR EACH ROW EXECUTE FUNCTION public.accounts_append_only();
CREATE TRIGGER collectivities_auditseal_append_only BEFORE UPDATE OR DELETE ON collectivities_auditseal
    FOR EACH ROW EXECUTE FUNCTION public.accounts_append_only();
"""
DROP = """
DROP TRIGGER collectivities_auditentry_append_only ON collectivities_auditentry;
DROP TRIGGER collectivities_auditseal_append_only ON collectivities_auditseal;
"""


class Migration(migrations.Migration):
    dependencies = [("collectivities", "0001_initial"), ("accounts", "0002_append_only")]
    operations = [migrations.RunSQL(TRIGGERS, DROP)]
