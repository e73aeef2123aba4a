"""What the functions and the operators' commands work on, in moto."""

# First of all: it names the functions' service, which they read when they are imported.
from tests.lambdas.conftest import _aws_environment, cloud, function_environment, output  # isort: split

from tests.lambdas.store_live_transcript.test_handler import bus
from tests.operations.conftest import deployed

__all__ = ["_aws_environment", "bus", "cloud", "deployed", "function_environment", "output"]
