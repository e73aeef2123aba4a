"""What an analyst that reads concludes from a call, citing its turns; and what is asked of it, checked and paid."""
