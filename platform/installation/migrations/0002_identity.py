"""Where the database is now, and the one row that notes it."""

from django.db import migrations

# The timeline is that of the next record, which the control file learns with the next checkpoint only. A standby writes
# none: nothing is ever compared with 0.
CURRENT = """
CREATE FUNCTION public.installation_current(OUT cluster text, OUT place text, OUT timeline bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT control.system_identifier::text,
        format('%s/%s', (SELECT oid FROM pg_database WHERE datname = current_database()),
               'public.installation_installation'::regclass::oid),
        CASE WHEN pg_is_in_recovery() THEN 0
             ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint END
    FROM pg_control_system() AS control
$$;
"""
NOTED = """
INSERT INTO public.installation_installation (id, cluster, place, timeline)
SELECT 1, cluster, place, timeline FROM public.installation_current();
"""


class Migration(migrations.Migration):
    dependencies = [("installation", "0001_initial")]
    operations = [
        migrations.RunSQL(CURRENT, "DROP FUNCTION public.installation_current()"),
        migrations.RunSQL(NOTED, migrations.RunSQL.noop),
    ]
