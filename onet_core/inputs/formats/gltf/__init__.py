"""glTF 2.0: .glb and .gltf, triangles and points, quantised, Draco-compressed and instanced."""

from .scene import read

__all__ = ["read"]
