"""Search by meaning: paraphrases are found, words still count, and without a model all goes on."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from core.model.tools import Tool
from core.protocol.annotations import Effect
from core.search.catalogue import Catalogue
from core.search.meaning import MeaningUnavailable, SentenceModel
from tests.fakes.sentence_model import make

WORDS = {
    "car": (1.0, 0.0, 0.0),
    "automobile": (0.9, 0.1, 0.0),
    "boat": (0.0, 1.0, 0.0),
    "ship": (0.1, 0.9, 0.0),
    "start": (0.0, 0.0, 1.0),
}
TOOLS = {
    "garage": [Tool("car_start", b"{}"), Tool("polish", b"{}", "Makes the car shine")],
    "harbour": [Tool("boat_start", b'{"annotations":{"readOnlyHint":true}}')],
    "empty": [],
}


@pytest.fixture
def model(tmp_path: Path) -> SentenceModel:
    return SentenceModel(make(tmp_path / "model", WORDS))


async def settled(catalogue: Catalogue) -> None:
    """Wait until the meaning of all that was expected is known."""
    paraphrases = catalogue.paraphrases
    assert paraphrases is not None
    async with asyncio.timeout(60):
        while paraphrases.known(TOOLS) is None:
            await asyncio.get_running_loop().run_in_executor(None, lambda: None)


async def found(catalogue: Catalogue, query: str, *effects: Effect) -> list[str]:
    hits = await catalogue.search(TOOLS, query, 5, effects or frozenset(Effect))
    return [hit.tool for hit in hits]


async def test_another_word_finds_what_is_meant(model: SentenceModel) -> None:
    """What has no word in common is found by meaning, the nearest first; nonsense finds nothing."""
    catalogue = Catalogue(model)
    assert await found(catalogue, "automobile") == []  # nothing is known of it yet
    catalogue.prepare(TOOLS)
    await settled(catalogue)
    assert await found(catalogue, "automobile") == ["polish", "car_start"]
    assert await found(catalogue, "ship start") == ["boat_start", "car_start"]
    assert await found(catalogue, "ship", Effect.READ) == ["boat_start"]
    assert await found(catalogue, "polish")  # by its word alone
    assert await found(catalogue, "zebra") == []
    catalogue.close()


async def test_changed_tools_go_by_words_until_they_are_known(model: SentenceModel) -> None:
    """A search never waits for the model to read new tools."""
    catalogue = Catalogue(model)
    catalogue.prepare(TOOLS)
    await settled(catalogue)
    changed = {**TOOLS, "harbour": [Tool("ship_paint", b"{}")]}
    hits = await catalogue.search(changed, "boat", 5)
    assert hits == []
    catalogue.prepare(changed)
    async with asyncio.timeout(60):
        while not await catalogue.search(changed, "boat", 5):
            pass
    catalogue.close()


@pytest.mark.parametrize("harm", ["empty", "broken", "gone"])
async def test_a_model_that_cannot_be_used_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, harm: str
) -> None:
    """Search goes by words, and the log says which directory, why, and what to do."""
    directory = make(tmp_path / "model", WORDS)
    if harm == "empty":
        (directory / "model.onnx").unlink()
    elif harm == "broken":
        (directory / "model.onnx").write_bytes(b"not a model")
    else:
        (directory / "tokenizer.json").write_text("{}")
    with pytest.raises(MeaningUnavailable, match=r"search_model: .*model"):
        await asyncio.to_thread(SentenceModel(directory).vectors, ["x"])
    catalogue = Catalogue(SentenceModel(directory))
    with caplog.at_level(logging.WARNING):
        catalogue.prepare(TOOLS)
        async with asyncio.timeout(60):
            while not caplog.records:
                await asyncio.get_running_loop().run_in_executor(None, lambda: None)
    catalogue.prepare(TOOLS)
    assert await found(catalogue, "car") == ["car_start", "polish"]
    assert len(caplog.records) == 1
    catalogue.close()
