"""Text to the words that search compares: identifiers split, case and inflection removed."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

RUNS_KEPT = 4096  # about a megabyte, when that many are known

_RUN = re.compile(r"\w+(?:[-.]\w+)*")
"""An identifier or a word: what separators such as ``_``, ``-`` and ``.`` hold together."""

_PART = re.compile(r"[A-Z]{2,}s?(?![a-z])\d*|[A-Z]?[a-z]+\d*|[A-Z]\d*|\d+|[^\W\dA-Za-z_]+")
"""A part of a run: ``getHTTPUrls_v2`` has get, HTTP, Urls, v2; ``URLs`` stays whole."""

_SCRIPTS_WITHOUT_SPACES = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u9fff]")
"""Thai, Lao, Burmese, Khmer, kana and Han: compared in pairs of characters."""

_ACCENTED = re.compile(r"([A-Za-z])[\u0300-\u036f]+")

STOP_WORDS = frozenset(
    [
        "a", "about", "after", "all", "also", "an", "and", "any", "are", "as", "at", "be", "been",
        "before", "being", "between", "both", "but", "by", "can", "could", "did", "do", "does",
        "each", "either", "for", "from", "had", "has", "have", "having", "how", "i", "if", "in",
        "into", "is", "it", "its", "just", "let", "like", "may", "me", "more", "most", "must",
        "my", "no", "nor", "not", "of", "on", "onto", "or", "other", "our", "out", "over", "own",
        "please", "same", "shall", "she", "should", "so", "some", "such", "than", "that", "the",
        "their", "them", "then", "there", "these", "they", "this", "those", "through", "to", "too",
        "under", "until", "up", "us", "very", "was", "we", "were", "what", "when", "where",
        "whether", "which", "while", "who", "whom", "whose", "why", "will", "with", "within",
        "without", "would", "you", "your",
    ]
)  # fmt: skip

_VOWEL = re.compile("[aeiouy]")


def words(text: str) -> list[str]:
    """The words of a text, in order, stemmed; without stop words, unless there is nothing else.

    A run of several parts gives its parts and the whole, so that both ``issue`` and
    ``createissue`` find ``create_issue``.
    """
    if not text.isascii():
        text = _plain(text)
    found: list[str] = []
    stopped: list[str] = []
    for run in _RUN.findall(text):
        some, common = _of_run(run)
        found += some
        stopped += common
    return found or stopped


@lru_cache(maxsize=RUNS_KEPT)
def _of_run(run: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of a run, and its stop words; descriptions are made of few different ones."""
    found: list[str] = []
    stopped: list[str] = []
    parts = _PART.findall(run)
    if len(parts) > 1:
        found.append(stem("".join(parts).lower()))
    for part in parts:
        lower = part.lower()
        if _SCRIPTS_WITHOUT_SPACES.match(lower) and len(lower) > 2:
            found += [lower[at : at + 2] for at in range(len(lower) - 1)]
        else:
            (stopped if lower in STOP_WORDS else found).append(stem(lower))
    return tuple(found), tuple(stopped)


def _plain(text: str) -> str:
    """The text without compatibility forms, and Latin letters without accents.

    Elsewhere marks make other letters (Cyrillic, kana), which stay.
    """
    decomposed = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return unicodedata.normalize("NFC", _ACCENTED.sub(r"\1", decomposed))


def stem(word: str) -> str:
    """A word without its commonest English endings (steps 1 of Porter's stemmer, and -ion).

    Related words meet (``create``, ``creates``, ``created``, ``creating``, ``creation``); the
    result need not be a word.
    """
    if len(word) <= 3 or not word.isascii() or not word.isalpha():
        return word
    word = _singular(word)
    for ending, least in (("ing", 3), ("ed", 3), ("ion", 4)):
        base = word.removesuffix(ending)
        if base != word and len(base) >= least and _VOWEL.search(base):
            if ending != "ion" or base[-1] in "st":
                word = _undoubled(base)
            break
    if word.endswith("e") and len(word) > 3:
        word = word[:-1]
    if word.endswith("y") and len(word) > 3 and word[-2] not in "aeiou":
        word = word[:-1] + "i"
    return word


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _undoubled(base: str) -> str:
    """``permitt`` to ``permit``, but ``call``, ``pass`` and ``buzz`` stay."""
    if len(base) > 3 and base[-1] == base[-2] and base[-1] not in "aeioulsz":
        return base[:-1]
    return base
