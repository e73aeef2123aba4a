"""Who says what: utterances, roles, sentiment, the phrases that tell, and the summary with its flags."""
