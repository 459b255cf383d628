"""Journals are written once: rows of the accounts' journal and its seals can be deleted after a year, not before."""

from django.db import migrations

# Its arguments, if any, are a column and how long a row is kept after the moment in it.
FUNCTION = """
CREATE FUNCTION public.accounts_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_NARGS = 2
        AND (to_jsonb(OLD) ->> TG_ARGV[0])::timestamptz < now() - TG_ARGV[1]::interval
    THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only: a row is neither changed nor deleted', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""

TRIGGERS = """
CREATE TRIGGER accounts_accountevent_append_only BEFORE UPDATE OR DELETE ON public.accounts_accountevent
    FOR EACH ROW EXECUTE FUNCTION public.accounts_append_only('at', '365 days');
CREATE TRIGGER accounts_accounteventseal_append_only BEFORE UPDATE OR DELETE ON public.accounts_accounteventseal
    FOR EACH ROW EXECUTE FUNCTION public.accounts_append_only('sealed_at', '365 days');
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION public.accounts_append_only() CASCADE"),
        migrations.RunSQL(TRIGGERS, migrations.RunSQL.noop),
    ]
