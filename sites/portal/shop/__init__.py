"""The portal's shop, up to the order: « Boutique », open to visitors, then « Commande en cours »."""
