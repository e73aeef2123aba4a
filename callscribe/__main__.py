"""`python -m callscribe` is the command `callscribe`."""

import sys

from callscribe.judge import main

if __name__ == "__main__":
    sys.exit(main())
