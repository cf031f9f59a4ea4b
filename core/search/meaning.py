"""What texts are about, by a sentence model that a person has put on the disk. Optional.

The directory holds ``model.onnx`` and ``tokenizer.json``, as sentence-transformers models such as
all-MiniLM-L6-v2 are exported. Nothing is downloaded, and nothing is imported before it is needed:
what this takes comes with the extra ``meaning``.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

LONGEST = 256  # tokens of a text; what these models were made for
FILES = ("model.onnx", "tokenizer.json")

Vectors = Any
"""One row of length 1 per text, as numpy has it; only this module looks inside."""


class MeaningUnavailable(Exception):
    """The model cannot be used; ``str()`` names it, the cause and what to do."""


class Meaning(Protocol):
    """Compares texts by what they are about. Everything may be called in any thread."""

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """Takes milliseconds for each. Raises MeaningUnavailable."""

    def joined(self, several: Sequence[Vectors]) -> Vectors:
        """All their rows, in order."""

    def nearness(self, vectors: Vectors, query: Vectors) -> list[float]:
        """How near each row is to the one row of ``query``, from -1 to 1."""


class SentenceModel:
    """Implements ``Meaning`` with the model in a directory, loaded when it is first used."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None

    def vectors(self, texts: Sequence[str]) -> Vectors:
        with self._lock:
            if self._loaded is None:
                self._loaded = _Loaded(self._directory)
            return self._loaded.vectors(texts)

    def joined(self, several: Sequence[Vectors]) -> Vectors:
        import numpy  # in a thread, after the model

        return numpy.concatenate([*several]) if several else numpy.zeros((0, 1), dtype="f4")

    def nearness(self, vectors: Vectors, query: Vectors) -> list[float]:
        near: list[float] = (vectors @ query[0]).tolist() if len(vectors) else []
        return near


class _Loaded:
    def __init__(self, directory: Path) -> None:
        missing = [name for name in FILES if not (directory / name).is_file()]
        if missing:
            raise MeaningUnavailable(
                f"search_model: {directory} has no {' and no '.join(missing)}: put a sentence "
                "model's ONNX export there, or leave search_model out."
            )
        try:
            import numpy
            import onnxruntime
            import tokenizers
        except ImportError as error:
            raise MeaningUnavailable(
                f'search_model: {error.name} is not installed. Install "mcpproxy-tray[meaning]", '
                "or leave search_model out."
            ) from None
        self._numpy = numpy
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # preparing takes what is left of one core, not all
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # memory that is used once a minute is given back
        onnx, words = (str(directory / name) for name in FILES)
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(words)
            self._session = onnxruntime.InferenceSession(
                onnx, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # noqa: BLE001 - what both libraries raise is no more than that
            raise MeaningUnavailable(
                f"search_model: {directory} cannot be used: {error}."
            ) from None
        self._tokenizer.no_padding()  # one text at a time needs none
        self._tokenizer.enable_truncation(LONGEST)
        self._inputs = {each.name for each in self._session.get_inputs()}

    def vectors(self, texts: Sequence[str]) -> Vectors:
        return self._numpy.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> Vectors:
        """The mean over the tokens (as the model was trained to be used), of length 1."""
        numpy = self._numpy
        ids = numpy.array([self._tokenizer.encode(text).ids], dtype=numpy.int64)
        given = {
            "input_ids": ids,
            "attention_mask": numpy.ones_like(ids),
            "token_type_ids": numpy.zeros_like(ids),
        }
        asked = {name: value for name, value in given.items() if name in self._inputs}
        mean = self._session.run(None, asked)[0][0].mean(axis=0)
        return mean / max(float(numpy.linalg.norm(mean)), 1e-9)
