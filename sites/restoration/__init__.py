"""What an operator does with a database that was restored: look at it, decide what was queued, let it act again."""
