"""What the console answers, without AWS: who may see what, and the form of calls, lists and corrections."""
