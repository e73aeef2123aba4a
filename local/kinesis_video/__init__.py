"""A simulator of Amazon Kinesis Video Streams on loopback, with streams shaped as Amazon Connect writes them."""
