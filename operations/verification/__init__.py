"""What ``callscribe verify`` does in a deployed environment, step by step."""
