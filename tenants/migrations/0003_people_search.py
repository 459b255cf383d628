"""Index by which the operator finds people: name, username and address, misspelt or not."""

from django.db import migrations

# A function, so that queries and index name the same expression. The leading space lets LIKE '% word%' find the beginning
# of any word.
CREATE = """
CREATE FUNCTION public.accounts_person_text(first_name text, last_name text, username text, email text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT ' ' || public.fold(first_name || ' ' || last_name || ' ' || username || ' ' || email)
$$;
CREATE INDEX accounts_user_person_text ON public.accounts_user
    USING gin (public.accounts_person_text(first_name, last_name, username, email) public.gin_trgm_ops);
"""
DROP = """
DROP INDEX public.accounts_user_person_text;
DROP FUNCTION public.accounts_person_text(text, text, text, text);
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_append_only"), ("tenants", "0002_initial")]
    operations = [migrations.RunSQL(CREATE, DROP)]
