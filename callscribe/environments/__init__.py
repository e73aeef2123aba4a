"""What functions and the streamer are told: constructs fill these structs, processes read them once."""
