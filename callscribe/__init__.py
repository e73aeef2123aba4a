"""The pure core: what a speech service heard becomes a transcript with roles, summary, quality and cost.

No AWS, no network, no clock, no environment and no randomness: every function gives the same answer for the same
arguments, so a stored reply can be normalised and scored again at any time without paying for speech recognition.
"""
