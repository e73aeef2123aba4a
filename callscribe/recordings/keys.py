"""Which call an object key speaks of.

Two layouts are known: the project's own `recordings/{clinic_id}/{yyyy-mm-dd}/{call_id}.{ext}`, and Amazon Connect's
`{prefix}/CallRecordings[/ivr]/{yyyy}/{mm}/{dd}/{contact_id}_{yyyymmdd}T{hh:mm}_UTC.wav` (Amazon Connect
Administrator Guide, "Set up call recording" and "Where recordings are stored"). Keys are taken as S3 stores them and as
EventBridge announces them, never percent-decoded: two objects must not become one call. The one exception is the colon
of Connect's time, which some tools write as `%3A` when they copy a recording.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from callscribe.contract.call_kind import CallKind
from callscribe.recordings.calls import CallRecording, StartSource
from callscribe.recordings.clinics import ClinicDecision, ClinicEvidence, ClinicRules, ClinicSource

AUDIO_EXTENSIONS: Final = ("wav", "mp3", "flac", "ogg", "opus", "m4a")
"""What names of recordings end with, in lower or upper case. Only the audio itself says whether it can be read."""

OWN_FOLDER: Final = "recordings"
"""First folder of the project's own layout."""

CONNECT_FOLDER: Final = "CallRecordings"
"""Folder below which Amazon Connect puts recordings."""

# What stands beside recordings and holds no audio. Anything else may be a call and is not passed over in silence.
_OTHER_EXTENSIONS: Final = frozenset(
    {
        "json",
        "jsonl",
        "txt",
        "csv",
        "tsv",
        "xml",
        "yaml",
        "yml",
        "html",
        "htm",
        "md",
        "log",
        "pdf",
        "doc",
        "docx",
        "eml",
    }
    | {"xls", "xlsx", "parquet", "png", "jpg", "jpeg", "gif", "svg", "webp", "vtt", "srt", "ini", "tmp", "part", "lock"}
    | {"md5", "sha1", "sha256", "crc", "sig", "asc"}
)
# Amazon Connect's other storage, often in the same bucket (Administrator Guide, "Amazon S3 buckets for storage").
_OTHER_FOLDERS: Final = {
    "Attachments": "attachment",
    "ChatTranscripts": "chat-transcript",
    "ContactEvaluations": "evaluation",
    "EmailMessages": "email",
    "Reports": "report",
    "ScreenRecordings": "screen-recording",
}
MAX_ID_BYTES: Final = 256
OWN: Final = "callscribe"
CONNECT: Final = "connect"

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_CONNECT_NAME: Final = re.compile(r"(?P<contact>.+)_(?P<stamp>[0-9]{8}T[0-9]{2}(?::|%3[Aa])[0-9]{2})_UTC", re.DOTALL)


class NotACall(Exception):
    """The object is no call recording and can be passed over in silence.

    Attributes:
        reason: `folder`, `analysis-file`, `redacted-copy`, `not-audio`, or what else of Amazon Connect's it is:
            `attachment`, `chat-transcript`, `evaluation`, `email`, `report` or `screen-recording`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"not a call recording: {reason}")
        self.reason = reason


class UnknownLayout(Exception):
    """The object looks like a recording, but its key does not say which call it is.

    The message never quotes the key, since keys may carry telephone numbers.

    Attributes:
        reason: `unknown-layout`, `impossible-date` or `bad-id`.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class UnknownExtension(Exception):
    """The object is where recordings are, but its name does not end as one of a known format does.

    Attributes:
        key: What its key says all the same.
    """

    def __init__(self, extension: str, key: "RecordingKey") -> None:
        said = f".{extension.lower()}" if re.fullmatch(r"[A-Za-z0-9]{1,10}", extension) else "no known extension"
        super().__init__(
            f"recordings named with {said} are not read: convert it to WAV, FLAC, MP3 or Ogg, and name it by its format"
        )
        self.key = key


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingKey:
    """What an object key says of the call.

    Attributes:
        call_id: Connect contact id, or the file's name in the project's own layout.
        kind: The agent's conversation, or the automated part before it.
        started_at: Begin of the call, UTC (see `CallRecording`).
        layout: `callscribe` or `connect`.
        started_at_source: Where that is known from.
        clinic_id: The clinic that the key itself names; None in Connect's layout.
        folders: The folders above `CallRecordings`, by which settings may name the clinic.
    """

    call_id: str
    kind: CallKind
    started_at: datetime
    layout: str
    started_at_source: StartSource
    clinic_id: str | None = None
    folders: tuple[str, ...] = ()

    @property
    def of_contact(self) -> bool:
        """Whether the call id is certainly a contact's, which is unique; a file's name may stand for other calls too.

        Connect's ids are UUIDs (Amazon Connect API Reference, "DescribeContact").
        """
        return self.layout == CONNECT or _UUID.fullmatch(self.call_id) is not None

    def evidence(self, rules: ClinicRules) -> tuple[ClinicEvidence, ...]:
        """Return what the key, and the settings about it, say about whose call it is."""
        if self.clinic_id is not None:
            return (ClinicEvidence(source=ClinicSource.KEY, clinic_id=self.clinic_id),)
        return (*rules.by_folders(self.folders), *rules.by_default())

    def of(self, clinic: ClinicDecision) -> CallRecording:
        """Return the call, once it is decided whose it is."""
        return CallRecording(
            clinic_id=clinic.clinic_id,
            clinic_source=clinic.source,
            call_id=self.call_id,
            kind=self.kind,
            started_at=self.started_at,
            started_at_source=self.started_at_source,
            layout=self.layout,
        )


def parse_key(key: str) -> RecordingKey:
    """Say which call an object key speaks of.

    Raises:
        NotACall: A folder, an analysis file, a redacted copy, another file of Amazon Connect's, or no audio file.
        UnknownExtension: A file in the place of a recording that may hold audio of another format.
        UnknownLayout: An audio file whose key fits no layout or whose parts make no sense.
    """
    *folders, name = key.split("/")
    if not name:
        raise NotACall("folder")
    own = len(folders) == 3 and folders[0] == OWN_FOLDER and _DAY.fullmatch(folders[2]) is not None
    connects = CONNECT_FOLDER in folders
    if "Analysis" in folders and not own:
        raise NotACall("redacted-copy" if "Redacted" in folders else "analysis-file")
    if not own and not connects:
        for folder in folders:
            if folder in _OTHER_FOLDERS:
                raise NotACall(_OTHER_FOLDERS[folder])
    stem, dot, extension = name.rpartition(".")
    stem, extension = (stem, extension) if dot else (name, "")
    audio = extension.lower() in AUDIO_EXTENSIONS
    hidden = name.startswith((".", "_"))
    if not audio and (hidden or extension.lower() in _OTHER_EXTENSIONS or not (own or connects)):
        raise NotACall("not-audio")
    if own or connects:
        parsed = _parse_own(folders, stem) if own else _parse_connect(folders, stem)
        if not audio:
            raise UnknownExtension(extension, parsed)
        return parsed
    raise UnknownLayout(
        "unknown-layout",
        "the key is neither recordings/{clinic_id}/{yyyy-mm-dd}/{call_id}.{ext} nor "
        "{prefix}/CallRecordings/{yyyy}/{mm}/{dd}/{contact_id}_{yyyymmdd}T{hh:mm}_UTC.wav",
    )


def _parse_own(folders: list[str], stem: str) -> RecordingKey:
    return RecordingKey(
        clinic_id=_id("clinic id", folders[1]),
        call_id=_id("call id", stem),
        kind=CallKind.AGENT,
        started_at=_moment(folders[2], "%Y-%m-%d"),
        layout=OWN,
        started_at_source=StartSource.KEY_DAY,
    )


def _parse_connect(folders: list[str], stem: str) -> RecordingKey:
    root = len(folders) - 1 - folders[::-1].index(CONNECT_FOLDER)
    below = folders[root + 1 :]
    kind = CallKind.AGENT
    if below and below[0] == CallKind.IVR:
        kind, below = CallKind.IVR, below[1:]
    match = _CONNECT_NAME.fullmatch(stem)
    if len(below) != 3 or match is None or not _DAY.fullmatch("-".join(below)):
        raise UnknownLayout(
            "unknown-layout", "expected …/CallRecordings/{yyyy}/{mm}/{dd}/{contact_id}_{yyyymmdd}T{hh:mm}_UTC.wav"
        )
    _moment("-".join(below), "%Y-%m-%d")
    started_at = _moment(re.sub("%3A", ":", match["stamp"], flags=re.IGNORECASE), "%Y%m%dT%H:%M")
    return RecordingKey(
        folders=tuple(folders[:root]),
        call_id=_id("contact id", match["contact"]),
        kind=kind,
        started_at=started_at,
        layout=CONNECT,
        started_at_source=StartSource.KEY_MINUTE,
    )


def _moment(text: str, form: str) -> datetime:
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        raise UnknownLayout("impossible-date", "the key names a day or time that does not exist") from None


def _id(what: str, value: str) -> str:
    if not _usable(value):
        raise UnknownLayout("bad-id", f"the {what} must be printable text without '#', at most {MAX_ID_BYTES} bytes")
    return value


def _usable(value: str) -> bool:
    """Whether a text can stand in a table key: '#' separates the parts there."""
    # isprintable() also refuses lone surrogates, which have no UTF-8 form.
    printable = value.isprintable() and "#" not in value and value not in ("", ".", "..")
    return printable and value == value.strip() and len(value.encode()) <= MAX_ID_BYTES
