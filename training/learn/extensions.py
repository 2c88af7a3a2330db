"""Parts of a training that are not ONet's own: what a configuration names as `module.name`."""

from __future__ import annotations

import pkgutil
from typing import Any

from onet_core.errors import OnetError


class ConfigError(OnetError):
    """A configuration file or an override can't be used."""


def extension(name: str) -> Any:
    """What `module.name` in a configuration stands for; imports it.

    Raises ConfigError where there is no such thing.
    """
    try:
        return pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"The configuration names {name}, but: {error}.") from error
