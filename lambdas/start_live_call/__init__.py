"""Announce a call that has begun to stream, so that a streamer transcribes it while it runs."""
