"""The live streamer: Kinesis Video Streams in, Deepgram's words out, while the call runs."""
