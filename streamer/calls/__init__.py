"""Live calls: taking, reading, committing, handing over and finishing them."""
