"""S3: a part of a version can be read (header ``Range``), as players do that jump within a recording.

MiniStack looks at the header only where no version is named.
"""

from typing import Any

from ministack.services import s3


def apply() -> None:
    """Apply what this module describes."""
    get_object = s3._get_object

    def get_part(bucket: str, key: str, headers: dict[str, str], query: dict[str, Any] | None = None) -> Any:
        status, answered, body = get_object(bucket, key, headers, query)
        asked = headers.get("range", "")
        if status != 200 or not asked or not (query or {}).get("versionId"):
            return status, answered, body
        part = s3._parse_range(asked, len(body))
        if part is None:
            return 416, {"Content-Range": f"bytes */{len(body)}"}, b""
        first, last = part
        told = {"Content-Length": str(last - first + 1), "Content-Range": f"bytes {first}-{last}/{len(body)}"}
        # A checksum is of the whole object.
        kept = {name: value for name, value in answered.items() if not name.lower().startswith("x-amz-checksum")}
        return 206, {**kept, **told}, body[first : last + 1]

    s3._get_object = get_part
