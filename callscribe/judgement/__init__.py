"""What is concluded from a conversation: the score of its quality, by a rubric of criteria."""
