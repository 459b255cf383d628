"""What the bank said stays as it was uploaded: only what was decided of a line changes."""

from django.db import migrations

STATEMENTS = """
CREATE FUNCTION public.bank_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is what the bank said: it is neither changed nor deleted', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER bank_bankstatement_immutable BEFORE UPDATE OR DELETE ON public.bank_bankstatement
    FOR EACH ROW EXECUTE FUNCTION public.bank_immutable();
CREATE TRIGGER bank_bankstatement_is_not_emptied BEFORE TRUNCATE ON public.bank_bankstatement
    FOR EACH STATEMENT EXECUTE FUNCTION public.bank_immutable();
"""

# Of a line all but what was decided; of its payments all but when they were released. Neither is deleted.
LINES = """
CREATE FUNCTION public.bank_facts_stay() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    decided constant text[] := ARRAY[
        'state', 'booked_amount', 'set_aside_amount', 'reason', 'decided_at', 'decided_by_id', 'released_at'
    ];
BEGIN
    IF TG_OP = 'DELETE' OR to_jsonb(OLD) - decided IS DISTINCT FROM to_jsonb(NEW) - decided THEN
        RAISE EXCEPTION '% keeps what the bank said', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bank_statementline_keeps_its_facts BEFORE UPDATE ON public.bank_statementline
    FOR EACH ROW EXECUTE FUNCTION public.bank_facts_stay();
CREATE TRIGGER bank_statementline_stays BEFORE DELETE ON public.bank_statementline
    FOR EACH ROW EXECUTE FUNCTION public.bank_facts_stay();
CREATE TRIGGER bank_linepayment_keeps_its_facts BEFORE UPDATE ON public.bank_linepayment
    FOR EACH ROW EXECUTE FUNCTION public.bank_facts_stay();
CREATE TRIGGER bank_linepayment_stays BEFORE DELETE ON public.bank_linepayment
    FOR EACH ROW EXECUTE FUNCTION public.bank_facts_stay();
"""


class Migration(migrations.Migration):
    dependencies = [("bank", "0001_initial")]
    operations = [
        migrations.RunSQL(STATEMENTS, "DROP FUNCTION public.bank_immutable() CASCADE"),
        migrations.RunSQL(LINES, "DROP FUNCTION public.bank_facts_stay() CASCADE"),
    ]
