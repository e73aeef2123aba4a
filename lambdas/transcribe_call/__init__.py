"""Second step: ask Deepgram, once, and keep its reply."""
