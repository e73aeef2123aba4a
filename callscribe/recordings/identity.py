"""What makes two announcements speak of the same recording."""

import hashlib


def recording_id(bucket: str, key: str, version_id: str | None, etag: str) -> str:
    """Name one content of one object, the same for every announcement of it.

    Args:
        bucket: bucket name.
        key: object key, as S3 stores it.
        version_id: version of the object; None, or "null" as S3 says, where the bucket is not versioned.
        etag: ETag, with or without quotes. It identifies the content only where there is no version.

    Returns:
        64 hexadecimal digits (SHA-256).
    """
    versioned = version_id is not None and version_id not in ("", "null")
    content = ("version", version_id) if versioned else ("etag", etag.strip('"'))
    digest = hashlib.sha256()
    for part in (bucket, key, *content):
        encoded = str(part).encode("utf-8", "surrogatepass")
        # The length before each part keeps ("ab", "c") apart from ("a", "bc").
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return digest.hexdigest()
