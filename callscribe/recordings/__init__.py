"""A recording: what its key says, its call, its clinic, its time, and its way from announcement to transcript."""
