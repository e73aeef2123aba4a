"""The live streamer: Kinesis Video Streams in, words out, while the call runs."""
