"""Deepgram for recordings: the one speech service that the worker is given."""
