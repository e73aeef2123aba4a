from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from callscribe.recordings.clinics import ClinicRules
from callscribe.serialization import decode_json
from lambdas.common.errors import describe

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = "{'phone': '+15550107788'}"


def refuse() -> None:
    raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "secret"}}, "GetItem")


@pytest.mark.parametrize(
    ("failing", "description"),
    [
        (lambda: decode_json(ClinicRules, TEXT, "clinics"), "InvalidData at serialization.py:"),
        (lambda: json.loads(TEXT), "JSONDecodeError at test_errors.py:"),
        (refuse, "ClientError ThrottlingException (GetItem) at test_errors.py:"),
    ],
)
def test_an_error_is_named_by_type_code_and_innermost_place_in_this_project(
    failing: Callable[[], object], description: str
) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011
        failing()
    assert describe(raised.value).startswith(description)


def test_an_error_outside_this_project_is_named_by_its_own_place() -> None:
    with pytest.raises(ValueError, match="Expecting") as raised:
        json.loads(TEXT)
    outside = raised.value.with_traceback(raised.tb.tb_next)
    assert describe(outside).startswith("JSONDecodeError at decoder.py:")


def test_an_error_that_was_never_raised_has_no_place() -> None:
    assert describe(KeyError("secret")) == "KeyError at an unknown place"
