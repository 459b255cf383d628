"""Invariants of licences that are asked for, given back, moved inside a lot, and bought again."""

from __future__ import annotations

from sites.audit.invariants import ACCOUNTS, DUE_WORK, ENTITLEMENTS, JOBS, KEYS, REQUESTS, SALES, Invariant

#: Checked in each collectivity's schema.
RENEWAL_INVARIANTS = (
    Invariant(
        "renewal_orders",
        "56. Une reconduction a une commande au plus, de la collectivité et de l'année qu'elle prépare ; remplacée, "
        "elle était annulée ; sans suite, elle n'en a aucune qui vaille",
        """
        SELECT DISTINCT format('reconduction %%s, commande n° %%s', renewal.school_year, ordered.order_id)
        FROM renewals_renewalorder AS ordered
        JOIN renewals_renewal AS renewal ON renewal.id = ordered.renewal_id
        JOIN sale ON sale.id = ordered.order_id
        WHERE sale.schema IS DISTINCT FROM %(schema)s
           OR sale.kind <> 'purchase'
           OR (ordered.replaced_at IS NOT NULL AND sale.state <> 'cancelled')
           OR (renewal.declined_at IS NOT NULL AND sale.state <> 'cancelled')
           OR NOT EXISTS (
               SELECT FROM sale AS line WHERE line.id = ordered.order_id AND line.year = renewal.school_year)
        """,
        (SALES,),
    ),
    Invariant(
        "renewal_gifts",
        "57. Une liste reconduite est attribuée de lots de son année, à chaque école au plus ce qu'elle dit, et jamais "
        "sans suite",
        """
        SELECT format('reconduction %%s, attribution n° %%s : %%s, puis %%s', renewal.school_year, gift.allocation_id,
                      gift.before, gift.after)
        FROM renewals_renewalgift AS gift
        JOIN renewals_renewalapplication AS made ON made.id = gift.application_id
        JOIN renewals_renewal AS renewal ON renewal.id = made.renewal_id
        JOIN pools_allocation AS allocation ON allocation.id = gift.allocation_id
        JOIN pools_pool AS pool ON pool.id = allocation.pool_id
        JOIN entitlement ON entitlement.id = pool.entitlement_id
        LEFT JOIN renewals_renewalline AS line
            ON line.renewal_id = renewal.id AND line.school_id = allocation.school_id
        WHERE extract(YEAR FROM entitlement.last_day) <> renewal.school_year
           OR (made.undone_at IS NULL AND coalesce(line.units, 0) < gift.after)
        UNION ALL
        SELECT format('reconduction %%s : application n° %%s sans attribution', renewal.school_year, made.id)
        FROM renewals_renewalapplication AS made
        JOIN renewals_renewal AS renewal ON renewal.id = made.renewal_id
        WHERE NOT EXISTS (SELECT FROM renewals_renewalgift AS gift WHERE gift.application_id = made.id)
           OR (made.undone_at IS NULL AND renewal.declined_at IS NOT NULL)
        """,
        (ENTITLEMENTS,),
    ),
    Invariant(
        "renewal_accounts",
        "10. Les comptes que citent les reconductions existent",
        """
        SELECT format('reconduction n° %%s : compte n° %%s', cited.id, cited.account)
        FROM (
            SELECT id, changed_by_id AS account FROM renewals_renewal
            UNION ALL SELECT id, declined_by_id FROM renewals_renewal
            UNION ALL SELECT renewal_id, ordered_by_id FROM renewals_renewalorder
            UNION ALL SELECT renewal_id, applied_by_id FROM renewals_renewalapplication
            UNION ALL SELECT renewal_id, undone_by_id FROM renewals_renewalapplication
        ) AS cited
        WHERE cited.account IS NOT NULL
          AND NOT EXISTS (SELECT FROM account WHERE account.id = cited.account)
        """,
        (ACCOUNTS,),
    ),
)


#: Checked in the public schema.
RETURN_INVARIANTS = (
    Invariant(
        "return_requests",
        "51. Une demande de licences dit sa fin, rend au plus ce qu'elle demandait, et une seule attend par clé",
        """
        SELECT format('demande n° %s : %s licences, issue « %s » le %s, %s rendues, collectivité %s, clé n° %s',
                      request.id, request.units, request.outcome, coalesce(request.answered_at::text, 'jamais'),
                      request.returned_units, request.collectivity_id, request.key_id)
        FROM returns_returnrequest AS request
        JOIN entitlements_activationkey AS key ON key.id = request.key_id
        JOIN entitlements_entitlement AS entitlement ON entitlement.id = key.entitlement_id
        LEFT JOIN (
            SELECT request_id, sum(units) AS units FROM returns_licencereturn
            WHERE undone_at IS NULL AND request_id IS NOT NULL GROUP BY request_id
        ) AS given ON given.request_id = request.id
        WHERE (request.outcome = '') <> (request.answered_at IS NULL)
           OR (request.outcome = 'accepted') <> (request.returned_units > 0)
           OR request.returned_units > least(request.units, coalesce(given.units, 0))
           OR (request.outcome <> 'accepted' AND given.units IS NOT NULL)
           OR request.collectivity_id IS DISTINCT FROM entitlement.collectivity_id
           OR key.redeemed_at IS NULL
           OR (request.outcome = '' AND EXISTS (
                   SELECT FROM returns_returnrequest AS other
                   WHERE other.key_id = request.key_id AND other.outcome = '' AND other.id <> request.id))
        """,
    ),
)

#: Checked in each collectivity's schema.
TENANT_RETURN_INVARIANTS = (
    Invariant(
        "nothing_left",
        "1. Une attribution n'est de zéro licence que si son école a activé sa clé, puis tout rendu",
        """
        SELECT format('attribution n° %%s : %%s licence, clé activée %%s', allocation.id, allocation.units,
                      coalesce(key.redeemed_at::text, 'jamais'))
        FROM pools_allocation AS allocation
        JOIN key ON key.id = allocation.key_id
        WHERE allocation.units = 0 AND (key.redeemed_at IS NULL OR NOT key.returned)
        """,
        (KEYS,),
    ),
    Invariant(
        "rebalancings",
        "52. Un rééquilibrage donne ce qu'il reprend et ce qu'il prend de libre dans son lot ; annulé, il a tout rendu",
        """
        SELECT format('rééquilibrage n° %%s : %%s pris sur les libres, %%s en mouvements, %%s d''un autre lot',
                      made.id, made.from_free, coalesce(sum(move.after - move.before), 0),
                      count(*) FILTER (WHERE allocation.pool_id <> made.pool_id))
        FROM rebalancing_rebalancing AS made
        LEFT JOIN rebalancing_licencemove AS move ON move.rebalancing_id = made.id
        LEFT JOIN pools_allocation AS allocation ON allocation.id = move.allocation_id
        GROUP BY made.id
        HAVING coalesce(sum(move.after - move.before), 0) <> made.from_free
            OR bool_or(allocation.pool_id <> made.pool_id)
        UNION ALL
        SELECT format('rééquilibrage n° %%s : annulé, attribution n° %%s toujours reprise le %%s',
                      made.id, allocation.id, allocation.revoked_at)
        FROM rebalancing_licencemove AS move
        JOIN rebalancing_rebalancing AS made ON made.id = move.rebalancing_id
        JOIN pools_allocation AS allocation ON allocation.id = move.allocation_id
        WHERE move.after = 0 AND made.undone_at IS NOT NULL AND allocation.revoked_at = made.applied_at
        """,
    ),
    Invariant(
        "rebalanced_requests",
        "52. Une demande est accordée par un seul rééquilibrage, qui n'est pas annulé, pour ce qu'il donne ; la réponse"
        " suit",
        """
        SELECT format('demande n° %%s : %%s licences accordées jusqu''au %%s, issue « %%s », rééquilibrage n° %%s',
                      request.id, request.accepted_units, coalesce(request.granted_until::text, 'jamais'),
                      request.outcome, coalesce(made.id::text, 'absent'))
        FROM request
        LEFT JOIN rebalancing_licencemove AS move ON move.request_id = request.id
        LEFT JOIN rebalancing_rebalancing AS made ON made.id = move.rebalancing_id
        LEFT JOIN pools_allocation AS allocation ON allocation.id = move.allocation_id
        WHERE request.collectivity_id = %(collectivity)s
          AND (request.granted_until IS NOT NULL
               AND (move.id IS NULL
                    OR NOT EXISTS (SELECT FROM work WHERE work.kind = 'rebalancing.answer_requests')
                    AND NOT EXISTS (SELECT FROM job WHERE job.task_name = 'rebalancing.answer_requests'
                                                      AND job.schema = %(schema)s))
               OR move.id IS NOT NULL
               AND (made.undone_at IS NOT NULL OR request.outcome IN ('refused', 'expired')
                    OR request.outcome = '' AND request.granted_until IS NULL
                    OR request.outcome IN ('', 'accepted')
                    AND (request.accepted_units <> move.after - move.before
                         OR request.key_id <> allocation.key_id)))
        """,
        (REQUESTS, DUE_WORK, JOBS),
    ),
)


#: In which year the school year of an entitlement ends, in SQL.
_YEAR = "date_part('year', entitlement.last_day) + (date_part('month', entitlement.last_day) > 8)::int"

REQUEST_INVARIANTS = (
    Invariant(
        "requests_answered",
        "49. Une demande accordée ou acceptée l'est d'une clé de son école, de la collectivité et de l'année demandées",
        f"""
        SELECT format('demande n° %s : %s licences de %s, clé n° %s', request.id, request.accepted_units,
                      request.school_year, coalesce(request.key_id::text, 'absente'))
        FROM requests_licencerequest AS request
        LEFT JOIN entitlements_activationkey AS key ON key.id = request.key_id
        LEFT JOIN entitlements_entitlement AS entitlement ON entitlement.id = key.entitlement_id
        WHERE (request.outcome = 'accepted' OR request.granted_until IS NOT NULL)
          AND (key.id IS NULL OR request.accepted_units < 1 OR key.school_id IS DISTINCT FROM request.school_id
               OR entitlement.collectivity_id IS DISTINCT FROM request.collectivity_id
               OR entitlement.product_id <> request.product_id OR {_YEAR} <> request.school_year)
           OR request.outcome <> 'accepted' AND (request.granted_until IS NULL) <> (request.key_id IS NULL)
           OR request.outcome <> '' AND request.granted_until IS NOT NULL
        """,  # noqa: S608 - our own words
    ),
    Invariant(
        "requests_open",
        "50. Une école n'attend qu'une réponse par année, aucune demande ne survit d'un jour à son année scolaire",
        """
        SELECT format('école %s, année %s : %s demandes en attente, la première du %s', school_id, school_year,
                      count(*), min(created_at))
        FROM requests_licencerequest
        WHERE ended_at IS NULL
        GROUP BY school_id, product_id, school_year
        HAVING count(*) > 1
            OR make_date(school_year, 9, 2)
                < (current_setting('peps.audited_at')::timestamptz AT TIME ZONE 'Europe/Paris')::date
        """,
    ),
    Invariant(
        "teacher_requests_open",
        "50. La demande d'un enseignant prend fin avec la licence qu'il reçoit, et avec l'année scolaire",
        f"""
        SELECT format('demande n° %s de %s', request.id, request.created_at)
        FROM requests_teacherrequest AS request
        WHERE request.ended_at IS NULL
          AND (make_date(request.school_year, 9, 2)
                < (current_setting('peps.audited_at')::timestamptz AT TIME ZONE 'Europe/Paris')::date
            OR EXISTS (
              SELECT FROM entitlements_seat AS seat
              JOIN entitlements_subscription AS subscription ON subscription.id = seat.subscription_id
              JOIN entitlements_activationkey AS key ON key.id = subscription.key_id
              JOIN entitlements_entitlement AS entitlement ON entitlement.id = key.entitlement_id
              WHERE seat.holder_id = request.teacher_id AND seat.held_since > request.created_at
                AND {_YEAR} >= request.school_year))
        """,  # noqa: S608 - our own words
    ),
)
REQUEST_TENANT_INVARIANTS = (
    Invariant(
        "requests_noted",
        "49. Chaque réponse à une demande est une fois au journal de sa collectivité",
        """
        SELECT format('demande n° %%s (%%s) : %%s au journal', request.id, request.outcome, count(entry.id))
        FROM request
        LEFT JOIN collectivities_auditentry AS entry ON entry.object_type = 'licence_request'
            AND entry.object_id = request.id AND entry.school_id = request.school_id
            AND entry.action = 'requests.' || request.outcome
        WHERE request.collectivity_id = %(collectivity)s AND request.outcome IN ('accepted', 'refused')
        GROUP BY request.id, request.outcome
        HAVING count(entry.id) <> 1
        """,
        (REQUESTS,),
    ),
)
