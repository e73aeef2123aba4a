"""What is written by one version is read by every other: of all that is stored or sent."""
