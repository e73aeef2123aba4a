"""What is concluded from a conversation: flags, summary, quality."""
