"""What an item that is written anew keeps of an analysis of its document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from callscribe.analysis.prices import with_analyses_of
from callscribe.cost import Cost
from callscribe.serialization import InvalidData, decode, encode
from callscribe.table_values import attribute, plain
from lambdas.common.observability import logger

if TYPE_CHECKING:
    from collections.abc import Mapping


def analysis_of(item: Mapping[str, Any], cost: Cost) -> dict[str, Any]:
    """Return the attributes that stay: the analysis, and what the call costs with it.

    Args:
        item: The item as it is, which shows the same document.
        cost: What the call costs without an analysis.
    """
    if "analysis" not in item:
        return {}
    earlier = None
    try:
        earlier = decode(Cost, plain(item.get("cost")), "the cost")
    except InvalidData as error:
        logger.error("what an analysis cost is unreadable", error_message=str(error))
    return {"analysis": item["analysis"], "cost": attribute(encode(with_analyses_of(cost, earlier)))}
