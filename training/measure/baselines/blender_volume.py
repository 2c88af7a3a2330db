"""Run by Blender's Python: clouds in, meshes out, by Points to Volume and Volume to Mesh.

Stand-alone: it imports nothing of the project. Each line of its input is a JSON object with
`points` (a .npy file), `radius`, `voxel` and `mesh` (the .npz file to write); it answers each with
a line that begins with ANSWER.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

ANSWER = "@onet"


def make_modifier(cloud: Any) -> Any:
    """Vertices -> points of a radius -> a volume -> its surface; inputs Radius and Voxel."""
    import bpy

    group = bpy.data.node_groups.new("points to mesh", "GeometryNodeTree")
    sockets = group.interface
    sockets.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    sockets.new_socket("Radius", in_out="INPUT", socket_type="NodeSocketFloat")
    sockets.new_socket("Voxel", in_out="INPUT", socket_type="NodeSocketFloat")
    sockets.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    nodes, links = group.nodes, group.links
    given, result = nodes.new("NodeGroupInput"), nodes.new("NodeGroupOutput")
    points = nodes.new("GeometryNodeMeshToPoints")
    volume = nodes.new("GeometryNodePointsToVolume")
    surface = nodes.new("GeometryNodeVolumeToMesh")
    # A menu up to Blender 4, a socket from 5 on.
    for node in (volume, surface):
        if "Resolution Mode" in node.inputs:
            node.inputs["Resolution Mode"].default_value = "Size" if node is volume else "Grid"
        else:
            node.resolution_mode = "VOXEL_SIZE" if node is volume else "GRID"
    links.new(given.outputs["Geometry"], points.inputs["Mesh"])
    links.new(given.outputs["Radius"], points.inputs["Radius"])
    links.new(points.outputs[0], volume.inputs["Points"])
    links.new(given.outputs["Radius"], volume.inputs["Radius"])
    links.new(given.outputs["Voxel"], volume.inputs["Voxel Size"])
    links.new(volume.outputs["Volume"], surface.inputs["Volume"])
    links.new(surface.outputs["Mesh"], result.inputs[0])
    modifier = cloud.modifiers.new("points to mesh", "NODES")
    modifier.node_group = group
    return modifier


def surface_of(points: np.ndarray, radius: float, voxel: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) and triangles (F, 3) around points (N, 3)."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    data = bpy.data.meshes.new("cloud")
    data.from_pydata(points.tolist(), [], [])
    cloud = bpy.data.objects.new("cloud", data)
    bpy.context.scene.collection.objects.link(cloud)
    modifier = make_modifier(cloud)
    sockets = {item.name: item.identifier for item in modifier.node_group.interface.items_tree}
    modifier[sockets["Radius"]] = float(radius)
    modifier[sockets["Voxel"]] = float(voxel)
    evaluated = cloud.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    mesh.calc_loop_triangles()
    vertices = np.empty((len(mesh.vertices), 3), dtype=np.float32)
    mesh.vertices.foreach_get("co", vertices.ravel())
    faces = np.empty((len(mesh.loop_triangles), 3), dtype=np.int32)
    mesh.loop_triangles.foreach_get("vertices", faces.ravel())
    evaluated.to_mesh_clear()
    return vertices, faces


def main() -> None:
    """Until the input ends."""
    for line in sys.stdin:
        task = json.loads(line)
        vertices, faces = surface_of(np.load(task["points"]), task["radius"], task["voxel"])
        np.savez(task["mesh"], vertices=vertices, faces=faces)
        print(f"\n{ANSWER} {len(faces)}", flush=True)


if __name__ == "__main__":
    main()
