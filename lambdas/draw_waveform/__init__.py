"""Beside the workflow: draw the waveform of a recording, for who listens to it."""
