"""Files that something else has to open first, and what to do with them."""

from __future__ import annotations

from ...sentences import Sentence

_ADVICE = (
    (Sentence("open it in Blender as a Volume and choose that object"), ".vdb"),
    (Sentence("open it in Blender and choose the object"), ".blend"),
    (
        Sentence("import it into Blender and choose the object"),
        ".fbx .usd .usda .usdc .usdz .dae .abc .x3d .wrl",
    ),
    (
        Sentence("save it as .glb, .stl or .obj in the program that made it"),
        ".3mf .amf .step .stp .igs .iges .ifc .3dm .skp .rvt .dxf .dwg .max .c4d .ma .mb .ztl .zpr "
        ".sldprt .sldasm .fcstd .f3d .3ds .lwo .brep .brp .3dxml .msh .bdf .nas .inp "
        ".bgeo .geo .gts",
    ),
    (
        Sentence("save it as .las, .e57 or .ply in the program that made it"),
        ".rcp .rcs .fls .zfs .ptg .pod .pcap .bag .drc .vtk .vtp .vtu .cl3 .xyzi .metashape .psx "
        ".mcap .db3",
    ),
    (
        Sentence("save its numbers as .npy"),
        ".nrrd .nhdr .nii .mhd .mha .dcm .h5 .hdf5 .mat",
    ),
    (
        Sentence("it can run programs when it is read, so save its numbers as .npy"),
        ".pkl .pickle .pt .pth .ckpt .joblib",
    ),
    (Sentence("rename it so that it ends with .glb"), ".vrm"),
    (Sentence("unpack it first"), ".zip .gz .tgz .tar .7z .rar .bz2 .xz .zst"),
    (Sentence("save the table as .csv"), ".xlsx .xls .ods .parquet .feather"),
    (Sentence("save the splats as PLY"), ".ksplat .sog .spx"),
    (
        Sentence("save the voxels as .vox"),
        ".qb .qef .gox .kvx .vxm .vxl .schematic .schem .litematic .qbt .qbcl .xraw",
    ),
    (
        Sentence("save the picture as .png or .jpg"),
        ".psd .xcf .svg .pdf .dng .cr2 .cr3 .nef .arw .raf .orf .rw2 .jp2 .jxl .dds .ico",
    ),
    (Sentence("save one of its pictures as .png"), ".mp4 .mov .avi .mkv .webm"),
)
_BY_ENDING = {ending: advice for advice, endings in _ADVICE for ending in endings.split()}


def advice_for(ending: str) -> Sentence | None:
    """What to do with files of an ending (lower case, with the dot), None where nobody knows."""
    return _BY_ENDING.get(ending)
