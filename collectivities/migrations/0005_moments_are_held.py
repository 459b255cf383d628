"""The office's journal and its seals are written as of now: an entry that a job wrote late says so."""

from django.db import migrations

# One statement each: a cluster passes on no text of several.
TRIGGERS = [
    f"CREATE TRIGGER {table}_moment BEFORE INSERT ON {table} FOR EACH ROW"
    f" WHEN (NEW.{column} NOT BETWEEN now() - interval '1 hour' AND clock_timestamp() + interval '1 hour')"
    f" EXECUTE FUNCTION public.accounts_hold_moment({argument})"
    for table, column, argument in (
        ("collectivities_auditentry", "at", "'summary'"),
        ("collectivities_auditseal", "sealed_at", ""),
    )
]
DROP = [
    f"DROP TRIGGER {table}_moment ON {table}" for table in ("collectivities_auditentry", "collectivities_auditseal")
]


class Migration(migrations.Migration):
    dependencies = [("collectivities", "0004_name_who_accepted"), ("accounts", "0004_moments_are_held")]
    operations = [migrations.RunSQL(TRIGGERS, DROP)]
