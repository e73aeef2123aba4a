"""Second step: ask the speech service, once, and keep its reply."""
