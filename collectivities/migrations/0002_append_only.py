"""The office's journal is written once: a row of it, or a seal, is neither changed nor deleted."""

from django.db import migrations

# One statement each: a cluster passes on no text of several.
TABLES = ("collectivities_auditentry", "collectivities_auditseal")
TRIGGERS = [
    f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
    " FOR EACH ROW EXECUTE FUNCTION public.accounts_append_only()"
    for table in TABLES
]
DROP = [f"DROP TRIGGER {table}_append_only ON {table}" for table in TABLES]


class Migration(migrations.Migration):
    dependencies = [("collectivities", "0001_initial"), ("accounts", "0002_append_only")]
    operations = [migrations.RunSQL(TRIGGERS, DROP)]
