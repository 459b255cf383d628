"""« Écoles »: the portfolio with what each school holds, activated and uses, filtered, sorted and exported."""
