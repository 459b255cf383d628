--- renewal_orders (office)
--- 56. Une reconduction a une commande au plus, de la collectivité et de l'année qu'elle prépare ; remplacée,
--- elle était annulée ; sans suite, elle n'en a aucune qui vaille
--- reads: sale
SELECT DISTINCT format('reconduction %s, commande n° %s', renewal.school_year, ordered.order_id)
FROM renewals_renewalorder AS ordered
JOIN renewals_renewal AS renewal ON renewal.id = ordered.renewal_id
JOIN sale ON sale.id = ordered.order_id
WHERE sale.schema IS DISTINCT FROM %(schema)s
   OR sale.kind <> 'purchase'
   OR (ordered.replaced_at IS NOT NULL AND sale.state <> 'cancelled')
   OR (renewal.declined_at IS NOT NULL AND sale.state <> 'cancelled')
   OR NOT EXISTS (
       SELECT FROM sale AS line WHERE line.id = ordered.order_id AND line.year = renewal.school_year)

--- renewal_gifts (office)
--- 57. Une liste reconduite est attribuée de lots de son année, à chaque école au plus ce qu'elle dit, et jamais
--- sans suite
--- reads: entitlement
SELECT format('reconduction %s, attribution n° %s : %s, puis %s', renewal.school_year, gift.allocation_id,
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
SELECT format('reconduction %s : application n° %s sans attribution', renewal.school_year, made.id)
FROM renewals_renewalapplication AS made
JOIN renewals_renewal AS renewal ON renewal.id = made.renewal_id
WHERE NOT EXISTS (SELECT FROM renewals_renewalgift AS gift WHERE gift.application_id = made.id)
   OR (made.undone_at IS NULL AND renewal.declined_at IS NOT NULL)

--- renewal_accounts (office)
--- 10. Les comptes que citent les reconductions existent
--- reads: account
SELECT format('reconduction n° %s : compte n° %s', cited.id, cited.account)
FROM (
    SELECT id, changed_by_id AS account FROM renewals_renewal
    UNION ALL SELECT id, declined_by_id FROM renewals_renewal
    UNION ALL SELECT renewal_id, ordered_by_id FROM renewals_renewalorder
    UNION ALL SELECT renewal_id, applied_by_id FROM renewals_renewalapplication
    UNION ALL SELECT renewal_id, undone_by_id FROM renewals_renewalapplication
) AS cited
WHERE cited.account IS NOT NULL
  AND NOT EXISTS (SELECT FROM account WHERE account.id = cited.account)
