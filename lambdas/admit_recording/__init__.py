"""First step: decide once whether an announced object is a call to be transcribed."""
