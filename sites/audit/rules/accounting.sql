--- provider_balance (public)
--- 40. Le prestataire a encaissé une fois, et du montant de son règlement, ce qui est réglé par carte ; il n'en
--- rend pas plus
SELECT format('paiement par carte n° %s : %s € encaissés en %s fois chez le prestataire, règlement de %s €',
              charged.card_id, charged.amount, charged.times, received.amount)
FROM (
    SELECT card_id, count(*) AS times, sum(amount) AS amount
    FROM accounting_balancetransaction
    WHERE kind IN ('charge', 'payment') AND card_id IS NOT NULL
    GROUP BY card_id
) AS charged
LEFT JOIN payments_payment AS received ON received.card_id = charged.card_id AND received.kind = 'received'
WHERE charged.times <> 1 OR charged.amount <> received.amount
UNION ALL
SELECT format('paiement par carte n° %s : il en reste %s € chez le prestataire', card_id, sum(amount))
FROM accounting_balancetransaction
WHERE kind IN ('charge', 'payment', 'refund', 'payment_refund', 'refund_failure', 'payment_failure_refund')
      AND card_id IS NOT NULL
GROUP BY card_id
HAVING sum(amount) < 0
