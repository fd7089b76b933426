"""The GPU as a device: memory, faults found by kernels, captured graphs; a GPU or the emulator."""
import chainrule as cr
import numpy as np
import pytest

from . import device

pytestmark = pytest.mark.device


@pytest.fixture(autouse=True)
def on_cuda():
    if device.name != "cuda":
        pytest.skip("needs --device cuda")


def cuda(x):
    return cr.tensor(x).to("cuda")


def test_a_tensor_comes_back_as_it_went():
    for dtype in (cr.bool, cr.uint8, cr.int32, cr.int64, cr.float16, cr.bfloat16, cr.float32, cr.float64):
        x = cr.tensor(np.arange(7)).astype(dtype)
        np.testing.assert_array_equal(x.to("cuda").to("cpu").numpy(), x.numpy())
    assert cr.zeros((3, 0), device="cuda").numpy().shape == (3, 0)


def test_properties_say_what_the_device_is():
    p = cr.cuda.properties()
    assert cr.cuda.device_count() >= 1 and p["name"] and p["capability"] >= (8, 0)
    assert p["memory"] > 0 and p["driver"] >= 13000
    assert cr.cuda.backend() in ("cuda", "cuda-emulator")


def test_freed_memory_is_used_again():
    x = cr.zeros((1000,), device="cuda")
    before = cr.cuda.memory()
    del x
    between = cr.cuda.memory()
    if not between["cached"]:
        pytest.skip("a build under the address sanitizer keeps no blocks")
    x = cr.zeros((1000,), device="cuda")
    after = cr.cuda.memory()
    assert between["in_use"] < before["in_use"] == after["in_use"]
    assert after["system_calls"] == before["system_calls"]
    del x
    cr.cuda.empty_cache()
    assert cr.cuda.memory()["cached"] == 0
    cr.cuda.reset_peak()
    assert cr.cuda.memory()["peak"] == cr.cuda.memory()["in_use"]


def test_too_much_memory_is_an_error_in_words():
    told = r"allocate: \d+ bytes asked on cuda, \d+ of \d+ free, \d+ in use, \d+ were held"
    with pytest.raises(cr.OutOfMemory, match=told):
        cr.zeros((2**40,), device="cuda")
    assert cr.ones((3,), device="cuda").sum().item() == 3


def test_blocks_held_for_reuse_make_room_before_memory_is_out(python):
    if cr.cuda.backend() != "cuda-emulator":
        pytest.skip("a GPU has more memory than a test should fill")
    out = python("""
import chainrule as cr
x = cr.zeros((100_000,), device="cuda")
del x
y = cr.zeros((200_000,), device="cuda")                      # 800 kB of a megabyte: no room for both
print(cr.cuda.memory()["cached"], y.sum().item())
try:
    cr.zeros((200_000,), device="cuda")
except cr.OutOfMemory as error:
    print(error)
""", CHAINRULE_EMULATOR_MIB="1")
    held, told = out.splitlines()
    assert held == "0 0.0" and told.startswith("allocate: 800000 bytes asked on cuda, ")


def test_every_kernel_of_the_cpu_has_its_twin():
    cpu, gpu = (set(cr._core._kernels(place)) for place in ("cpu", "cuda"))
    assert not cpu - gpu, "no CUDA kernel"


def test_a_fault_in_a_kernel_is_raised_once_where_values_are_waited_for():
    q = cuda([1, 2]) // 0
    with pytest.raises(ValueError, match="floor_divide: division of an integer by zero"):
        q.numpy()
    cr.cuda.synchronize()
    assert (cuda([5]) // 2).item() == 2


def test_devices_do_not_mix_in_silence():
    with pytest.raises(cr.DeviceError, match="inputs are on cuda and on cpu"):
        cuda([1.0]) + cr.tensor([1.0])


def test_a_number_of_numpy_goes_where_the_tensor_is():
    x = cuda([1.0, 2.0])
    for y in (np.float64(3) * x, x * np.float64(3), x - np.float32(1), np.int64(2) ** x, x > np.float64(1)):
        assert y.device == "cuda"
    assert (np.float64(3) * x).tolist() == [3, 6] and (np.float64(3) * x).dtype == cr.float64
    with pytest.raises(cr.DeviceError, match="multiply: inputs are on cuda and on cpu"):
        x * np.ones(2)


def test_draws_of_a_distribution_are_where_its_parameters_are():
    rng, d = cr.Rng(0), cr.distributions
    covariance = cuda(np.eye(2, dtype=np.float32) + 0.5)
    for made in (d.Normal(cuda(0.0), cuda(1.0)), d.Laplace(cuda(0.0), cuda(1.0)),
                 d.MultivariateNormal(cuda([1.0, 2.0]), covariance), d.Bernoulli(cuda(0.3)),
                 d.Multinomial(4, cuda([0.2, 0.8]))):
        x = made.sample((3,), rng=rng)
        assert x.device == "cuda" and made.log_prob(x).device == "cuda"


# ---- tensor cores
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("M, N, K", [(128, 128, 64), (40, 136, 24), (152, 72, 1104), (33, 35, 40)])
def test_products_on_tensor_cores_are_those_of_rounded_factors(M, N, K, dtype):
    """Whichever axis of a factor is dense, and for shapes that no tile divides."""
    rng = np.random.default_rng(0)
    for a_along_k in (True, False):
        for b_along_k in (True, False):
            a = rng.normal(size=(2, M, K) if a_along_k else (2, K, M))
            b = rng.normal(size=(2, N, K) if b_along_k else (2, K, N))
            s, t = (cr.tensor(x).astype(dtype).to("cuda") for x in (a, b))
            a, b = (x.astype(cr.float64).numpy() for x in (s, t))
            if not a_along_k:
                s, a = s.mT, a.swapaxes(1, 2)
            if b_along_k:
                t, b = t.mT, b.swapaxes(1, 2)
            got, want = (s @ t).astype(cr.float64).numpy(), a @ b
            size = np.sqrt(K)
            np.testing.assert_allclose(got, want, atol=size * (2e-2 if dtype == "bfloat16" else 2.5e-3))


# ---- kernels that no row of tests/ops reaches
@pytest.mark.parametrize("n, p, K", [(0, 2, 3), (1, 1, 1), (2500, 3, 5), (40, 70, 3), (5, 0, 2)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nearest_centres_are_those_of_the_cpu(n, p, K, dtype):
    """Also where two are equally near, and the sums of several pieces of the points."""
    from chainrule.models.kmeans import nearest
    x = np.random.default_rng(0).integers(-9, 9, (n, p)).astype(dtype)              # sums without rounding
    centres = x[:K] if n > K else np.arange(K * p).reshape(K, p).astype(dtype)
    earlier = np.arange(n) % K
    given = [cr.tensor(a) for a in (x, centres, earlier)]
    got, want = (nearest(*(t.to(place) for t in given)) for place in ("cuda", "cpu"))
    for a, b in zip(got[:4], want[:4], strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert got.changed == want.changed


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("T, S, m, n, dtype", [(70, 130, 20, 70, "float32"), (70, 130, 70, 5, "float64"),
                                               (9, 65, 16, 16, "bfloat16"), (66, 9, 33, 1, "float32")])
def test_attention_over_several_tiles_is_that_of_the_cpu(T, S, m, n, dtype, causal):
    """Tiles that are full, that end early, and that no query of a block sees; heads wider than a tile."""
    make = np.random.default_rng(0)
    shapes = (T, m), (S, m), (S, n), (T, n)
    inputs = [cr.tensor(make.normal(size=(2, *shape))).astype(dtype) for shape in shapes]

    def everything(place):
        q, k, v, d = (x.to(place) for x in inputs)
        y, slopes = cr.vjp(lambda *x: cr.scaled_dot_product_attention(*x, causal=causal), (q, k, v), d)
        return [t.to("cpu").astype(cr.float64).numpy() for t in (y, *slopes)]
    room = 8 * {"float32": 2**-23, "float64": 2**-52, "bfloat16": 2**-7}[dtype]
    for got, want in zip(everything("cuda"), everything("cpu"), strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=room * max(1, np.abs(want).max()))


# ---- training
@pytest.mark.parametrize("model", ["MLP", "LeNet"])
def test_a_model_trains_as_on_the_cpu(model):
    """The same losses to float tolerance, whatever the order of summation."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 1, 12, 12)).astype(np.float32), rng.integers(0, 3, 6)

    def losses(place):
        start = cr.Rng(1)
        net = (cr.nn.MLP(144, 16, 3, rng=start) if model == "MLP"
               else cr.models.LeNet(3, channels=1, size=12, rng=start)).to(place)
        images = cr.tensor(x.reshape(6, -1) if model == "MLP" else x).to(place)
        adam, labels, seen = cr.optim.Adam(net, alpha=0.001), cr.tensor(y).to(place), []
        both = cr.value_and_grad(lambda net: cr.losses.cross_entropy(net(images), labels))
        for _ in range(10):
            value, grads = both(net)
            adam.update(grads)
            seen.append(value.item())
        return seen
    want = losses("cpu")
    np.testing.assert_allclose(losses("cuda"), want, rtol=1e-4)
    assert want[-1] < want[0]


# ---- graphs
def regression(opt_class, seed=0, **options):
    rng = np.random.default_rng(seed)
    model = cr.nn.Linear(3, 2, rng=cr.Rng(seed)).to("cuda")
    opt = opt_class(model, **options)
    noise = cr.Rng(7)

    def step(x, y):
        def loss(model):
            z = model(x) + 0.1 * cr.normal(y.shape, rng=noise, device="cuda")
            return cr.sum((z - y) ** 2)
        value, grads = cr.value_and_grad(loss)(model)
        opt.update(grads)
        return value
    batches = [(cuda(rng.normal(size=(4, 3)).astype(np.float32)),
                cuda(rng.normal(size=(4, 2)).astype(np.float32))) for _ in range(6)]
    return model, opt, noise, step, batches


@pytest.mark.parametrize("opt_class", ["SGD", "Adam"])
def test_a_captured_step_trains_as_the_plain_one(opt_class):
    """Same losses, parameters, random numbers and step count, whether steps are replayed or not."""
    plain = regression(getattr(cr.optim, opt_class), alpha=0.05)
    captured = regression(getattr(cr.optim, opt_class), alpha=0.05)
    train = cr.cuda.graph(captured[3])
    for a, b in zip(plain[4], captured[4], strict=True):
        want, got = plain[3](*a).item(), train(*b).item()
        assert got == pytest.approx(want, rel=1e-6)
    assert captured[1].step == plain[1].step == 6
    assert captured[2].state() == plain[2].state()
    np.testing.assert_allclose(captured[0].weight.numpy(), plain[0].weight.numpy(), rtol=1e-5)


def test_a_graph_keeps_its_memory_to_itself():
    x = cuda(np.ones(1000))
    f = cr.cuda.graph(lambda x: (x * 2 + 1) * 3)
    f(x)
    y = f(x)
    others = [cr.zeros((1000,), dtype=cr.float64, device="cuda") for _ in range(8)]
    z = f(x * 2)
    assert z is y and (z.numpy() == 15).all()
    assert all((o.numpy() == 0).all() for o in others)


def test_a_step_that_reads_a_value_cannot_be_captured():
    f = cr.cuda.graph(lambda x: x * x.sum().item())
    x = cuda(np.ones(3))
    assert f(x).sum().item() == 9
    with pytest.raises(cr.DeviceError, match="cannot read a value on the host"):
        f(x)
    assert (cuda([1.0]) + 1).item() == 2                         # the device goes on


def test_a_graph_refuses_other_shapes():
    f = cr.cuda.graph(lambda x: x + 1)
    f(cuda([1.0]))
    f(cuda([1.0]))
    with pytest.raises(cr.ShapeError, match=r"tensor 0 was captured as float32 \(1,\), got float32 \(2,\)"):
        f(cuda([1.0, 2.0]))
    with pytest.raises(TypeError, match="model"):
        f(cr.nn.Linear(1, 1, rng=cr.Rng(0)))
