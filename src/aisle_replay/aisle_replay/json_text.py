"""JSON as the files of a run have it: written canonically, read back with errors that name file and line."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from aisle_core.errors import AisleError

T = TypeVar("T")


def plain(value: Any) -> Any:
    """Dataclasses to mappings without the transport's ``sequence``, enums to lower-case names, tuples to lists."""
    if isinstance(value, enum.Enum):
        return value.name.lower()
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value) if field.name != "sequence"]
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, (bool, int, str)) or value is None:
        return value
    return float(value)


def canonical_json(value: Any, indent: int | None = None) -> str:
    """Sorted keys, UTF-8, shortest exact numbers; without ``indent`` one line without spaces."""
    separators = (",", ":") if indent is None else None
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators)


def read_json(path: Path, document: TypeAdapter[T]) -> T:
    """A file that is one document. Raises AisleError when it is none."""
    try:
        return document.validate_json(path.read_bytes())
    except OSError as error:
        raise _unreadable(path, error) from None
    except ValidationError as error:
        raise AisleError(f"{path}: {_complaint(error)}") from None


def read_json_lines(path: Path, line: TypeAdapter[T], first: TypeAdapter[T] | None = None) -> Iterator[T]:
    """A file with one document a line, the first of another kind if ``first`` is given.

    Raises AisleError, naming the line, for the first line that is none.
    """
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file, start=1):
                document = first if first is not None and number == 1 else line
                try:
                    yield document.validate_json(text)
                except ValidationError as error:
                    raise AisleError(f"{path}:{number}: {_complaint(error)}") from None
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> AisleError:
    return AisleError(f"{path}: cannot be read: {error.strerror}; check the path and its rights")


def _complaint(error: ValidationError) -> str:
    """The first complaint of pydantic in one line."""
    first = error.errors(include_url=False)[0]
    cause = first.get("ctx", {}).get("error")
    what = str(cause) if first["type"] == "value_error" else f"{first['msg']}; mend the line or make the file again"
    where = ".".join(str(part) for part in first["loc"])
    return " ".join((f"'{where}': {what}" if where else what).split())
