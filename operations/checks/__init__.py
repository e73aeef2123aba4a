"""What `callscribe doctor` looks at, one module for each part of a deployed environment."""
