"""Articles from OBDex, a public collection of OBD-II codes in YAML.

Its entries have texts in English and German, and causes with a likelihood; they name the parts
concerned, but neither checks nor remedies. Those stay empty: nothing is made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_LIKELIHOODS: Final = ("high", "medium", "low")
_MAX_SOURCE: Final = 400


def is_obdex(entry: object) -> bool:
    """Whether an entry has the layout of OBDex and not that of an article."""
    return isinstance(entry, Mapping) and "common_causes" in entry and "id" not in entry


def from_obdex(entry: Mapping[Any, Any]) -> dict[str, Any]:
    """The entry as `articles.parse_article` takes it, which sees what is not right.

    Title, description, symptoms and causes are the English ones, the German title stays beside.
    The description becomes the first symptom, and the causes stand in the order of likelihood.
    """
    code = entry.get("code")
    title = entry.get("title")
    causes = entry.get("common_causes")
    if isinstance(causes, list) and all(isinstance(cause, Mapping) for cause in causes):
        causes = [_english(cause.get("label")) for cause in sorted(causes, key=_likelihood)]
    symptoms = [_english(entry[key]) for key in ("description",) if key in entry]
    if isinstance(entry.get("symptoms"), list):
        symptoms += [_english(text) for text in entry["symptoms"]]
    parts = entry.get("affected_components")
    return {
        "id": f"obdex-{code.lower()}" if isinstance(code, str) else None,
        "code": code,
        "title": _english(title),
        "titles": {"de": title["de"]} if isinstance(title, Mapping) and "de" in title else None,
        "symptoms": symptoms,
        "causes": causes,
        "checks": [_concerned(parts)] if isinstance(parts, list) and parts else [],
        "source": _source(entry.get("sources")),
        "language": "en",
    }


def _english(text: Any) -> Any:
    return text.get("en") if isinstance(text, Mapping) else text


def _likelihood(cause: Mapping[Any, Any]) -> int:
    said = cause.get("likelihood")
    return _LIKELIHOODS.index(said) if said in _LIKELIHOODS else len(_LIKELIHOODS)


def _concerned(parts: list[Any]) -> str:
    return "Parts concerned: " + ", ".join(str(part).replace("_", " ") for part in parts) + "."


def _source(sources: Any) -> str:
    source = "OBDex (CC0)"
    for address in sources if isinstance(sources, list) else []:
        longer = f"{source}, {address}"
        if len(longer) > _MAX_SOURCE:
            break
        source = longer
    return source
