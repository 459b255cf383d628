"""The portal's shop in three steps (« Boutique », « Commande en cours », « Paiement »), then « Mes commandes »."""
