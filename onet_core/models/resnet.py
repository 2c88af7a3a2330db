"""ResNet-18's features (He et al., CVPR 2016), with torchvision's parameter names.

torchvision itself is not used: it must match torch's exact build, which a Blender user can't be
asked to arrange.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut: (B, C_in, H, W) -> (B, C_out, H/stride, W/stride)."""

    def __init__(self, size_in: int, size_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(size_in, size_out, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(size_out)
        self.conv2 = nn.Conv2d(size_out, size_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(size_out)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or size_in != size_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(size_in, size_out, 1, stride=stride, bias=False),
                nn.BatchNorm2d(size_out),
            )

    def forward(self, x: Tensor) -> Tensor:
        change = functional.relu(self.bn1(self.conv1(x)))
        change = self.bn2(self.conv2(change))
        return functional.relu(change + (x if self.downsample is None else self.downsample(x)))


class ResNet18Features(nn.Module):
    """Everything of ResNet-18 before its classifier: (B, 3, H, W) -> (B, 512)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        widths = (64, 64, 128, 256, 512)
        for level in range(1, 5):
            before, after = widths[level - 1], widths[level]
            blocks = nn.Sequential(
                BasicBlock(before, after, 1 if level == 1 else 2), BasicBlock(after, after, 1)
            )
            self.add_module(f"layer{level}", blocks)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))
        x = functional.max_pool2d(x, 3, stride=2, padding=1)
        for level in range(1, 5):
            x = self.get_submodule(f"layer{level}")(x)
        return x.mean((2, 3))
