"""A schema as the system catalogue has it, to be compared with another."""

from core.connections import connection

#: Everything the system catalogue holds about a schema, without its name.
ANATOMY = """
SELECT 'column', table_name, column_name, concat_ws(' ', data_type, is_nullable, column_default, is_identity,
       generation_expression, character_maximum_length) FROM information_schema.columns WHERE table_schema = '{0}'
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = '{0}'::regnamespace
UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = '{0}'
UNION ALL SELECT 'sequence', sequencename, data_type::text, start_value::text FROM pg_sequences WHERE schemaname = '{0}'
UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(pg_trigger.oid) FROM pg_trigger
  JOIN pg_class ON pg_class.oid = tgrelid WHERE relnamespace = '{0}'::regnamespace AND NOT tgisinternal
UNION ALL SELECT 'owner', relname, relowner::regrole::text, '' FROM pg_class
  WHERE relnamespace = '{0}'::regnamespace AND relkind = 'r'
UNION ALL SELECT 'grant', relname, grantee::regrole::text, string_agg(privilege_type, ' ' ORDER BY privilege_type)
  FROM pg_class CROSS JOIN aclexplode(relacl) WHERE relnamespace = '{0}'::regnamespace GROUP BY relname, grantee
UNION ALL SELECT 'migration', app, name, '' FROM {0}.django_migrations
"""


def describe_schema(schema):
    """Return a row for each column, constraint, index, sequence, trigger, owner, grant and migration of a schema."""
    with connection.cursor() as cursor:
        cursor.execute(ANATOMY.format(schema))
        return sorted(tuple(str(cell).replace(schema, "§") for cell in row) for row in cursor.fetchall())
