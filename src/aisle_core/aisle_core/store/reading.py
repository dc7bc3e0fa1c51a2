"""Text files that people write: reading, checking by a pydantic model, and errors that name file, line and remedy."""

from __future__ import annotations

import csv
import difflib
import io
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from ..errors import AisleError
from .model import Size

M = TypeVar("M", bound=BaseModel)
Loc = Sequence[int | str]

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class TextFile(ABC):
    """One file: parsed content, and errors that name the line. Raises AisleError when it cannot be read."""

    def __init__(self, path: Path, missing: str = "give an existing file") -> None:
        self.path = path
        try:
            self.content = self.path.read_bytes()
            self.text = self.content.decode("utf-8-sig")
        except FileNotFoundError:
            raise AisleError(f"{self.path}: file is missing; {missing}") from None
        except UnicodeDecodeError as error:
            line = self.content.count(b"\n", 0, error.start) + 1
            raise AisleError(f"{self.path}:{line}: not UTF-8 text; save the file as UTF-8") from None
        except OSError as error:
            raise AisleError(f"{self.path}: cannot be read: {error.strerror}; check the path and its rights") from None

    @abstractmethod
    def line(self, loc: Loc) -> int:
        """Line of the thing that pydantic calls ``loc``."""

    def error(self, loc: Loc, message: str) -> AisleError:
        """An error about the thing at ``loc``."""
        return AisleError(f"{self.path}:{self.line(loc)}: {message}")

    def refusal(self, error: ValidationError, model: type[BaseModel]) -> AisleError:
        """The first complaint of pydantic, in our words; a misspelt key is named before the one that it should be."""
        first = min(error.errors(include_url=False), key=lambda item: item["type"] != "extra_forbidden")
        loc, given = first["loc"], first["input"]
        name = _name(loc)
        if first["type"] == "missing":
            return self.error(loc[:-1], f"'{name}' is missing; add it")
        if first["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(loc[-1]), _keys(model), n=1)
            return self.error(loc, f"unknown key '{name}'; " + (f"did you mean '{near[0]}'?" if near else "remove it"))
        cause = first.get("ctx", {}).get("error")
        remedy = str(cause) if cause else "give " + first["msg"].removeprefix("Input should be ").replace("\n", " ")
        return self.error(loc, f"'{name}' is {_short(given)}; {remedy}")


class YamlFile(TextFile):
    """A YAML file with a mapping."""

    def read(self, model: type[M]) -> M:
        """The checked content; raises AisleError with file, line and remedy."""
        try:
            document = yaml.load(self.text, Loader=_Loader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark else 1
            raise AisleError(
                f"{self.path}:{line}: not YAML: {getattr(error, 'problem', None) or error}; mend the file"
            ) from None
        if not isinstance(document, dict):
            raise AisleError(f"{self.path}:1: no 'key: value' lines; see docs for what stands here")
        try:
            return model.model_validate(document)
        except ValidationError as error:
            raise self.refusal(error, model) from None

    @cached_property
    def _tree(self) -> yaml.Node | None:
        return yaml.compose(self.text, Loader=_Loader)

    def line(self, loc: Loc) -> int:
        node = self._tree
        line = 0
        for part in loc:
            if isinstance(node, yaml.MappingNode):
                pair = next((pair for pair in node.value if pair[0].value == str(part)), None)
                if pair is None:
                    break
                line, node = pair[0].start_mark.line, pair[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line
            else:
                break
        return line + 1


class CsvFile(TextFile):
    """A CSV file with a header line."""

    def read(self, model: type[M]) -> tuple[M, ...]:
        """One model per row; cells of tuple fields are split at spaces, empty cells are None.

        Columns of fields that have a default may be left out.

        Raises AisleError with file, line and remedy.
        """
        columns = list(model.model_fields)
        split = [name for name, field in model.model_fields.items() if _is_tuple(field.annotation)]
        reader = csv.DictReader(io.StringIO(self.text, newline=""), strict=True)
        rows: list[dict[str, Any]] = []
        self.lines: list[int] = []
        required = [name for name, field in model.model_fields.items() if field.is_required()]
        self._check_header(reader.fieldnames or [], columns, required)
        try:
            for row in reader:
                if None in row or None in row.values():
                    raise AisleError(
                        f"{self.path}:{reader.line_num}: the row has not {len(reader.fieldnames or [])} cells like the "
                        "first line; mend it (quote a text that contains a comma)"
                    )
                values: dict[str, Any] = {key: cell.strip() or None for key, cell in row.items()}
                for name in split:
                    if values.get(name) is not None:
                        values[name] = tuple(values[name].split())
                rows.append(values)
                self.lines.append(reader.line_num)
        except csv.Error as error:
            line = (self.lines or [1])[-1] + 1
            raise AisleError(f"{self.path}:{line}: not CSV: {error}; mend the row") from None
        try:
            return tuple(TypeAdapter(list[model]).validate_python(rows))  # type: ignore[valid-type]
        except ValidationError as error:
            raise self.refusal(error, model) from None

    def _check_header(self, header: Sequence[str], columns: list[str], required: list[str]) -> None:
        for name in header:
            if name not in columns or list(header).count(name) > 1:
                raise AisleError(f"{self.path}:1: column '{name}' is wrong; the columns are {','.join(columns)}")
        for name in required:
            if name not in header:
                raise AisleError(f"{self.path}:1: column '{name}' is missing; the columns are {','.join(columns)}")

    def line(self, loc: Loc) -> int:
        return self.lines[int(loc[0])] if loc else 1


def _is_tuple(annotation: Any) -> bool:
    options = get_args(annotation) or (annotation,)
    return get_args(annotation)[-1:] == (Ellipsis,) or Size in options


def _name(loc: Loc) -> str:
    """('fixtures', 0, 'pose') -> fixtures[0].pose; in a CSV file only the column."""
    parts = list(loc[1:] if loc and isinstance(loc[0], int) else loc)
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")


def _keys(model: type[BaseModel]) -> list[str]:
    """All keys of a file, at any depth."""
    return sorted({key for part in _models(model) for key in part.model_fields})


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation] + [m for field in annotation.model_fields.values() for m in _models(field.annotation)]
    return [m for argument in get_args(annotation) for m in _models(argument)]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
