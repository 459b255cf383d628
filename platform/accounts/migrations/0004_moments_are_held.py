"""What is sealed is written as of now: no row of a journal, of the books or of their seals is dated otherwise."""

from django.db import migrations

# Of the owner, as the trigger: databases of tests and demonstrations have another (`tenants.template_database`).
ANY_MOMENT = """
CREATE FUNCTION public.accounts_accepts_any_moment() RETURNS boolean LANGUAGE sql STABLE AS 'SELECT false'
"""

# The triggers' conditions say how far a moment may be from the transaction's. With an argument the row is an entry of an
# office's journal, which a job may write days after the fact: it is dated now, and keeps in words what it was dated.
FUNCTION = """
CREATE FUNCTION public.accounts_hold_moment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF public.accounts_accepts_any_moment() THEN
        RETURN NEW;
    END IF;
    IF TG_NARGS = 0 THEN
        RAISE EXCEPTION '% is written as of now: its moment is too far from the transaction''s', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    NEW.summary := NEW.summary || to_char(
        NEW.at AT TIME ZONE 'Europe/Paris', '" (Date indiquée : le "DD/MM/YYYY" à "HH24" h "MI".)"'
    );
    NEW.at := now();
    RETURN NEW;
END $$;
"""

TRIGGERS = """
CREATE TRIGGER accounts_accountevent_moment BEFORE INSERT ON public.accounts_accountevent FOR EACH ROW
    WHEN (NEW.at NOT BETWEEN now() - interval '1 hour' AND clock_timestamp() + interval '1 hour')
    EXECUTE FUNCTION public.accounts_hold_moment();
CREATE TRIGGER accounts_accounteventseal_moment BEFORE INSERT ON public.accounts_accounteventseal FOR EACH ROW
    WHEN (NEW.sealed_at NOT BETWEEN now() - interval '1 hour' AND clock_timestamp() + interval '1 hour')
    EXECUTE FUNCTION public.accounts_hold_moment();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_accounts_stay")]
    operations = [
        migrations.RunSQL(ANY_MOMENT, "DROP FUNCTION public.accounts_accepts_any_moment()"),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION public.accounts_hold_moment() CASCADE"),
        migrations.RunSQL(TRIGGERS, migrations.RunSQL.noop),
    ]
