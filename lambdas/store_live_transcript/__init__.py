"""After a live call: store its transcript, unless that of its recording is there already."""
