"""The functions of the batch pipeline: thin handlers around the pure core in `callscribe`."""
