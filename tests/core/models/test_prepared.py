"""Decoders prepared for one object, against the networks as they are."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from onet_core.field import evaluate, evaluate_with_gradient
from onet_core.models import prepared
from onet_core.models.convolutional.network import ConvolutionalOccupancyNetwork, ImagePlanesNetwork
from onet_core.models.layers import CBatchNorm1d
from onet_core.models.occupancy_network import OccupancyNetwork
from onet_core.models.prepared import PlainField, prepare, prepare_positions
from onet_core.models.prepared.averaged import MeanOfTwo
from onet_core.models.prepared.layered import LayeredField
from onet_core.models.prepared.lifted import Lifted
from onet_core.models.prepared.local import LocalField
from onet_core.models.prepared.products import Layer
from onet_core.models.prepared.residual import ResidualField
from tests.reference import reference, reference_state

Object = tuple[nn.Module, Tensor, object]


def shaken(network: nn.Module, seed: int = 0) -> nn.Module:
    """Random weights everywhere, also where training starts from zeros, and lively statistics."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 4
            parameter.normal_(0, fan_in**-0.5, generator=generator)
            if name.endswith("conv_gamma.bias"):
                parameter += 1
        for name, buffer in network.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0, 0.5, generator=generator)
            if name.endswith("running_var"):
                buffer.uniform_(0.3, 2, generator=generator)
    return network.eval()


def global_object(decoder: str, *, z_dim: int = 0, **kwargs: object) -> Object:
    network = OccupancyNetwork(
        input_kind="points",
        decoder=decoder,
        encoder="pointnet_simple",
        c_dim=24,
        z_dim=z_dim,
        decoder_kwargs=kwargs,
        encoder_kwargs={"hidden_dim": 16},
    )
    generator = torch.Generator().manual_seed(1)
    latent = torch.randn(1, z_dim, generator=generator)
    return shaken(network), latent, torch.randn(1, 24, generator=generator)


def local_object(kind: str) -> Object:
    generator = torch.Generator().manual_seed(2)
    network: nn.Module
    if kind == "image":
        network = ImagePlanesNetwork(c_dim=16, channels=8, plane_resolution=16, plane_width=16)
        inputs = torch.rand(1, 3, 64, 64, generator=generator)
    else:
        more = {
            "neighbours": {"neighbours": 4},
            "surroundings": {"neighbours": 4, "surroundings": [4, 12]},
            "quadratic": {"neighbours": 4, "surroundings": [4, 12], "quadratic": 24},
            "patches": {"patch": 3, "patch_width": 16},
        }
        more["both ways"] = {**more["quadratic"], "both_ways": True}
        is_voxels = kind in ("voxels", "patches")
        network = ConvolutionalOccupancyNetwork(
            input_kind="voxels" if is_voxels else "points",
            channels=8,
            hidden=16,
            plane_resolution=16,
            unet_depth=2,
            unet_width=8,
            **more.get(kind, {}),
        )
        inputs = torch.rand(1, 200, 3, generator=generator) - 0.5
        if is_voxels:
            # So few that many patches are empty, and some at the border.
            inputs = (torch.rand(1, 32, 32, 32, generator=generator) > 0.97).float()
    network = shaken(network)
    with torch.no_grad():
        return network, torch.zeros(1, 0), network.encode_inputs(inputs)


OBJECTS = {
    **{
        f"{name}, z {z_dim}": (lambda name=name, z_dim=z_dim: global_object(name, z_dim=z_dim))
        for name in ("simple", "cbatchnorm", "cbatchnorm2", "cbatchnorm_noresnet", "batchnorm")
        for z_dim in (0, 6)
    },
    **{
        f"{name}, leaky": (lambda name=name: global_object(name, leaky=True, hidden_size=64))
        for name in ("simple", "cbatchnorm", "cbatchnorm_noresnet", "batchnorm")
    },
    **{
        kind: (lambda kind=kind: local_object(kind))
        for kind in (
            "points",
            "voxels",
            "image",
            "neighbours",
            "surroundings",
            "quadratic",
            "both ways",
            "patches",
        )
    },
}


def some_points(count: int = 1500) -> Tensor:
    """Points of the box, some beyond it, and its corners and centre."""
    points = torch.rand(count, 3, generator=torch.Generator().manual_seed(3)) * 1.2 - 0.6
    points[:2] = torch.tensor([[-0.55, -0.55, 0.55], [0.0, 0.0, 0.0]])
    return points


def plain(one: Object, points: Tensor) -> tuple[Tensor, Tensor]:
    """Logits and gradients of the network itself, in double, by autograd."""
    network, latent, code = one

    def double(value: object) -> object:
        if isinstance(value, dict):
            return {name: double(part) for name, part in value.items()}
        assert isinstance(value, Tensor)
        return value.double()

    leaf = points.double().requires_grad_(True)
    exact = network.double()
    logits = exact.decode(leaf[None], latent.double(), double(code))[0]
    (gradient,) = torch.autograd.grad(logits.sum(), leaf)
    network.float()
    return logits.detach().float(), gradient.float()


@pytest.mark.parametrize("name", OBJECTS)
def test_the_prepared_decoder_equals_the_plain_one(name: str) -> None:
    one = OBJECTS[name]()
    points = some_points()
    field = prepare(*one)
    assert isinstance(field, ResidualField | LayeredField | LocalField)
    expected, expected_gradient = plain(one, points)
    size = expected.abs().max()
    assert expected.std() > 0.01 * size
    logits = field(points)
    assert (logits - expected).abs().max() < 1e-5 * size

    again, gradient = field.with_gradient(points)
    assert (again - expected).abs().max() < 1e-5 * size
    error = (gradient - expected_gradient).norm(dim=1) / expected_gradient.norm(dim=1).mean()
    # Right on a kink, rounding decides on which side a point is taken to be.
    assert (error > 1e-4).float().mean() < 0.01
    assert field.evaluations == 2 * len(points)


def test_two_positions_in_one_field_are_the_mean_of_two_fields() -> None:
    network, latent, _ = local_object("surroundings")
    turn = (-1.0, 1.0, -1.0)
    cloud = torch.rand(1, 200, 3, generator=torch.Generator().manual_seed(5)) - 0.5
    with torch.no_grad():
        codes = [
            network.encode_inputs(cloud),
            network.encode_inputs(cloud * cloud.new_tensor(turn)),
        ]
    # Which side of a sheet is its upper one is chance: here every third point's is another one.
    codes[1]["cloud_normals"][:, ::3] *= -1
    codes[1]["cloud_forms"][:, ::3, :4] *= -1
    one, other = (prepare(network, latent, code) for code in codes)
    mean = MeanOfTwo(one, other, turn)
    joint = prepare_positions(network, codes, [(1.0, 1.0, 1.0), turn])
    assert isinstance(joint, LocalField)
    points = some_points(700)
    expected, gradient = mean.with_gradient(points)
    logits, found = joint.with_gradient(points)
    assert (logits - expected).abs().max() < 1e-5 * expected.abs().max()
    assert torch.equal(joint(points), logits)
    assert (found - gradient).norm() < 1e-4 * gradient.norm()
    assert joint.evaluations == 2 * len(points)


def test_channels_whose_scale_is_zero_or_tiny() -> None:
    one = global_object("cbatchnorm")
    tiny = torch.tensor([0.0, 0.0, 1e-30, -1e-30, 1e-38, 0.0])
    for module in one[0].modules():
        if isinstance(module, CBatchNorm1d):
            with torch.no_grad():
                module.conv_gamma.weight[: len(tiny)] = 0
                module.conv_gamma.get_parameter("bias")[: len(tiny)] = tiny
    points = some_points()
    expected, expected_gradient = plain(one, points)
    logits, gradient = prepare(*one).with_gradient(points)
    assert (logits - expected).abs().max() < 1e-5 * expected.abs().max()
    assert (gradient - expected_gradient).norm() < 1e-3 * expected_gradient.norm()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("pointcloud", {"encoder": "pointnet_resnet", "c_dim": 512}),
        ("voxels", {"encoder": "voxel_simple", "c_dim": 256}),
        ("unconditional", {"decoder": "simple", "c_dim": 0, "z_dim": 128}),
    ],
)
def test_the_original_implementations_logits_and_gradients(
    name: str, arguments: dict[str, object]
) -> None:
    kind = {"pointcloud": "points", "voxels": "voxels", "unconditional": "none"}[name]
    network = OccupancyNetwork(input_kind=kind, **arguments)
    network.load_state_dict(reference_state(name))
    vectors = reference(name)
    points = torch.from_numpy(vectors["points"])
    for number in range(2):
        latent = torch.from_numpy(vectors["z"][number : number + 1])
        code = torch.from_numpy(vectors["c"][number : number + 1])
        field = prepare(network.eval(), latent, code)
        assert isinstance(field, ResidualField)
        expected = torch.from_numpy(vectors["logits"][number])
        assert (field(points) - expected).abs().max() < 1e-4 * expected.abs().max()
        _, gradient = field.with_gradient(points[:512])
        expected = torch.from_numpy(vectors["grad"][number])
        assert (gradient - expected).abs().max() < 1e-4 * expected.abs().max()


class Unknown(nn.Module):
    def decode(self, points: Tensor, z: Tensor, code: Tensor) -> Tensor:
        return points.square().sum(-1) + z.sum() + code.sum()


def test_other_networks_are_evaluated_as_they_are() -> None:
    points = some_points()
    field = prepare(Unknown(), torch.full((1, 1), 2.0), torch.full((1, 1), 3.0))
    assert isinstance(field, PlainField)
    assert torch.allclose(field(points), points.square().sum(1) + 5)
    logits, gradient = field.with_gradient(points)
    assert torch.allclose(logits, points.square().sum(1) + 5)
    assert torch.allclose(gradient, 2 * points)
    assert not field.is_rough_faster
    assert torch.equal(field.rough(points), field(points))


def test_networks_in_training_or_in_double_are_evaluated_as_they_are() -> None:
    network, latent, code = global_object("cbatchnorm")
    assert isinstance(prepare(network.train(), latent, code), PlainField)
    assert isinstance(prepare(network.eval(), latent, code), ResidualField)
    assert isinstance(prepare(network.double(), latent, code), PlainField)


def test_half_precision_is_off_by_little_on_average(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounded weights would shift the logits of all points together, and so the whole surface."""
    monkeypatch.setattr(prepared.residual, "rough_dtype", lambda device: torch.bfloat16)
    shifts, plain_shifts = [], []
    for seed in range(8):
        torch.manual_seed(seed)
        field = prepare(*global_object("cbatchnorm", hidden_size=64))
        assert isinstance(field, ResidualField)
        points = some_points(6000)
        exact = field(points)
        error = field.rough(points) - exact
        shifts.append(float(error.mean().abs() / error.square().mean().sqrt()))
        zero = [(torch.zeros_like(a), torch.zeros_like(b)) for a, b in field._mean_inputs()]
        monkeypatch.setattr(field, "_mean_inputs", lambda means=zero: means)
        del field.__dict__["_rough_layers"]
        error = field.rough(points) - exact
        plain_shifts.append(float(error.mean().abs() / error.square().mean().sqrt()))
    assert sum(shifts) < 0.5 * sum(plain_shifts), (shifts, plain_shifts)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("decoder", ["cbatchnorm", "simple", "cbatchnorm_noresnet"])
def test_rough_logits_are_close_and_exact_near_the_level(
    monkeypatch: pytest.MonkeyPatch, decoder: str, dtype: torch.dtype
) -> None:
    for module in (prepared.residual, prepared.layered):
        monkeypatch.setattr(module, "rough_dtype", lambda device: dtype)
    one = global_object(decoder, hidden_size=64)
    points = some_points(6000)
    field = prepare(*one)
    assert field.is_rough_faster
    exact = evaluate(field, points)
    rough = field.rough(points)
    assert rough.dtype == torch.float32
    assert 0 < (rough - exact).abs().mean() < 0.03 * exact.std()
    level = float(exact.median())
    mixed = evaluate(field, points, level=level)
    near = (exact - level).abs() < 0.4
    assert near.any()
    assert torch.allclose(mixed[near], exact[near], rtol=1e-4, atol=1e-4)
    assert torch.equal(mixed > level, exact > level)


class Overflowing:
    """A rough field that is wrong by `error`, and infinite or NaN at some points."""

    is_rough_faster = True

    def __init__(self, error: float) -> None:
        self.error = error
        self.exact_points = 0

    def __call__(self, points: Tensor) -> Tensor:
        self.exact_points += len(points)
        return 10 * points[:, 0]

    def rough(self, points: Tensor) -> Tensor:
        logits = 10 * points[:, 0] + self.error * torch.sin(1000 * points[:, 1])
        logits[::50] = float("inf")
        logits[1::50] = float("nan")
        return logits

    def with_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        raise AssertionError("nobody asks this field for gradients")


@pytest.mark.parametrize("error", [0.01, 0.4, 3.0])
def test_the_exact_band_widens_with_the_error_found_in_it(error: float) -> None:
    points = some_points(5000)
    field = Overflowing(error)
    logits = evaluate(field, points, level=1.0)
    exact = 10 * points[:, 0]
    assert torch.equal(logits > 1, exact > 1)
    assert torch.isfinite(logits).all()
    near = (exact - 1).abs() < 0.45
    assert near.any()
    if error < 0.1:
        assert torch.equal(logits[near], exact[near])
        assert field.exact_points < 0.3 * len(points)


def test_a_prepared_field_gives_the_gradients_itself() -> None:
    one = global_object("cbatchnorm")
    field = prepare(*one)
    points = some_points(700)
    logits, gradient = evaluate_with_gradient(field, points, batch_points=300)
    expected, expected_gradient = field.with_gradient(points)
    assert torch.allclose(logits, expected, atol=1e-5)
    assert (gradient - expected_gradient).norm() < 1e-3 * expected_gradient.norm()


class Cramped:
    """A prepared field on a device that has room for 300 points at once."""

    is_rough_faster = True

    def __init__(self, error: RuntimeError) -> None:
        self.error = error
        self.sizes: list[int] = []

    def __call__(self, points: Tensor) -> Tensor:
        self.sizes.append(len(points))
        if len(points) > 300:
            raise self.error
        return 10 * points[:, 0]

    rough = __call__

    def with_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        return self(points), torch.tensor([10.0, 0, 0]).expand(len(points), 3)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried"),
        RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"),
    ],
)
def test_batches_are_halved_until_they_fit(error: RuntimeError) -> None:
    points = some_points(5000)
    expected = 10 * points[:, 0]
    for level, first in ((None, 0), (1.0, 1)):
        field = Cramped(error)
        assert torch.equal(evaluate(field, points, level=level), expected)
        sizes = [4096, 2048, 1024, 512, 256]
        assert field.sizes[: 5 - first] == sizes[first:]
    field = Cramped(error)
    logits, gradient = evaluate_with_gradient(field, points)
    assert torch.equal(logits, expected)
    assert torch.equal(gradient, torch.tensor([10.0, 0, 0]).expand(len(points), 3))
    assert field.sizes[:4] == [2048, 1024, 512, 256]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [16, 256])
def test_a_layer_is_a_matrix_product(size: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(size, size, generator=generator).to(dtype)
    bias = torch.randn(size, generator=generator).to(dtype)
    rows = torch.randn(37, size, generator=generator).to(dtype)
    expected = rows.double() @ weight.double().T
    tolerance = 1e-5 if dtype == torch.float32 else 1e-2
    for layer, target in ((Layer(weight), expected), (Layer(weight, bias), expected + bias)):
        result = layer(rows)
        assert result.dtype == dtype
        assert (result.double() - target).abs().max() < tolerance * target.abs().max()


@pytest.mark.parametrize("signs", [(-1.0, 1.0, 1.0), (-1.0, 1.0, -1.0)])
def test_the_mean_of_moved_fields_is_symmetric_where_both_are_of_the_same_object(signs):
    network, latent, code = local_object("points")
    one = prepare(network, latent, code)
    both = MeanOfTwo(one, one, signs)
    points = torch.rand(200, 3, generator=torch.Generator().manual_seed(7)) - 0.5
    opposite = points * torch.tensor(signs)
    torch.testing.assert_close(both(points), (one(points) + one(opposite)) / 2)
    torch.testing.assert_close(both(points), both(opposite))
    logits, gradients = both.with_gradient(points)
    leaf = points.clone().requires_grad_(True)
    plain = PlainField(network, latent, code)
    mean = (plain(leaf) + plain(leaf * torch.tensor(signs))) / 2
    (expected,) = torch.autograd.grad(mean.sum(), leaf)
    torch.testing.assert_close(logits, mean.detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(gradients, expected, rtol=1e-3, atol=1e-4)


def test_a_lift_is_added_where_it_is_and_is_part_of_the_gradient():
    network, latent, code = local_object("points")
    field, half, nodes = prepare(network, latent, code), 0.55, 9
    axis = torch.linspace(-half, half, nodes)
    x, y, z = torch.meshgrid(axis, axis, axis, indexing="ij")
    lifted = Lifted(field, 1 + x * y - 3 * z, half)
    points = 1.1 * (torch.rand(200, 3, generator=torch.Generator().manual_seed(8)) - 0.5)
    x, y, z = points.T
    added = 1 + x * y - 3 * z
    plain, slopes = field.with_gradient(points)
    logits, gradients = lifted.with_gradient(points)
    # Interpolation along each axis gives a function that is linear along each axis back exactly.
    torch.testing.assert_close(logits, plain + added, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(lifted(points), logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(lifted.rough(points), logits, rtol=0, atol=0.1)
    expected = slopes + torch.stack([y, x, torch.full_like(z, -3.0)], dim=1)
    torch.testing.assert_close(gradients, expected, rtol=1e-3, atol=1e-4)
    # Outside it goes on as at the sides.
    outside = torch.tensor([[0.0, 0.0, 2.0]])
    torch.testing.assert_close(lifted(outside), field(outside) + 1 - 3 * half)
