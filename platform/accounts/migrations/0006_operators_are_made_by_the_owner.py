"""Only the owner of the table makes an account an operator's, or takes that back: the application's role cannot."""

from django.db import migrations

# It runs as whoever writes, with a search path of its own: a temporary table of theirs is not taken for the catalogue.
FUNCTION = """
CREATE FUNCTION public.accounts_operators_are_made_by_the_owner() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pg_has_role((SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'Only the owner of the accounts makes an operator, or takes that back'
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""

TRIGGERS = """
CREATE TRIGGER accounts_user_new_operator BEFORE INSERT ON public.accounts_user FOR EACH ROW
    WHEN (NEW.is_staff OR NEW.is_superuser) EXECUTE FUNCTION public.accounts_operators_are_made_by_the_owner();
CREATE TRIGGER accounts_user_operator BEFORE UPDATE OF is_staff, is_superuser ON public.accounts_user FOR EACH ROW
    WHEN ((OLD.is_staff, OLD.is_superuser) IS DISTINCT FROM (NEW.is_staff, NEW.is_superuser))
    EXECUTE FUNCTION public.accounts_operators_are_made_by_the_owner();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_known_devices_by_second_factor")]
    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION public.accounts_operators_are_made_by_the_owner() CASCADE"),
        migrations.RunSQL(TRIGGERS, migrations.RunSQL.noop),
    ]
