"""Invoices that reach their platform by themselves: Chorus Pro for public bodies, an approved platform for businesses.

Three steps, as for cards. `operations` creates a `Transmission` for what is to be sent. `delivery` asks the platform,
always outside a transaction. `operations` records its answers, in one transaction each, under the order's lock. The
whole story of an invoice is fetched each time, so that late, repeated or reordered answers have no effect.
"""
