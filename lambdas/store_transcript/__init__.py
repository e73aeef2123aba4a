"""Third step: turn Deepgram's reply into a transcript and store it; later, write older documents anew."""
