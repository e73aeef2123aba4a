"""`python -m callscribe` is the command `callscribe`.

Installed, the operations are a part of this package; in a checkout they lie beside it.
"""

import sys
from importlib import import_module
from importlib.util import find_spec

if __name__ == "__main__":
    operations = "callscribe.operations" if find_spec("callscribe.operations") else "operations"
    sys.exit(import_module(f"{operations}.command_line").main())
