"""ShapeNetCore as it is downloaded: a folder per synset, and in it a folder per model.

Version 1 has <synset>/<model>/model.obj, version 2 <synset>/<model>/models/model_normalized.obj.
Both are y up with the front towards -z, which is the network's frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from onet_core.errors import InputError

from .folder import DEFAULT_SHARES, MeshFile, choose_split
from .layout import SPLITS
from .source import Entry

MESHES = (Path("model.obj"), Path("models") / "model_normalized.obj")
# The 13 synsets of the paper, as the original's metadata names them.
SYNSETS = {
    "02691156": "airplane",
    "02828884": "bench",
    "02933112": "cabinet",
    "02958343": "car",
    "03001627": "chair",
    "03211117": "display",
    "03636649": "lamp",
    "03691459": "loudspeaker",
    "04090263": "rifle",
    "04256520": "sofa",
    "04379243": "table",
    "04401088": "telephone",
    "04530566": "vessel",
}


def list_shapenet(
    source: Path,
    categories: Sequence[str] | None = None,
    method: str | None = None,
    lists: Path | None = None,
) -> list[Entry]:
    """Every model of the synsets, by synset and name.

    categories: synsets, or names such as `chair`; None for the paper's 13, as far as they are
    there. lists: a dataset whose lists give the splits, and models in none of them are left out;
    None to draw splits from a hash of the name, in the original's shares. A model without its mesh
    stays in the list, to be reported. Raises InputError where a synset or its lists are missing.
    """
    if not source.is_dir():
        raise InputError(f"There is no folder {source}.")
    names = {name: synset for synset, name in SYNSETS.items()}
    if categories is None:
        synsets = [synset for synset in SYNSETS if (source / synset).is_dir()]
    else:
        synsets = [names.get(category, category) for category in categories]
    missing = [synset for synset in synsets if not (source / synset).is_dir()]
    if missing or not synsets:
        wanted = ", ".join(missing) or "such as 03001627"
        raise InputError(f"{source} has no synset folder {wanted}.")
    entries: list[Entry] = []
    for synset in synsets:
        splits = None if lists is None else _read_lists(lists / synset)
        for folder in sorted(path for path in (source / synset).iterdir() if path.is_dir()):
            split = choose_split(f"{synset}/{folder.name}", DEFAULT_SHARES)
            if splits is not None:
                if folder.name not in splits:
                    continue
                split = splits[folder.name]
            found = [folder / mesh for mesh in MESHES if (folder / mesh).is_file()]
            entries.append(
                MeshFile(
                    synset,
                    folder.name,
                    split,
                    method or "auto",
                    "ShapeNetCore",
                    path=found[0] if found else folder / MESHES[0],
                    up_axis="y",
                )
            )
    if not entries:
        raise InputError(f"{source} has no models in its synset folders.")
    return entries


def _read_lists(folder: Path) -> dict[str, str]:
    """Split by model, from the lists of a synset."""
    found: dict[str, str] = {}
    for split in SPLITS:
        path = folder / f"{split}.lst"
        if not path.is_file():
            raise InputError(f"The list {path} is missing.")
        for name in path.read_text(encoding="utf-8").split():
            found[name] = split
    return found
