"""The stacks of CallScribe and what differs between its environments."""
