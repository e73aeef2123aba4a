"""Keeps what is searched: the shards of words, as the table has the calls."""
