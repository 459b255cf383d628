-- What the rules of an office are given of the public schema: read before, since no statement names tables of both.
-- First what the office names of it, in queries of its own tables, which the others have as parameters.

--- accounts
SELECT user_id FROM collectivities_member
UNION SELECT actor_id FROM collectivities_auditentry
UNION SELECT account_id FROM api_token
UNION SELECT created_by_id FROM pools_allocation
UNION SELECT revoked_by_id FROM pools_allocation
UNION SELECT applied_by_id FROM rebalancing_rebalancing
UNION SELECT undone_by_id FROM rebalancing_rebalancing
UNION SELECT changed_by_id FROM renewals_renewal
UNION SELECT declined_by_id FROM renewals_renewal
UNION SELECT ordered_by_id FROM renewals_renewalorder
UNION SELECT applied_by_id FROM renewals_renewalapplication
UNION SELECT undone_by_id FROM renewals_renewalapplication

--- entitlements
SELECT entitlement_id FROM pools_pool

--- keys
SELECT key_id FROM pools_allocation

--- requests
SELECT request_id FROM rebalancing_licencemove WHERE request_id IS NOT NULL

--- orders
SELECT order_id FROM renewals_renewalorder

--- reminded_schools
SELECT DISTINCT school_id FROM reminders_reminder WHERE sent_at IS NOT NULL

--- waiting_addresses
SELECT lower(trim(recipient)) FROM mailing_message WHERE refusal = 'waiting'

--- account: id bigint, is_active boolean, profile text
SELECT id, is_active, profile FROM public.accounts_user WHERE id = ANY(%(accounts)s)

--- entitlement: id bigint, collectivity_id bigint, last_day date, provisional_until date, suspended_at timestamptz,
--- cancelled_at timestamptz, ordered bigint
SELECT
    entitlement.id, entitlement.collectivity_id, entitlement.last_day, entitlement.provisional_until,
    entitlement.suspended_at, entitlement.cancelled_at, line.quantity - line.taken_back
FROM public.entitlements_entitlement AS entitlement
LEFT JOIN public.orders_orderline AS line ON line.entitlement_id = entitlement.id
WHERE entitlement.collectivity_id = %(collectivity)s OR entitlement.id = ANY(%(entitlements)s)

--- key: id bigint, entitlement_id bigint, school_id text, units bigint, redeemed_at timestamptz, revoked_at
--- timestamptz, returned boolean
-- `returned`: whether its school gave some of its licences back.
SELECT
    key.id, key.entitlement_id, key.school_id, key.units, key.redeemed_at, key.revoked_at,
    EXISTS (
        SELECT FROM public.returns_licencereturn AS given WHERE given.key_id = key.id AND given.undone_at IS NULL
    )
FROM public.entitlements_activationkey AS key
WHERE key.entitlement_id = ANY(%(entitlements)s) OR key.id = ANY(%(keys)s)

--- request: id bigint, collectivity_id bigint, school_id text, outcome text, accepted_units bigint, granted_until
--- timestamptz, key_id bigint
SELECT id, collectivity_id, school_id, outcome, accepted_units, granted_until, key_id
FROM public.requests_licencerequest
WHERE collectivity_id = %(collectivity)s OR id = ANY(%(requests)s)

--- sale: id bigint, kind text, state text, schema text, year integer
-- `year`: in which the school year of a line ends.
SELECT sale.id, sale.kind, sale.state, collectivity.schema_name, extract(YEAR FROM year.ends_on)
FROM public.orders_order AS sale
LEFT JOIN public.tenants_collectivity AS collectivity ON collectivity.id = sale.collectivity_id
LEFT JOIN public.orders_orderline AS line ON line.order_id = sale.id
LEFT JOIN public.catalogue_schoolyear AS year ON year.id = line.school_year_id
WHERE sale.id = ANY(%(orders)s)

--- job: task_name text, lock text, schema text
-- Those that wait or run in the office's schema, or for a key.
SELECT task_name, lock, args ->> 'schema'
FROM public.procrastinate_jobs
WHERE status IN ('todo', 'doing') AND (args ->> 'schema' = %(schema)s OR starts_with(lock, 'pools.key:'))

--- work: kind text, due_at timestamptz
SELECT kind, due_at FROM public.jobs_duework WHERE schema = %(schema)s

--- written: school_id text, week date, schema text
SELECT school_id, week, schema FROM public.schools_writtenweek WHERE school_id = ANY(%(reminded_schools)s)

--- refused: address text, waits_here boolean
SELECT address, %(schema)s = ANY(waiting_in) FROM public.bounces_refusedaddress
WHERE address = ANY(%(waiting_addresses)s)

--- sending: id bigint, lost bigint, handled bigint
SELECT id, lost, handled FROM public.bounces_failedsending WHERE schema = %(schema)s

--- key_state: key_id bigint, redeemed_at timestamptz, held integer, free integer, unused integer
-- Of its seats: held by teachers; neither held nor reserved; and those of them that nobody ever held.
SELECT
    key.id, key.redeemed_at, count(seat.holder_id), count(seat.id) FILTER (WHERE seat.is_free),
    count(seat.id) FILTER (WHERE seat.is_free AND NOT seat.was_held)
FROM public.entitlements_activationkey AS key
LEFT JOIN public.entitlements_subscription AS subscription ON subscription.key_id = key.id
LEFT JOIN (
    SELECT
        id, subscription_id, holder_id, holder_id IS NULL AND reserved_at IS NULL AS is_free,
        EXISTS (SELECT FROM public.entitlements_seatevent AS event WHERE event.seat_id = place.id) AS was_held
    FROM public.entitlements_seat AS place
) AS seat ON seat.subscription_id = subscription.id
WHERE key.id = ANY(%(keys)s)
GROUP BY key.id
