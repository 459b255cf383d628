"""A school is never deleted and keeps its UAI: offices refer to it without a foreign key."""

from django.db import migrations

CREATE = """
CREATE TRIGGER schools_school_stays BEFORE DELETE ON public.schools_school
    FOR EACH ROW EXECUTE FUNCTION public.accounts_referenced_row_stays();
CREATE TRIGGER schools_school_keeps_its_uai BEFORE UPDATE OF uai ON public.schools_school
    FOR EACH ROW WHEN (OLD.uai <> NEW.uai) EXECUTE FUNCTION public.accounts_referenced_row_stays();
"""
DROP = """
DROP TRIGGER schools_school_stays ON public.schools_school;
DROP TRIGGER schools_school_keeps_its_uai ON public.schools_school;
"""


class Migration(migrations.Migration):
    dependencies = [("schools", "0002_search_maintenance"), ("accounts", "0003_accounts_stay")]
    operations = [migrations.RunSQL(CREATE, DROP)]
