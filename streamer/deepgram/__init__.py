"""Deepgram's streaming API: nothing lost and nothing twice over any number of connections."""
