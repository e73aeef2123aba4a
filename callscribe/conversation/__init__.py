"""Who says what: utterances, roles, sentiment, and the phrases that tell."""
