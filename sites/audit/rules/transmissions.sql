--- transmissions (public)
--- 38. Une transmission va où va sa facture, une seule à la fois, et finit par l'état qu'elle en a reçu ; aucune
--- n'est oubliée
SELECT format('transmission %s par %s : %s, acheteur « %s »', sent.tracking_id, sent.route, invoice.number,
              invoice.buyer_kind)
FROM transmission_transmission AS sent JOIN billing_invoice AS invoice ON invoice.id = sent.invoice_id
WHERE invoice.buyer_kind = 'consumer' OR (invoice.buyer_kind = 'taxable' AND sent.route = 'chorus_pro')
UNION ALL
SELECT format('facture %s : %s transmissions à la fois', invoice.number, count(*))
FROM transmission_transmission AS sent JOIN billing_invoice AS invoice ON invoice.id = sent.invoice_id
WHERE sent.kind = 'invoice' AND sent.state <> 'rejected'
GROUP BY invoice.number HAVING count(*) > 1
UNION ALL
SELECT format('transmission %s (%s) : personne ne la suit plus', sent.tracking_id, sent.state)
FROM transmission_transmission AS sent
WHERE sent.state IN ('to_send', 'sent') AND sent.next_try_at IS NULL
UNION ALL
-- Rejected by a story: its invoice is rejected, by the platform's word.
SELECT format('transmission %s refusée : la facture %s ne l''est pas', sent.tracking_id, invoice.number)
FROM transmission_transmission AS sent JOIN billing_invoice AS invoice ON invoice.id = sent.invoice_id
WHERE sent.kind = 'invoice' AND sent.state = 'rejected' AND sent.sent_at IS NOT NULL
  AND NOT EXISTS (
      SELECT FROM billing_platformstatus AS told
      WHERE told.invoice_id = invoice.id AND told.external_id <> '' AND told.state IN ('rejected', 'refused'))
UNION ALL
-- Followed to its end: the platform said which.
SELECT format('transmission %s close : la facture %s n''est ni payée ni rejetée', sent.tracking_id,
              invoice.number)
FROM transmission_transmission AS sent JOIN billing_invoice AS invoice ON invoice.id = sent.invoice_id
WHERE sent.kind = 'invoice' AND sent.state = 'accepted' AND sent.next_try_at IS NULL
  AND sent.sent_at > current_setting('peps.audited_at')::timestamptz - interval '400 days'
  AND NOT EXISTS (
      SELECT FROM billing_platformstatus AS status
      WHERE status.invoice_id = invoice.id AND status.takes_back_id IS NULL
        AND status.state IN ('rejected', 'refused', 'in_payment', 'collected'))
UNION ALL
SELECT format('facture %s : une plateforme donne son état, sans qu''elle y ait été transmise', invoice.number)
FROM billing_platformstatus AS told JOIN billing_invoice AS invoice ON invoice.id = told.invoice_id
WHERE told.external_id <> '' AND NOT EXISTS (
    SELECT FROM transmission_transmission AS sent
    WHERE sent.invoice_id = invoice.id AND sent.kind = 'invoice' AND sent.sent_at IS NOT NULL)
