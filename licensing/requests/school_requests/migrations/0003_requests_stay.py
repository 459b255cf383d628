"""A school's request is never deleted and keeps its primary key: offices refer to it without a foreign key."""

from django.db import migrations

CREATE = """
CREATE TRIGGER requests_licencerequest_stays BEFORE DELETE ON public.requests_licencerequest
    FOR EACH ROW EXECUTE FUNCTION public.accounts_referenced_row_stays();
CREATE TRIGGER requests_licencerequest_keeps_its_id BEFORE UPDATE OF id ON public.requests_licencerequest
    FOR EACH ROW WHEN (OLD.id <> NEW.id) EXECUTE FUNCTION public.accounts_referenced_row_stays();
"""
DROP = """
DROP TRIGGER requests_licencerequest_stays ON public.requests_licencerequest;
DROP TRIGGER requests_licencerequest_keeps_its_id ON public.requests_licencerequest;
"""


class Migration(migrations.Migration):
    dependencies = [("requests", "0002_answers_are_final"), ("accounts", "0003_accounts_stay")]
    operations = [migrations.RunSQL(CREATE, DROP)]
