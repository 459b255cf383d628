"""The shop on the portal, in the guide's three steps: boutique, commande en cours, paiement; then « Mes commandes »."""
