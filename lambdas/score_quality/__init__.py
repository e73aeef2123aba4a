"""Fourth step: judge how well the call was handled."""
