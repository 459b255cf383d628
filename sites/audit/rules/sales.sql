--- invoice_numbers (public)
--- 6. Les numéros de facture se suivent sans autre trou que ceux qui sont notés, dans l'ordre d'émission
SELECT format('facture %s : rang %s de %s, le %s', numbered.number, numbered.sequence, numbered.year,
              numbered.issued_on)
FROM (
    SELECT *, row_number() OVER by_rank + (
            SELECT coalesce(sum(skipped.last - skipped.first + 1), 0) FROM billing_skippednumbers AS skipped
            WHERE skipped.year = billing_invoice.year AND skipped.last < billing_invoice.sequence
        ) AS place, lag(issued_on) OVER by_rank AS day_before
    FROM billing_invoice WINDOW by_rank AS (PARTITION BY year ORDER BY sequence)
) AS numbered
WHERE numbered.sequence <> numbered.place OR numbered.issued_on < numbered.day_before
   OR numbered.number !~ format('^([A-Z][A-Z]-)?P%s-%s$', numbered.year, lpad(numbered.sequence::text, 6, '0'))
UNION ALL
SELECT format('année %s : %s numéros donnés, %s factures ou numéros sautés', given.year, given.last,
              count(invoice.id) + given.skipped)
FROM (
    SELECT sequence.year, sequence.last, coalesce(sum(skipped.last - skipped.first + 1), 0) AS skipped
    FROM billing_invoicesequence AS sequence
    LEFT JOIN billing_skippednumbers AS skipped ON skipped.year = sequence.year
    GROUP BY sequence.year, sequence.last
) AS given
LEFT JOIN billing_invoice AS invoice ON invoice.year = given.year
GROUP BY given.year, given.last, given.skipped
HAVING given.last <> count(invoice.id) + given.skipped
UNION ALL
SELECT format('année %s : des factures, et aucune suite de numéros', invoice.year)
FROM billing_invoice AS invoice
WHERE NOT EXISTS (SELECT FROM billing_invoicesequence AS given WHERE given.year = invoice.year)
GROUP BY invoice.year

--- documents (public)
--- 6. Un document émis ou reçu est celui dont l'empreinte a été gardée
SELECT format('document %s', document.number) FROM billing_billingdocument AS document
WHERE document.sha256 <> encode(sha256(document.content), 'hex')
UNION ALL
SELECT format('bon de commande signé n° %s', scan.id) FROM orders_purchaseorderscan AS scan
WHERE scan.sha256 <> encode(sha256(scan.content), 'hex')

--- totals (public)
--- 12. Les totaux d'une vente sont ceux de ses lignes, ceux d'une facture ceux de sa commande ; rien n'est vendu
--- pour rien
SELECT format('commande n° %s : %s € HT, %s € TTC ; ses lignes %s et %s', sale.id, sale.total_ht,
              sale.total_ttc, coalesce(sum(line.total_ht), 0), coalesce(sum(line.total_ttc), 0))
FROM orders_order AS sale
LEFT JOIN orders_orderline AS line ON line.order_id = sale.id
GROUP BY sale.id
HAVING sale.total_ht <> coalesce(sum(line.total_ht), 0) OR sale.total_ttc <> coalesce(sum(line.total_ttc), 0)
    OR (sale.kind <> 'grant' AND coalesce(min(line.total_ttc), 0) <= 0)
    OR (sale.kind = 'grant' AND sale.total_ttc <> 0)
UNION ALL
SELECT format('facture %s : %s € HT, %s € TTC ; sa commande %s et %s', invoice.number, invoice.total_ht,
              invoice.total_ttc, sale.total_ht, sale.total_ttc)
FROM billing_invoice AS invoice JOIN orders_order AS sale ON sale.id = invoice.order_id
WHERE invoice.kind = 'invoice'
  AND (invoice.total_ht <> sale.total_ht OR invoice.total_ttc <> sale.total_ttc)
  -- One that was replaced may have had another VAT.
  AND NOT EXISTS (
      SELECT FROM billing_invoice AS note WHERE note.corrects_id = invoice.id AND NOT note.is_partial
  )

--- credit_notes (public)
--- 12. Les avoirs d'une facture n'en reprennent jamais plus qu'elle, celui qui l'annule tout le reste ; la
--- commande dit ce que les avoirs partiels ont repris, argent et licences
SELECT format('facture %s : %s € HT et %s € TTC, avoirs de %s et %s', invoice.number, invoice.total_ht,
              invoice.total_ttc, sum(note.total_ht), sum(note.total_ttc))
FROM billing_invoice AS note JOIN billing_invoice AS invoice ON invoice.id = note.corrects_id
GROUP BY invoice.id
HAVING sum(note.total_ht) > invoice.total_ht OR sum(note.total_vat) > invoice.total_vat
    OR (sum(note.total_ttc) = invoice.total_ttc) <> bool_or(NOT note.is_partial)
    OR bool_or(note.order_id <> invoice.order_id) OR invoice.kind <> 'invoice'
UNION ALL
SELECT format('commande n° %s : %s € et %s licences repris, %s € et %s d''après les avoirs partiels', sale.id,
              sale.credited, line.taken_back, coalesce(sum(note.total_ttc), 0),
              coalesce(sum((note.snapshot #>> '{corrects,licences}')::int), 0))
FROM orders_order AS sale
JOIN orders_orderline AS line ON line.order_id = sale.id
LEFT JOIN billing_invoice AS note ON note.is_partial AND note.corrects_id = (
    SELECT max(id) FROM billing_invoice WHERE order_id = sale.id AND kind = 'invoice'
)
GROUP BY sale.id, line.id
HAVING sale.credited <> coalesce(sum(note.total_ttc), 0)
    OR line.taken_back <> coalesce(sum((note.snapshot #>> '{corrects,licences}')::int), 0)

--- card_refunds (public)
--- 37. De chaque paiement par carte, le prestataire garde ce que disent les livres ; ce qu'il doit encore rendre
--- est demandé, ou attend l'exploitant
SELECT format('paiement par carte n° %s : %s € chez le prestataire, %s € dans les livres', card.id,
              card.captured_amount, coalesce(sum(payment.amount), 0))
FROM payments_cardpayment AS card
LEFT JOIN payments_payment AS payment ON payment.card_id = card.id
WHERE card.status IN ('confirmed', 'refunded')
GROUP BY card.id
HAVING card.captured_amount <> coalesce(sum(payment.amount), 0)
   AND NOT (
       card.captured_amount > coalesce(sum(payment.amount), 0)
       AND (
           card.message <> ''
           -- Given back otherwise, as the operator says: after a refund that the provider could not make.
           OR (card.captured_amount - coalesce(sum(payment.amount), 0)) * 100
               <= coalesce((nullif(card.extra_data, '')::jsonb ->> 'otherwise')::int, 0)
           OR EXISTS (
               SELECT FROM procrastinate_jobs AS job
               WHERE job.status IN ('todo', 'doing') AND job.task_name = 'payments.card.send_refund'
                 AND (job.args ->> 'payment_id')::bigint = card.id
           )
       )
   )

--- one_invoice (public)
--- 12. Une commande facturée ou réglée a une facture et une seule qu'aucun avoir n'annule ; les autres n'en ont
--- pas
WITH live AS (
    SELECT invoice.order_id, count(*) AS invoices FROM billing_invoice AS invoice
    WHERE invoice.kind = 'invoice'
      AND NOT EXISTS (SELECT FROM billing_invoice AS note WHERE note.corrects_id = invoice.id AND NOT note.is_partial)
    GROUP BY invoice.order_id
)
SELECT format('commande n° %s (%s) : %s', sale.id, sale.state, coalesce(live.invoices, 0))
FROM orders_order AS sale LEFT JOIN live ON live.order_id = sale.id
WHERE coalesce(live.invoices, 0) <> CASE WHEN sale.state IN ('confirmed', 'paid') THEN 1 ELSE 0 END

--- paid (public)
--- 12. Une commande réglée a reçu au moins ce qui a été facturé, une commande à régler moins
WITH live AS (
    -- By order: invoices that no credit note cancels, less partial ones.
    SELECT invoice.order_id, sum(invoice.total_ttc - coalesce(partial.total, 0)) AS total
    FROM billing_invoice AS invoice
    LEFT JOIN (
        SELECT corrects_id, sum(total_ttc) AS total FROM billing_invoice WHERE is_partial GROUP BY corrects_id
    ) AS partial ON partial.corrects_id = invoice.id
    WHERE invoice.kind = 'invoice'
      AND NOT EXISTS (SELECT FROM billing_invoice AS note WHERE note.corrects_id = invoice.id AND NOT note.is_partial)
    GROUP BY invoice.order_id
), received AS (
    SELECT order_id, sum(amount) AS total FROM payments_payment GROUP BY order_id
)
SELECT format('commande n° %s (%s) : %s € reçus, %s € facturés', sale.id, sale.state,
              coalesce(received.total, 0), coalesce(live.total, 0))
FROM orders_order AS sale
LEFT JOIN live ON live.order_id = sale.id
LEFT JOIN received ON received.order_id = sale.id
WHERE (sale.state = 'paid' AND coalesce(received.total, 0) < coalesce(live.total, 0)
       -- Refunded in the card provider's dashboard: the operator decides what becomes of it.
       AND coalesce(live.total, 0) - coalesce(received.total, 0) > coalesce((
           SELECT -sum(amount) FROM payments_payment
           WHERE order_id = sale.id AND provider_refund <> ''), 0))
   OR (sale.state = 'confirmed' AND coalesce(received.total, 0) >= coalesce(live.total, 0))
   OR (sale.state NOT IN ('paid', 'confirmed', 'cancelled') AND coalesce(received.total, 0) <> 0)
   OR coalesce(received.total, 0) < 0

--- corrections (public)
--- 34. Ce qui se corrige laisse sa trace : un état repris est le dernier qui comptait, un règlement est reçu
--- après la commande et avant d'être inscrit, une renonciation annule sa commande
SELECT format('état n° %s de la facture %s : reprend l''état n° %s', taking.id, invoice.number, taken.id)
FROM billing_platformstatus AS taking
JOIN billing_platformstatus AS taken ON taken.id = taking.takes_back_id
JOIN billing_invoice AS invoice ON invoice.id = taking.invoice_id
WHERE taken.invoice_id <> taking.invoice_id OR taken.state <> taking.state OR taken.takes_back_id IS NOT NULL
   OR taken.id > taking.id
   -- Another status counted at the time of the taking back, and happened later than the one taken back.
   OR EXISTS (
       SELECT FROM billing_platformstatus AS between_them
       LEFT JOIN billing_platformstatus AS earlier ON earlier.takes_back_id = between_them.id
       WHERE between_them.invoice_id = taking.invoice_id AND between_them.takes_back_id IS NULL
         AND (between_them.at, between_them.id) > (taken.at, taken.id) AND between_them.id < taking.id
         AND coalesce(earlier.id > taking.id, true)
   )
UNION ALL
SELECT format('commande n° %s : %s € reçus le %s, passée le %s, inscrits le %s', sale.id, payment.amount,
              payment.received_on, (sale.placed_at AT TIME ZONE 'Europe/Paris')::date,
              (payment.recorded_at AT TIME ZONE 'Europe/Paris')::date)
FROM payments_payment AS payment JOIN orders_order AS sale ON sale.id = payment.order_id
WHERE payment.kind = 'received'
  AND (payment.received_on < (sale.placed_at AT TIME ZONE 'Europe/Paris')::date
       OR payment.received_on > (payment.recorded_at AT TIME ZONE 'Europe/Paris')::date)
UNION ALL
SELECT format('commande n° %s (%s) : son acheteur a renoncé au contrat', sale.id, sale.state)
FROM orders_contractwithdrawal AS withdrawal JOIN orders_order AS sale ON sale.id = withdrawal.order_id
WHERE sale.state <> 'cancelled' OR withdrawal.at < sale.placed_at OR sale.placed_at IS NULL

--- rights_opened (public)
--- 12. Une commande passée a ouvert les droits de chacune de ses lignes, une commande en préparation ou à
--- vérifier aucun
SELECT format('commande n° %s (%s), ligne n° %s : %s', sale.id, sale.state, line.id,
              CASE WHEN entitlement.id IS NULL THEN 'aucun droit' ELSE 'des droits' END)
FROM orders_order AS sale
JOIN orders_orderline AS line ON line.order_id = sale.id
LEFT JOIN entitlements_entitlement AS entitlement ON entitlement.id = line.entitlement_id
WHERE (sale.state IN ('draft', 'in_review') AND entitlement.id IS NOT NULL)
   OR (sale.state NOT IN ('draft', 'in_review', 'cancelled') AND entitlement.id IS NULL)
UNION ALL
SELECT format('commande n° %s de la boutique : %s licences en abonnements pour %s commandées', sale.id,
              coalesce(sum(subscription.size), 0), line.quantity - line.taken_back)
FROM orders_order AS sale
JOIN orders_orderline AS line ON line.order_id = sale.id
JOIN entitlements_entitlement AS entitlement ON entitlement.id = line.entitlement_id
LEFT JOIN entitlements_activationkey AS key ON key.entitlement_id = entitlement.id AND key.revoked_at IS NULL
LEFT JOIN entitlements_subscription AS subscription ON subscription.key_id = key.id
WHERE sale.kind = 'shop'
GROUP BY sale.id, line.id
HAVING coalesce(sum(subscription.size), 0) <> line.quantity - line.taken_back

--- rights_follow (public)
--- 12. Les droits suivent l'argent : temporaires tant que le bon de commande ou le règlement est attendu, fermes
--- une fois réglés
SELECT format('commande n° %s (%s) : temporaires jusqu''au %s, règlement attendu le %s', sale.id, sale.state,
              coalesce(entitlement.provisional_until::text, '–'), coalesce(entitlement.unpaid_until::text, '–'))
FROM orders_order AS sale
JOIN orders_orderline AS line ON line.order_id = sale.id
JOIN entitlements_entitlement AS entitlement ON entitlement.id = line.entitlement_id
WHERE (sale.state IN ('granted', 'paid')
       AND (entitlement.provisional_until IS NOT NULL OR entitlement.unpaid_until IS NOT NULL))
   OR (sale.state = 'confirmed'
       AND (entitlement.provisional_until IS NOT NULL OR entitlement.unpaid_until IS NULL))
   OR (sale.state = 'placed' AND (entitlement.provisional_until IS NULL) <> EXISTS (
           SELECT FROM orders_purchaseorderscan AS scan WHERE scan.order_id = sale.id AND scan.state = 'waiting'
       ))

--- rights_stop (public)
--- 12. Aucune licence ne sert d'une commande annulée, ou restée sans bon de commande
SELECT format('commande n° %s (%s), provenance n° %s', sale.id, sale.state, entitlement.id)
FROM orders_order AS sale
JOIN orders_orderline AS line ON line.order_id = sale.id
JOIN entitlements_entitlement AS entitlement ON entitlement.id = line.entitlement_id
WHERE (entitlement.suspended_at IS NULL AND (
        sale.state = 'cancelled'
        -- Expired before the order lapsed: no suspension is needed.
        OR (sale.state = 'lapsed' AND coalesce(
            entitlement.provisional_until >= (sale.lapsed_at AT TIME ZONE 'Europe/Paris')::date, true))))
   OR (entitlement.cancelled_at IS NULL) = (sale.state = 'cancelled')

--- taken_back (public)
--- 31. Un règlement n'est jamais repris au-delà de ce qui est venu, et toujours sur sa commande ; ce qui en est
--- reporté arrive tout entier sur une autre
SELECT format('règlement n° %s : %s €, dont %s repris%s', payment.id, payment.amount, -sum(back.amount),
              CASE WHEN bool_or(back.order_id <> payment.order_id) THEN ', sur une autre commande' ELSE '' END)
FROM payments_payment AS payment JOIN payments_payment AS back ON back.refunds_id = payment.id
GROUP BY payment.id
HAVING payment.amount + sum(back.amount) < 0 OR bool_or(back.order_id <> payment.order_id)
    OR bool_or(back.card_id IS DISTINCT FROM payment.card_id)
UNION ALL
SELECT format('règlement n° %s : %s € reportés, %s € arrivés', gone.id, -gone.amount, coalesce(come.amount, 0))
FROM payments_payment AS gone LEFT JOIN payments_payment AS come ON come.moved_from_id = gone.id
WHERE (gone.kind = 'moved_out' OR come.id IS NOT NULL)
  AND (gone.kind <> 'moved_out' OR come.amount IS DISTINCT FROM -gone.amount OR come.order_id = gone.order_id)

--- suspensions (public)
--- 33. Une suspension dit sa cause, et aucune n'attend un règlement qui est venu
SELECT format('commande n° %s (%s), provenance n° %s : suspendue le %s, cause « %s »', sale.id, sale.state,
              entitlement.id, entitlement.suspended_at, entitlement.suspension_cause)
FROM orders_order AS sale
JOIN orders_orderline AS line ON line.order_id = sale.id
JOIN entitlements_entitlement AS entitlement ON entitlement.id = line.entitlement_id
WHERE (entitlement.suspended_at IS NOT NULL AND entitlement.cancelled_at IS NULL
       AND entitlement.suspension_cause = '')
   OR (entitlement.suspension_cause = 'unpaid' AND sale.state IN ('paid', 'granted'))
