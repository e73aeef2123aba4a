"""``python -m docs.reference.generate_constructs``: write the reference of the constructs from their docstrings.

A test holds the page against the docstrings, so that it is always the one of the code beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from griffe import (
    Alias,
    Attribute,
    DocstringSection,
    DocstringSectionAdmonition,
    DocstringSectionAttributes,
    DocstringSectionKind,
    DocstringSectionParameters,
    DocstringSectionRaises,
    DocstringSectionReturns,
    DocstringSectionText,
    Function,
    GriffeLoader,
    Object,
    ParameterKind,
    Parser,
)

PAGE: Final = Path(__file__).with_name("constructs.md")
_PACKAGE: Final = "constructs_lib"
_CORE: Final = "callscribe"
_HEAD: Final = """\
# Constructs

Written from the docstrings by `make reference`. Import everything from `constructs_lib`:
`from constructs_lib import TranscriptionWorkflow`. Arguments are keyword-only but for `scope` and `construct_id`.
"""


def render() -> str:
    """Return the page."""
    loader = GriffeLoader(docstring_parser=Parser.google, search_paths=[str(PAGE.parents[2])])
    package = loader.load(_PACKAGE)
    loader.load(_CORE)  # some value objects are the core's own
    loader.resolve_aliases()
    names = sorted(name for name in package.exports or () if isinstance(name, str))
    classes = {name: _resolved(package[name]) for name in names}
    index = "\n".join(f"- [{name}](#{name.lower()}): {_summary(found)}" for name, found in classes.items())
    return "\n".join([_HEAD, index, *(part for name, found in classes.items() for part in _class(name, found))])


def _resolved(found: Object | Alias) -> Object:
    target = found.final_target if isinstance(found, Alias) else found
    if not isinstance(target, Object):
        raise TypeError(f"{found.path} leads nowhere")
    return target


def _class(name: str, found: Object) -> Iterator[str]:
    yield f"\n## {name}\n"
    yield from _docstring(found)
    members = [member for key, member in found.members.items() if not key.startswith("_")]
    inherited = [_resolved(member) for key, member in found.inherited_members.items() if not key.startswith("_")]
    attributes = [
        member
        for member in [*(member for member in inherited if isinstance(member, Attribute)), *members]
        if (isinstance(member, Attribute) or _is_property(member)) and member.docstring
    ]
    if attributes:
        yield "| attribute | type | |\n|---|---|---|"
        for attribute in attributes:
            annotation = getattr(attribute, "annotation", None)
            yield f"| `{attribute.name}` | {_type(annotation)} | {_cell(_text(attribute))} |"
        yield ""
    for method in members:
        if isinstance(method, Function) and not _is_property(method):
            yield f"### {name}.{method.name}\n\n`{_signature(method)}`\n"
            yield from _docstring(method)


def _is_property(member: Object | Alias) -> bool:
    return "property" in member.labels


def _docstring(found: Object) -> Iterator[str]:
    for section in found.docstring.parsed if found.docstring else ():
        yield from _section(section)


def _section(section: DocstringSection) -> Iterator[str]:
    match section:
        case DocstringSectionText():
            yield f"{_prose(section.value)}\n"
        case DocstringSectionParameters() | DocstringSectionAttributes():
            what = "attribute" if section.kind is DocstringSectionKind.attributes else "argument"
            yield f"| {what} | type | |\n|---|---|---|"
            for parameter in section.value:
                yield f"| `{parameter.name}` | {_type(parameter.annotation)} | {_cell(parameter.description)} |"
            yield ""
        case DocstringSectionRaises():
            for error in section.value:
                yield f"Raises `{error.annotation}`: {_prose(error.description)}\n"
        case DocstringSectionReturns():
            for value in section.value:
                yield f"Returns {_prose(value.description)}\n"
        case DocstringSectionAdmonition():
            yield f"{section.title or ''}: {_prose(section.value.description)}\n"
        case _:
            raise TypeError(f"a docstring has a section of kind {section.kind.value}, which the page does not know")


def _signature(method: Function) -> str:
    parts: list[str] = []
    for parameter in method.parameters:
        if parameter.name in ("self", "cls"):
            continue
        if parameter.kind is ParameterKind.keyword_only and "*" not in parts:
            parts.append("*")
        parts.append(f"{parameter.name}={parameter.default}" if parameter.default else parameter.name)
    returns = f" -> {method.returns}" if method.returns not in (None, "None") else ""
    return f"{method.name}({', '.join(parts)}){returns}"


def _summary(found: Object) -> str:
    return _prose(_text(found).partition("\n\n")[0])


def _text(found: Object | Alias) -> str:
    return found.docstring.value if found.docstring else ""


def _type(annotation: object) -> str:
    return f"`{annotation}`".replace("|", "\\|") if annotation else ""


def _cell(text: str) -> str:
    return _prose(" ".join(text.split())).replace("|", "\\|")


def _prose(text: str) -> str:
    """Turn the roles and double backticks of docstrings into Markdown."""
    text = re.sub(r":\w+:`~?\.?([^`]+)`", r"`\1`", text)
    return text.replace("``", "`").strip()


def main() -> None:
    """Write the page."""
    PAGE.write_text(render() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
