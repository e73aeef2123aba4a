"""EventBridge: events of AWS services are those of AWS.

* "Object Created" of S3 names the version. MiniStack leaves ``version-id`` out of the event. AWS sends it for objects
  in versioned buckets (S3 user guide, "EventBridge event message structure").
* Nobody but a service may send events of the service: ``PutEvents`` refuses sources that begin with ``aws.``. What
  plays Amazon Connect here sends its contact events by :func:`send_as_service`.
"""

import contextvars
import json
from typing import Any

from ministack.services import eventbridge, s3

_version_of_event: contextvars.ContextVar[str | None] = contextvars.ContextVar("version_of_event", default=None)


def apply() -> None:
    """Apply what this module describes."""
    fire = s3._fire_s3_event
    dispatch = eventbridge._dispatch_event

    def fire_with_version(*args: Any, version_id: str | None = None, **kwargs: Any) -> None:
        token = _version_of_event.set(version_id)
        try:
            fire(*args, version_id=version_id, **kwargs)
        finally:
            _version_of_event.reset(token)

    def dispatch_with_version(event: dict[str, Any], view: Any = None) -> None:
        version_id = _version_of_event.get()
        if version_id and event.get("Source") == "aws.s3":
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version_id
            event, view = {**event, "Detail": json.dumps(detail)}, None
        dispatch(event, view)

    s3._fire_s3_event = fire_with_version
    eventbridge._dispatch_event = dispatch_with_version


def send_as_service(event: dict[str, Any]) -> None:
    """Put an event of an AWS service on the default bus.

    Args:
        event: ``source``, ``detail-type`` and ``detail``, as in the event that a rule's target gets.
    """
    entry = {"Source": event["source"], "DetailType": event["detail-type"], "Detail": json.dumps(event["detail"])}
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
