"""Models that a .blend file names. Such a file may come from anywhere, so it names, and no more.

A name is looked up among the models that ship and those of the user's own folder. A path is only
followed where somebody has given it in this session: as an operator's argument or from a script.
"""

from __future__ import annotations

from onet_core.errors import ModelError

_WEIGHTS = (".safetensors", ".pt", ".pth")
_given: set[str] = set()


def is_path(model: str) -> bool:
    """Whether a text is a place rather than a name."""
    return any(mark in model for mark in "/\\:\0") or model.lower().endswith(_WEIGHTS)


def remember(model: str) -> None:
    """Has a model that was used in this session count as given."""
    _given.add(model)


def stored_model(model: str) -> str:
    """The model that a datablock names, empty for the one that suits; see above.

    Raises ModelError, before anything is read, where that is a place in the file system.
    """
    if is_path(model) and model not in _given:
        raise ModelError(
            "The file names its model by a path, {model}, which is not followed: put the model "
            "into the model folder of the preferences, and choose it there.",
            model=repr(model[:200]),
        )
    return model
