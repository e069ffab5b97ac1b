"""What leaves the lakehouse: the columns of exported files, and their JSON Schema."""

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import types as T

from pipelines.columns import STRING
from pipelines.contracts.gold import TRAINING_EXAMPLES
from pipelines.declaration import column

DIALECT = "https://json-schema.org/draft/2020-12/schema"
JSON_TYPES: Mapping[type[T.DataType], str] = {T.StringType: "string", T.DoubleType: "number"}


@dataclass(frozen=True)
class Layer:
    """An exported file: its name, its version, and what a line of it holds.

    Attributes:
        columns: fields of a line's JSON object; none of them is ever null. None: a line is plain text.
        pattern: form of a line of plain text.
    """

    name: str
    version: int
    file: str
    comment: str
    columns: T.StructType | None = None
    pattern: str = ""

    @property
    def schema_file(self) -> str:
        """Name of the schema's file, which stands beside the layer's."""
        return f"{self.name}.schema.v{self.version}.json"

    @property
    def column_names(self) -> list[str]:
        """Fields in the order of a line."""
        return [] if self.columns is None else [str(name) for name in self.columns.fieldNames()]


EXPORTED_EXAMPLES = Layer(
    "training_examples",
    1,
    "clean_training_dataset.jsonl",
    "One line a record whose label was accepted; redacted text only. In the order of record_id.",
    T.StructType(
        [
            *(
                TRAINING_EXAMPLES.columns[name]
                for name in ("record_id", "text", "label", "confidence", "voters", "versions")
            ),
            column("split", STRING, "train, validation or test; near-duplicates and equal texts are in one of them"),
        ]
    ),
)
EXPORTED_DISAGREEMENTS = Layer(
    "disagreements",
    1,
    "disagreements.log",
    "One line a text with several standing labels: `text | label,label | n`, n being how many labels; sorted.",
    pattern=r"^.* \| .+,.+ \| [0-9]+$",
)
LAYERS = (EXPORTED_EXAMPLES, EXPORTED_DISAGREEMENTS)


def json_schema(layer: Layer) -> dict[str, object]:
    """Describe a line of an exported file as JSON Schema, with what each column means."""
    head: dict[str, object] = {
        "$schema": DIALECT,
        "title": f"{layer.name} v{layer.version}",
        "description": f"A line of {layer.file}. {layer.comment}",
    }
    if layer.columns is None:
        return {**head, "type": "string", "pattern": layer.pattern}
    return {
        **head,
        "type": "object",
        "properties": {
            field.name: {**json_type(field.dataType), "description": field.metadata["comment"]}
            for field in layer.columns
        },
        "required": layer.column_names,
        "additionalProperties": False,
    }


def json_type(kind: T.DataType) -> dict[str, object]:
    """Say a column's type in JSON Schema."""
    if isinstance(kind, T.ArrayType):
        return {"type": "array", "items": json_type(kind.elementType)}
    return {"type": JSON_TYPES[type(kind)]}
