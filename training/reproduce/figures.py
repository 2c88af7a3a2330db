"""The figures of the paper and of the methods that it compares with, each with its source.

Of Mescheder et al., Occupancy Networks, CVPR 2019 (arXiv 1812.03828), which measured the other
methods itself: 3D-R2N2 (Choy et al., ECCV 2016), PSGN (Fan et al., CVPR 2017), Pix2Mesh (Wang et
al., ECCV 2018), AtlasNet (Groueix et al., CVPR 2018), DMC (Liao et al., CVPR 2018). They were
entered without a copy of the paper beside them. The rows of table 1 were checked against its means;
the others have no such check: look them up before quoting them.

Chamfer-L1 is in tenths of the longest edge, as printed there. None: the paper gives no figure.
"""

from __future__ import annotations

from dataclasses import dataclass

PAPER = "the paper's network"
CATEGORIES = (
    "airplane", "bench", "cabinet", "car", "chair", "display", "lamp", "loudspeaker", "rifle",
    "sofa", "table", "telephone", "vessel",
)  # fmt: skip


@dataclass(frozen=True)
class Published:
    """One row of a table of the paper.

    iou, chamfer, normals: means over categories.
    source: table or figure of the paper.
    """

    method: str
    iou: float | None
    chamfer: float | None
    normals: float | None
    source: str


_T1, _T2, _T3, _T4 = (f"paper, table {number}" for number in (1, 2, 3, 4))

TABLES: dict[str, tuple[Published, ...]] = {
    "representation": (
        Published(f"{PAPER}, 4,746 chairs", 0.89, None, None, "paper, section 4.1 and figure 4"),
    ),
    "image": (
        Published(PAPER, 0.571, 0.215, 0.834, _T1),
        Published("3D-R2N2", 0.493, 0.278, 0.695, _T1),
        Published("PSGN", None, 0.215, None, _T1),
        Published("Pix2Mesh", 0.480, 0.216, 0.772, _T1),
        Published("AtlasNet", None, 0.175, 0.811, _T1),
    ),
    "pointcloud": (
        Published(PAPER, 0.778, 0.079, 0.895, _T2),
        Published("3D-R2N2", 0.565, 0.169, 0.719, _T2),
        Published("PSGN", None, 0.144, None, _T2),
        Published("DMC", 0.674, 0.117, 0.848, _T2),
    ),
    "voxels": (
        Published(PAPER, 0.703, 0.109, 0.879, _T3),
        Published("the voxels themselves", 0.631, 0.136, 0.810, _T3),
    ),
    "generation": (),
    "sampling": (
        Published("uniform", 0.571, 0.215, 0.834, _T4),
        Published("64 points", 0.554, 0.256, 0.829, _T4),
        Published("equal", 0.475, 0.291, 0.835, _T4),
        Published("surface", 0.536, 0.254, 0.822, _T4),
    ),
    "architecture": (
        Published("full", 0.571, 0.215, 0.834, _T4),
        Published("no ResNet", 0.559, 0.243, 0.831, _T4),
        Published("no CBN", 0.522, 0.301, 0.806, _T4),
    ),
}

# Table 1 by category, in the order of CATEGORIES.
IMAGE_IOU: dict[str, tuple[float, ...]] = {
    PAPER: (.571, .485, .733, .737, .501, .471, .371, .647, .474, .680, .506, .720, .530),
    "3D-R2N2": (.426, .373, .667, .661, .439, .440, .281, .611, .375, .626, .420, .611, .482),
    "Pix2Mesh": (.420, .323, .664, .552, .396, .490, .323, .599, .402, .613, .395, .661, .397),
}  # fmt: skip
IMAGE_CHAMFER: dict[str, tuple[float, ...]] = {
    PAPER: (.147, .155, .167, .159, .228, .278, .479, .300, .141, .194, .189, .140, .218),
    "3D-R2N2": (.227, .194, .217, .213, .270, .314, .778, .318, .183, .229, .239, .195, .238),
    "PSGN": (.137, .181, .215, .169, .247, .284, .314, .316, .134, .224, .222, .161, .188),
    "Pix2Mesh": (.187, .201, .196, .180, .265, .239, .308, .285, .164, .212, .218, .149, .212),
    "AtlasNet": (.104, .138, .175, .141, .209, .198, .305, .245, .115, .177, .190, .128, .151),
}  # fmt: skip
IMAGE_NORMALS: dict[str, tuple[float, ...]] = {
    PAPER: (.840, .813, .879, .852, .823, .854, .731, .832, .766, .863, .858, .935, .794),
    "3D-R2N2": (.629, .678, .782, .714, .663, .720, .560, .711, .670, .731, .732, .817, .629),
    "Pix2Mesh": (.759, .732, .834, .756, .746, .830, .666, .782, .718, .820, .784, .907, .699),
    "AtlasNet": (.836, .779, .850, .836, .791, .858, .694, .825, .725, .840, .832, .923, .756),
}  # fmt: skip
