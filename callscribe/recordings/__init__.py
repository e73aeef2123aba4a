"""A recording: its place, its call, its clinic, its time and its identity."""
