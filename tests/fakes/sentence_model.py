"""Makes a sentence model that knows a few words, so that tests need no real one.

The file format is ONNX's (a protocol buffer, github.com/onnx/onnx/blob/main/onnx/onnx.proto), in
the smallest form that runs: the vector of each token, looked up in a table.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

FLOAT, INT64 = 1, 7


def make(directory: Path, words: Mapping[str, Sequence[float]]) -> Path:
    """Write a model in which each word has that vector, and all others have none."""
    size = len(next(iter(words.values())))
    vocabulary = {"[UNK]": 0, **{word: number for number, word in enumerate(words, start=1)}}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    # Published tokenizers pad every text, for batches; the padding must not become meaning.
    tokenizer.enable_padding(pad_id=1, pad_token=next(iter(words)), length=16)
    directory.mkdir(exist_ok=True)
    tokenizer.save(str(directory / "tokenizer.json"))
    table = [[0.0] * size, *words.values()]
    (directory / "model.onnx").write_bytes(_model(table))
    return directory


def _model(table: Sequence[Sequence[float]]) -> bytes:
    rows, columns = len(table), len(table[0])
    values = struct.pack(f"<{rows * columns}f", *(value for row in table for value in row))
    tensor = _number(1, rows) + _number(1, columns) + _number(2, FLOAT)
    tensor += _bytes(8, b"table") + _bytes(9, values)
    node = _bytes(1, b"table") + _bytes(1, b"input_ids") + _bytes(2, b"out") + _bytes(4, b"Gather")
    graph = _bytes(1, node) + _bytes(2, b"words") + _bytes(5, tensor)
    graph += _bytes(11, _value(b"input_ids", INT64, (b"batch", b"tokens")))
    graph += _bytes(12, _value(b"out", FLOAT, (b"batch", b"tokens", b"size")))
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 13))


def _value(name: bytes, kind: int, dimensions: Sequence[bytes]) -> bytes:
    shape = b"".join(_bytes(1, _bytes(2, each)) for each in dimensions)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, shape)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])
