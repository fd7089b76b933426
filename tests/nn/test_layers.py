"""Linear, convolution, pooling, normalisation and embedding layers against PyTorch and by hand."""
import chainrule as cr
import numpy as np
import pytest

from .oracle import agrees, assert_close, draw, torch

nn = cr.nn
rng = cr.Rng(0)


def pair(name, *sizes, x, **options):
    """The two layers of one name: ours takes rng, and `size` is the kernel's size."""
    return name, sizes, options, x


LAYERS = [
    pair("Linear", 5, 3, x=(4, 5)),
    pair("Linear", 5, 3, bias=False, x=(2, 4, 5)),
    pair("Conv1d", 3, 4, 3, x=(2, 3, 9)),
    pair("Conv1d", 4, 4, 3, 2, 1, 2, 2, x=(2, 4, 11)),
    pair("Conv2d", 3, 4, 3, x=(2, 3, 7, 6)),
    pair("Conv2d", 4, 6, (3, 2), (2, 1), (1, 0), (1, 2), 2, x=(3, 4, 7, 8)),
    pair("Conv2d", 2, 3, 4, padding="same", x=(2, 2, 7, 6)),
    pair("Conv2d", 2, 2, 1, bias=False, x=(1, 2, 1, 1)),
    pair("Conv3d", 2, 3, 2, x=(2, 2, 4, 5, 3)),
    pair("Conv3d", 2, 4, (2, 3, 1), 2, 1, 1, 2, x=(1, 2, 4, 5, 3)),
    pair("ConvTranspose1d", 3, 4, 3, 2, 1, 1, x=(2, 3, 5)),
    pair("ConvTranspose2d", 4, 6, 3, 2, 1, 1, 2, x=(2, 4, 5, 4)),
    pair("ConvTranspose2d", 2, 3, (2, 3), (1, 2), dilation=2, x=(2, 2, 3, 4)),
    pair("ConvTranspose3d", 2, 3, 2, 2, x=(1, 2, 3, 2, 2)),
    pair("BatchNorm1d", 4, x=(6, 4)),
    pair("BatchNorm1d", 4, momentum=None, x=(6, 4, 3)),
    pair("BatchNorm2d", 3, eps=1e-3, x=(2, 3, 4, 5)),
    pair("BatchNorm3d", 2, affine=False, x=(2, 2, 3, 2, 2)),
    pair("BatchNorm2d", 3, track_running_stats=False, x=(2, 3, 4, 5)),
    pair("LayerNorm", 6, x=(2, 3, 6)),
    pair("LayerNorm", (3, 6), x=(2, 3, 6)),
    pair("GroupNorm", 2, 6, x=(2, 6, 3, 2)),
    pair("GroupNorm", 6, 6, x=(3, 6)),
    pair("InstanceNorm1d", 3, x=(2, 3, 5)),
    pair("InstanceNorm2d", 3, affine=True, x=(2, 3, 4, 5)),
    pair("InstanceNorm3d", 2, x=(2, 2, 3, 2, 2)),
    pair("RMSNorm", 6, eps=1e-6, x=(2, 3, 6)),
]
POOLS = [
    pair("MaxPool1d", 2, x=(2, 3, 9)),
    pair("MaxPool1d", 3, 1, 1, 2, x=(2, 3, 9)),
    pair("MaxPool2d", 2, x=(2, 3, 7, 6)),
    pair("MaxPool2d", (3, 2), (2, 1), (1, 0), x=(2, 3, 7, 6)),
    pair("MaxPool2d", 3, 2, 1, ceil_mode=True, x=(2, 3, 8, 7)),
    pair("MaxPool3d", 2, x=(1, 2, 4, 5, 6)),
    pair("AvgPool1d", 3, 2, x=(2, 3, 9)),
    pair("AvgPool2d", 2, x=(2, 3, 6, 6)),
    pair("AvgPool2d", 3, 2, 1, x=(2, 3, 7, 6)),
    pair("AvgPool2d", 3, 2, 1, count_include_pad=False, x=(2, 3, 7, 6)),
    pair("AvgPool3d", 2, x=(1, 2, 4, 4, 6)),
    pair("AdaptiveAvgPool1d", 4, x=(2, 3, 10)),
    pair("AdaptiveAvgPool2d", (2, 3), x=(2, 3, 7, 7)),
    pair("AdaptiveAvgPool2d", 1, x=(2, 3, 5, 4)),
    pair("AdaptiveAvgPool3d", 2, x=(1, 2, 3, 4, 5)),
    pair("AdaptiveMaxPool1d", 4, x=(2, 3, 10)),
    pair("AdaptiveMaxPool2d", (2, 3), x=(2, 3, 7, 7)),
    pair("AdaptiveMaxPool3d", 2, x=(1, 2, 3, 4, 5)),
]


def label(case):
    name, sizes, options, x = case
    return f"{name}{sizes}{options or ''}"


def needs_rng(name):
    return {"rng": rng} if name.startswith(("Linear", "Conv")) else {}


@pytest.mark.parametrize("case", LAYERS + POOLS, ids=label)
def test_outputs_and_gradients_equal_pytorchs_with_the_same_state(case):
    t = torch()
    name, sizes, options, shape = case
    t.manual_seed(0)
    theirs = getattr(t.nn, name)(*sizes, **options)
    for parameter in theirs.parameters():
        t.nn.init.normal_(parameter)
    agrees(getattr(nn, name)(*sizes, **options, **needs_rng(name)), theirs, draw(*shape))


@pytest.mark.parametrize("case", [case for case in LAYERS if case[0].startswith("BatchNorm")], ids=label)
def test_batch_norm_remembers_and_uses_the_statistics_that_pytorch_does(case):
    t = torch()
    name, sizes, options, shape = case
    ours, theirs = getattr(nn, name)(*sizes, **options), getattr(t.nn, name)(*sizes, **options)
    for seed in range(3):
        x = 2 + 3 * draw(*shape, seed=seed)
        ours(cr.tensor(x))
        theirs(t.tensor(x))
    for buffer, value in theirs.state_dict().items():
        assert_close(ours.state_dict()[buffer], value)
    ours.eval()
    assert_close(ours(cr.tensor(x[:1])), theirs.eval()(t.tensor(x[:1])).detach())


def test_batch_norm_updates_its_buffers_inside_a_transform():
    layer = nn.BatchNorm1d(2)
    x = cr.tensor(draw(8, 2))
    cr.grad(lambda m: cr.sum(m(x) ** 2))(layer)
    assert_close(layer.running_mean, 0.1 * np.asarray(x).mean(0))
    assert layer.num_batches_tracked.item() == 1


def test_batch_norm_has_the_books_numbers():
    """§5.6: z = (1, 2, 3, 4), γ = 2, β = 1."""
    layer = nn.BatchNorm1d(1).to(dtype=cr.float64)
    z = cr.tensor([[1.0], [2.0], [3.0], [4.0]], dtype=cr.float64)
    assert_close(layer(z)[:, 0], [-1.34163542, -0.44721181, 0.44721181, 1.34163542], 1e-7)
    layer.weight[...], layer.bias[...] = 2.0, 1.0
    assert_close(layer(z)[:, 0], [-1.68327084, 0.10557639, 1.89442361, 3.68327084], 1e-7)
    _, pulled = cr.vjp(layer, z, cr.tensor([[0.1], [-0.2], [0.3], [0.4]], dtype=cr.float64))
    assert_close(pulled[:, 0], [0.28621255, -0.50087823, 0.14310878, 0.07155689], 1e-6, 1e-8)


def test_batch_norm_refuses_to_learn_from_one_value():
    with pytest.raises(cr.ShapeError, match=r"BatchNorm1d: x \(1, 2\) needs more than one value a channel"):
        nn.BatchNorm1d(2)(cr.ones((1, 2)))
    assert nn.BatchNorm1d(2).eval()(cr.ones((1, 2))).shape == (1, 2)


def test_a_convolution_has_the_books_numbers():
    """§6.3: x = 1..42 as 6 x 7, W = 1..9 as 3 x 3, no turn of the kernel."""
    layer = nn.Conv2d(1, 1, 3, rng=rng)
    layer.weight[...] = cr.tensor(np.arange(1.0, 10).reshape(1, 1, 3, 3))
    z = layer(cr.tensor(np.arange(1.0, 43, dtype=np.float32).reshape(1, 1, 6, 7)))
    assert z.shape == (1, 1, 4, 5)
    assert z[0, 0, 0].tolist() == [537, 582, 627, 672, 717]
    assert z[0, 0, 3].tolist() == [1482, 1527, 1572, 1617, 1662]


def test_pooling_has_the_books_numbers():
    x = cr.tensor([[[1.0, 3, 2, 1], [4, 6, 5, 0], [7, 2, 9, 8], [1, 0, 3, 4]]])
    assert nn.MaxPool2d(2)(x).tolist() == [[[6, 5], [7, 9]]]
    assert nn.AvgPool2d(2)(x).tolist() == [[[3.5, 2.0], [2.5, 6.0]]]


@pytest.mark.parametrize("lead", [(), (3,), (2, 3), (0,)])
def test_leading_axes_are_batch_axes(lead):
    layer, pool = nn.Conv2d(2, 3, 3, rng=rng), nn.MaxPool2d(2)
    x = cr.tensor(draw(*lead, 2, 6, 5))
    y = layer(x)
    assert y.shape == (*lead, 3, 4, 3) and pool(x).shape == (*lead, 2, 3, 2)
    if 0 not in lead:
        one = layer(x[(0,) * len(lead)])
        assert_close(y[(0,) * len(lead)], one)


def test_a_transposed_convolution_is_the_adjoint():
    """⟨conv x, y⟩ = ⟨x, convᵀ y⟩"""
    down = nn.Conv2d(2, 3, 3, stride=2, padding=1, bias=False, rng=rng).to(dtype=cr.float64)
    up = nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1, bias=False, rng=rng)
    up = up.to(dtype=cr.float64)
    up.weight[...] = down.weight
    x = cr.tensor(draw(2, 2, 8, 8).astype(np.float64))
    y = cr.tensor(draw(2, 3, 4, 4, seed=1).astype(np.float64))
    assert_close(cr.sum(down(x) * y), cr.sum(x * up(y)), 1e-12)


def test_an_embedding_is_a_one_hot_product_and_leaves_its_padding_alone():
    t = torch()
    ours, theirs = nn.Embedding(7, 3, padding_index=2, rng=rng), t.nn.Embedding(7, 3, padding_idx=2)
    assert not np.asarray(ours.weight)[2].any()
    ours.load_state_dict(theirs.state_dict())
    index = np.array([[1, 2], [6, 1]])
    u = draw(2, 2, 3)
    (theirs(t.tensor(index)) * t.tensor(u)).sum().backward()
    grads = cr.grad(lambda m: cr.sum(m(cr.tensor(index)) * cr.tensor(u)))(ours)
    assert_close(grads["weight"], theirs.weight.grad)
    assert_close(ours(cr.tensor(index)), np.eye(7)[index] @ np.asarray(ours.weight))
    assert ours(cr.tensor(3)).shape == (3,)
    with pytest.raises(cr.DTypeError, match="embedding: index must be an integer tensor, got float32"):
        ours(cr.ones((2,)))
    for wrong in (7, -1):
        with pytest.raises(IndexError):
            ours(cr.tensor([wrong])).numpy()


def test_dropout_keeps_the_mean_and_is_off_in_eval_mode():
    layer = nn.Dropout(0.3, rng=cr.Rng(5))
    x = cr.ones((200, 500))
    y = np.asarray(layer(x))
    assert set(np.unique(y).round(5)) == {0.0, np.float32(1 / 0.7).round(5)}
    assert abs((y == 0).mean() - 0.3) < 5 * np.sqrt(0.21 / y.size)
    assert np.array_equal(layer.eval()(x), x)
    assert np.array_equal(nn.Dropout(1.0, rng=cr.Rng(0))(x), 0 * np.asarray(x))
    again = nn.Dropout(0.3, rng=cr.Rng(5))
    assert np.array_equal(again(x), y)


def test_the_mask_of_dropout_is_the_same_in_both_directions():
    layer = nn.Dropout(0.5, rng=cr.Rng(1))
    y, pulled = cr.vjp(layer, cr.ones((4, 5)), cr.ones((4, 5)))
    assert np.array_equal(y, pulled)


def test_features_of_an_mlp_lead_to_its_output():
    model = nn.MLP(3, 4, 5, 2, rng=rng)
    x = cr.tensor(draw(6, 3))
    features = model.features(x)
    assert [f.shape for f in features] == [(6, 4), (6, 5), (6, 2)]
    assert np.array_equal(features[-1], model(x))
    h = np.asarray(x)
    for layer in model.layers[:-1]:
        h = np.maximum(h @ np.asarray(layer.weight).T + np.asarray(layer.bias), 0)
    assert_close(features[1], h)


BAD_ARGUMENTS = {
    "Linear: n_in must be a positive integer, got 0": lambda: nn.Linear(0, 3, rng=rng),
    "Linear: n_out must be a positive integer, got -1": lambda: nn.Linear(3, -1, rng=rng),
    "Conv2d: groups 2 ": lambda: nn.Conv2d(3, 4, 3, groups=2, rng=rng),
    "Conv2d: size (3,) needs 2 entries, one a spatial axis": lambda: nn.Conv2d(3, 4, (3,), rng=rng),
    "Conv2d: stride must be integers >= 1, got 0": lambda: nn.Conv2d(3, 4, 3, stride=0, rng=rng),
    "Conv2d: padding 'smae' is unknown; needs one of same, valid":
        lambda: nn.Conv2d(3, 4, 3, padding="smae", rng=rng),
    "ConvTranspose2d: output_padding 2 needs to be less than stride 2 or dilation 1":
        lambda: nn.ConvTranspose2d(1, 1, 3, 2, output_padding=2, rng=rng),
    "MaxPool2d: padding (2, 2) needs to be at most half of size (3, 3)": lambda: nn.MaxPool2d(3, padding=2),
    "Dropout: p must lie in [0, 1], got 1.5": lambda: nn.Dropout(1.5, rng=rng),
    "Dropout: p 0.5 needs rng=, the source of its masks": lambda: nn.Dropout(0.5),
    "GroupNorm: n 5 needs to be a multiple of groups 2": lambda: nn.GroupNorm(2, 5),
    "RNN: activation 'tahn' is unknown": lambda: nn.RNN(2, 3, activation="tahn", rng=rng),
    "MLP: activation 'rleu' is unknown": lambda: nn.MLP(2, 3, rng=rng, activation="rleu"),
    "MultiHeadAttention: p 5 needs to be a multiple of heads 2": lambda: nn.MultiHeadAttention(5, 2, rng=rng),
    "Embedding: padding_index 9 needs to be 0 to n - 1 = 3": lambda: nn.Embedding(4, 2, 9, rng=rng),
    "BatchNorm2d: momentum must lie in [0, 1], got 2": lambda: nn.BatchNorm2d(3, momentum=2),
}


@pytest.mark.parametrize("message", BAD_ARGUMENTS)
def test_constructors_check_their_arguments_in_one_line(message):
    with pytest.raises(ValueError) as error:
        BAD_ARGUMENTS[message]()
    if not message.endswith(" "):
        assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


BAD_INPUTS = {
    "Linear: x (4, 3) needs x.shape[-1] == n_in 5": lambda: nn.Linear(5, 2, rng=rng)(cr.ones((4, 3))),
    "Conv2d: x (4, 3, 8, 8) needs x.shape[-3] == c_in 5":
        lambda: nn.Conv2d(5, 2, 3, rng=rng)(cr.ones((4, 3, 8, 8))),
    "LayerNorm: z (4, 3) needs to end in shape (5,)": lambda: nn.LayerNorm(5)(cr.ones((4, 3))),
    "GroupNorm: z (4, 3) needs z.shape[1] == n 4": lambda: nn.GroupNorm(2, 4)(cr.ones((4, 3))),
    "BatchNorm2d: x (4, 3) needs 4 axes with x.shape[1] == n 3": lambda: nn.BatchNorm2d(3)(cr.ones((4, 3))),
    "MaxPool2d: x (3, 4) needs a channel axis and 2 spatial axes": lambda: nn.MaxPool2d(2)(cr.ones((3, 4))),
    "rnn: x (2, 3, 4) needs to be (T, B, n_in) or (T, n_in) with n_in 5":
        lambda: nn.RNN(5, 2, rng=rng)(cr.ones((2, 3, 4))),
    "MultiHeadAttention: q (2, 3) needs a time axis and q.shape[-1] == 4":
        lambda: nn.MultiHeadAttention(4, 2, rng=rng)(cr.ones((2, 3))),
}


@pytest.mark.parametrize("message", BAD_INPUTS)
def test_layers_check_the_shapes_of_their_inputs_in_one_line(message):
    with pytest.raises(cr.ShapeError) as error:
        BAD_INPUTS[message]()
    assert str(error.value) == message
