"""A speech server that speaks Deepgram's API on loopback, with real recognition: Whisper's, or pocketsphinx's.

It exists so that the product can be tried, tested and demonstrated without a key, a network or a cost. It is not a
stand-in for Deepgram's accuracy: its replies name their model, which begins with ``local-``.
"""
