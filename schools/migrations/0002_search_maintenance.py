"""What only an owner may do to a table, and the directory's synchronisation needs: done by a function of the owner."""

from django.db import migrations

# The pending list of a GIN index: until it is flushed, by this or by the next vacuum, every search scans it.
CREATE = """
CREATE FUNCTION public.schools_maintain_search() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- On a cluster each node has a copy, and index and table have names of their own there.
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
        EXECUTE format('SELECT run_command_on_placements(''public.schools_school'', %L)', $clean$
            SELECT gin_clean_pending_list(pg_class.oid) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
            JOIN pg_am ON pg_am.oid = relam WHERE indrelid = '%s'::regclass AND amname = 'gin'
        $clean$);
    ELSE
        PERFORM gin_clean_pending_list('public.school_search'::regclass);
    END IF;
    ANALYZE public.schools_school;
END $$;
CREATE FUNCTION public.schools_maintain_dictionary() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM gin_clean_pending_list('public.directory_word_alike'::regclass);
    ANALYZE public.schools_directoryword;
END $$;
REVOKE ALL ON FUNCTION public.schools_maintain_search() FROM PUBLIC;
REVOKE ALL ON FUNCTION public.schools_maintain_dictionary() FROM PUBLIC;
"""
DROP = "DROP FUNCTION public.schools_maintain_search(); DROP FUNCTION public.schools_maintain_dictionary();"


class Migration(migrations.Migration):
    dependencies = [("schools", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, DROP)]
