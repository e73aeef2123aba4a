"""Note what Amazon Connect says about the end of a live call, as hints for the streamer."""
