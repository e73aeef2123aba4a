"""What infrastructure and run time agree on, each fact once."""
