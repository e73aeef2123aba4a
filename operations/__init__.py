"""What an operator runs beside a deployed environment: repeat failed calls, look calls up."""
