"""A request that was accepted, refused or withdrawn stays so, whoever writes: its answer is given once.

Words may be erased with the account of whoever wrote them.
"""

from django.db import migrations

CREATE = """
CREATE FUNCTION public.requests_answer_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Request % was answered: %', OLD.id, OLD.outcome USING
        ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'licence_request_answered_once';
END $$;
CREATE TRIGGER licence_request_answered_once
    BEFORE UPDATE OF ended_at, outcome, accepted_units, key_id, units, school_id, collectivity_id, product_id, school_year
    ON public.requests_licencerequest
    FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION public.requests_answer_is_final();
"""
DROP = """
DROP FUNCTION public.requests_answer_is_final() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("requests", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, DROP)]
