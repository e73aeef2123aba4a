"""Deepgram's pure half: what is asked for, and what its replies mean."""
