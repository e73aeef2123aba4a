"""The local environment: embedded AWS, a Deepgram-compatible speech server and sample calls, all on loopback."""
