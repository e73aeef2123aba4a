"""After the score, if an analyst is set: have a language model read the call, and check what it cites."""
