--- bank_lines (public)
--- 39. Les règlements d'une ligne de relevé et ce qui en est mis de côté font son montant, et aucun règlement
--- n'est sur deux lignes
SELECT format('ligne n° %s (%s) de %s € : %s € inscrits, %s € enregistrés, %s € mis de côté', line.id,
              line.state, line.amount, coalesce(sum(payment.amount), 0), line.booked_amount,
              line.set_aside_amount)
FROM bank_statementline AS line
LEFT JOIN bank_linepayment AS link ON link.line_id = line.id AND link.released_at IS NULL
LEFT JOIN payments_payment AS payment ON payment.id = link.payment_id
GROUP BY line.id
HAVING coalesce(sum(payment.amount), 0) <> line.booked_amount
    OR abs(line.booked_amount + line.set_aside_amount) > abs(line.amount)
    OR (line.state IN ('booked', 'set_aside')) <> (line.booked_amount + line.set_aside_amount = line.amount)
    OR (line.state = 'booked' AND line.booked_amount = 0)
UNION ALL
SELECT format('règlement n° %s : sur %s lignes de relevé', link.payment_id, count(*))
FROM bank_linepayment AS link WHERE link.released_at IS NULL
GROUP BY link.payment_id HAVING count(*) > 1
UNION ALL
SELECT format('règlement n° %s, de la ligne n° %s : %s € de la commande n° %s, le %s', payment.id, line.id,
              payment.amount, payment.order_id, payment.received_on)
FROM bank_linepayment AS link
JOIN bank_statementline AS line ON line.id = link.line_id
JOIN payments_payment AS payment ON payment.id = link.payment_id
WHERE payment.order_id <> link.order_id
   OR sign(payment.amount) <> sign(line.amount)
   OR payment.kind <> CASE WHEN line.amount > 0 THEN 'received' ELSE 'reversed' END
   OR (link.was_recorded AND line.amount > 0 AND payment.received_on <> line.booked_on)
UNION ALL
-- A line that is booked anew was first taken back: what it recorded then was reversed as a mistake.
SELECT format('règlement n° %s, repris de la ligne n° %s : il en reste', payment.id, link.line_id)
FROM bank_linepayment AS link
JOIN payments_payment AS payment ON payment.id = link.payment_id
WHERE link.released_at IS NOT NULL AND link.was_recorded
  AND payment.amount + coalesce(
      (SELECT sum(back.amount) FROM payments_payment AS back WHERE back.refunds_id = payment.id), 0) > 0
