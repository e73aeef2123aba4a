"""What the functions share: AWS clients, logs, claims, the archive and the messages between the steps."""
