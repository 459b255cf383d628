"""Invariants of credit notes and of card refunds: books, documents, rights and the card provider say the same."""

from __future__ import annotations

from sites.audit.invariants import Invariant

CREDIT_NOTES = Invariant(
    "credit_notes",
    "12. Les avoirs d'une facture n'en reprennent jamais plus qu'elle, celui qui l'annule tout le reste ; la commande "
    "dit ce que les avoirs partiels ont repris, argent et licences",
    """
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
    """,
)

CARD_REFUNDS = Invariant(
    "card_refunds",
    "37. De chaque paiement par carte, le prestataire garde ce que disent les livres ; ce qu'il doit encore rendre est "
    "demandé, ou attend l'exploitant",
    """
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
    """,
)
