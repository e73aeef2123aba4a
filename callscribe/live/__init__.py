"""A call while it runs: what is announced, its state, gaps and coverage, and when its recording can have been made."""
