"""Third step: turn the speech service's reply into a transcript and store it; later, write older documents anew."""
