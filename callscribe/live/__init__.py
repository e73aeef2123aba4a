"""A call while it runs: what is announced, its state, gaps, coverage and transcript."""
