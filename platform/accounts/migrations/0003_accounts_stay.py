"""An account is never deleted and keeps its primary key: offices refer to it without a foreign key.

So it is with the other public tables that offices refer to, each in a migration of its app (docs/decisions/0156).
"""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION public.accounts_referenced_row_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A row of % is never deleted and keeps its primary key: offices refer to it',
        regexp_replace(TG_TABLE_NAME, '_[0-9]{6,}$', '')  -- without the number of a node's copy
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME;
END $$;
"""

TRIGGERS = """
CREATE TRIGGER accounts_user_stays BEFORE DELETE ON public.accounts_user
    FOR EACH ROW EXECUTE FUNCTION public.accounts_referenced_row_stays();
CREATE TRIGGER accounts_user_keeps_its_id BEFORE UPDATE OF id ON public.accounts_user
    FOR EACH ROW WHEN (OLD.id <> NEW.id) EXECUTE FUNCTION public.accounts_referenced_row_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_append_only")]
    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION public.accounts_referenced_row_stays() CASCADE"),
        migrations.RunSQL(TRIGGERS, migrations.RunSQL.noop),
    ]
