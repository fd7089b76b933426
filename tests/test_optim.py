"""Optimisers on Rosenbrock's function (the book's start and rates), against PyTorch, and their plumbing."""
import chainrule as cr
import numpy as np
import pytest
from chainrule.optim import adam, descent, schedules

optim = cr.optim


def rosenbrock(theta):
    """(4.9)"""
    return (1 - theta[0]) ** 2 + 100 * (theta[1] - theta[0] * theta[0]) ** 2


GRADIENT = cr.grad(lambda tree: rosenbrock(tree["theta"]))


def path(make, steps):
    """θ after each of the given numbers of steps, from (0.4, -0.2)."""
    tree = {"theta": cr.tensor([0.4, -0.2], dtype=cr.float64)}
    opt, found = make(tree), []
    for step in range(1, max(steps) + 1):
        opt.update(GRADIENT(tree))
        if step in steps:
            found.append(np.array(tree["theta"]))
    return np.array(found)


GOLDEN = {                               # §4.3, §4.5: computed in double precision from the book's formulas
    "momentum": (lambda tree: optim.SGD(tree, alpha=0.01, momentum=0.9, dampening=0.9), {
        1: (0.3436, -0.128), 2: (0.2603341817, -0.0139878080), 10: (-0.0695106666, -0.0827840481),
        100: (0.6435209107, 0.4145251435), 1000: (0.9951380326, 0.9902801906)}),
    "look_ahead": (lambda tree: optim.SGD(tree, alpha=0.001, momentum=0.9, nesterov=True), {
        1: (0.29284, -0.0632), 2: (0.2166919624, 0.0517230009), 10: (0.1028023627, -0.0308056671),
        100: (0.6646858064, 0.4401704859), 1000: (0.9951911619, 0.9903861492)}),
    "adam": (lambda tree: optim.Adam(tree, alpha=0.01), {
        1: (0.39, -0.19), 2: (0.3800280725, -0.1800165352), 10: (0.3038320259, -0.1023174485),
        100: (0.2329528294, 0.0502481232), 1000: (0.7676184528, 0.5880593107)}),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_paths_on_rosenbrocks_function_are_those_of_the_formulas(name):
    make, points = GOLDEN[name]
    assert np.allclose(path(make, list(points)), list(points.values()), rtol=0, atol=2e-9)


PYTORCH = {
    "sgd": (lambda p: optim.SGD(p, 0.05), lambda t, p: t.SGD(p, 0.05)),
    "sgd_decay": (lambda p: optim.SGD(p, 0.05, weight_decay=0.1),
                  lambda t, p: t.SGD(p, 0.05, weight_decay=0.1)),
    "momentum": (lambda p: optim.SGD(p, 0.05, momentum=0.9), lambda t, p: t.SGD(p, 0.05, momentum=0.9)),
    "nesterov": (lambda p: optim.SGD(p, 0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
                 lambda t, p: t.SGD(p, 0.05, momentum=0.9, nesterov=True, weight_decay=0.01)),
    "adam": (lambda p: optim.Adam(p, 0.02), lambda t, p: t.Adam(p, 0.02)),
    "adam_decay": (lambda p: optim.Adam(p, 0.02, 0.8, 0.99, weight_decay=0.1),
                   lambda t, p: t.Adam(p, 0.02, (0.8, 0.99), weight_decay=0.1)),
    "adamw": (lambda p: optim.AdamW(p, 0.02, weight_decay=0.1),
              lambda t, p: t.AdamW(p, 0.02, weight_decay=0.1)),
}


@pytest.mark.parametrize("name", PYTORCH)
def test_twenty_steps_on_a_net_equal_pytorchs(name):
    t = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(16, 5))
    theirs = t.nn.Sequential(t.nn.Linear(5, 7), t.nn.Tanh(), t.nn.Linear(7, 2)).double()
    rng = cr.Rng(0)
    ours = cr.nn.Sequential(cr.nn.Linear(5, 7, rng=rng), cr.nn.Tanh(), cr.nn.Linear(7, 2, rng=rng))
    ours.to(dtype=cr.float64).load_state_dict(theirs.state_dict())
    make, make_t = PYTORCH[name]
    opt, opt_t = make(ours), make_t(t.optim, theirs.parameters())
    for _ in range(20):
        opt.update(cr.grad(lambda m: cr.mean(m(cr.tensor(x)) ** 2))(ours))
        opt_t.zero_grad()
        (theirs(t.tensor(x)) ** 2).mean().backward()
        opt_t.step()
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(np.asarray(ours.state_dict()[name]), value, rtol=1e-9, atol=1e-12)


def tensors(*shape, count=3, seed=0, dtype=np.float64):
    draws = np.random.default_rng(seed)
    return [cr.tensor(np.abs(draws.normal(size=shape)).astype(dtype)) for _ in range(count)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_cores_updates_equal_the_plain_formulas(dtype):
    core = cr._core
    rtol = 1e-5 if dtype == np.float32 else 1e-12
    runs = []
    for sgd, adam_step in ((descent.sgd_update, adam.adam_update),
                           (getattr(core, "sgd_update", None), getattr(core, "adam_update", None))):
        if sgd is None:
            pytest.skip("the core has no fused updates")
        p, g, v, s = (tensors(4, 5, seed=seed, dtype=dtype) for seed in range(4))
        sgd(p, g, v, 0.1, 0.9, 0.5, 0.01, False)
        sgd(p, g, v, 0.1, 0.9, 0.0, 0.0, True)
        sgd(p, g, [], 0.1, 0.0, 0.0, 0.01, False)
        adam_step(p, g, v, s, 0.1, 0.9, 0.99, 1e-8, 0.1, False, 3)
        adam_step(p, g, v, s, 0.1, 0.9, 0.99, 1e-8, 0.1, True, 4)
        runs.append([np.array(x) for x in (*p, *v, *s)])
    for plain, fused in zip(*runs, strict=True):
        np.testing.assert_allclose(fused, plain, rtol=rtol)


def test_half_precision_parameters_keep_their_state_in_float32():
    p = {"w": cr.ones((3,)).astype(cr.bfloat16)}
    opt = optim.Adam(p, alpha=0.1)
    opt.update({"w": cr.ones((3,)).astype(cr.bfloat16)})
    assert opt.state["v"]["w"].dtype == cr.float32 and p["w"].dtype == cr.bfloat16
    assert np.allclose(p["w"].astype(cr.float32), 0.9, atol=0.01)


def test_weight_decay_may_depend_on_the_name():
    model = cr.nn.Linear(3, 2, rng=cr.Rng(0))
    model.bias[...] = 1.0
    before = np.array(model.weight)
    opt = optim.SGD(model, alpha=0.1, weight_decay=lambda name: 0.5 if name.endswith("weight") else 0.0)
    opt.update({"weight": cr.zeros((2, 3)), "bias": cr.zeros((2,))})
    assert np.allclose(model.weight, 0.95 * before) and np.array_equal(model.bias, [1, 1])


def test_decoupled_decay_is_a_step_of_adam_and_a_shrinkage():
    """(5.53): differs from Adam on the penalised loss."""
    runs = {}
    makers = {"w": lambda p: optim.AdamW(p, 0.1, weight_decay=0.5), "plain": lambda p: optim.Adam(p, 0.1),
              "l2": lambda p: optim.Adam(p, 0.1, weight_decay=0.5)}
    for name, make in makers.items():
        p = {"x": cr.tensor([2.0, -3.0], dtype=cr.float64)}
        make(p).update({"x": cr.tensor([0.3, 0.1], dtype=cr.float64)})
        runs[name] = np.array(p["x"])
    assert np.allclose(runs["w"], runs["plain"] - 0.05 * np.array([2, -3]))
    assert not np.allclose(runs["w"], runs["l2"])


def test_trees_of_any_kind_are_trained_by_name():
    tree = {"a": [cr.ones((2,)), cr.ones((1,))], "model": cr.nn.Linear(1, 1, rng=cr.Rng(0)), "steps": 3}
    opt = optim.SGD(tree, alpha=1.0)
    assert list(opt.parameters) == ["a.0", "a.1", "model.weight", "model.bias"]
    grads = cr.grad(lambda tree: cr.sum(tree["a"][0]) + 2 * cr.sum(tree["model"](tree["a"][1])))(tree)
    opt.update(grads)
    assert tree["a"][0].tolist() == [0, 0] and tree["model"].bias.item() == -2
    x = cr.ones((3,))
    optim.SGD(x, alpha=1.0).update(cr.ones((3,)))
    assert x.tolist() == [0, 0, 0]


def test_a_saved_state_continues_the_same_path():
    def run(steps, state=None):
        p = {"w": cr.tensor([1.0, 2.0]) if state is None else cr.tensor(state[0])}
        plateau = schedules.ReduceOnPlateau(0.1, patience=0)
        opt = optim.Adam(p, alpha=plateau)
        if state is not None:
            opt.load_state_dict(state[1])
        for _ in range(steps):
            opt.update({"w": p["w"] * 2})
            plateau.see(1.0)
        return np.array(p["w"]), opt.state_dict()

    assert set(run(1)[1]) == {"step", "v.w", "s.w", "alpha.alpha", "alpha.best", "alpha.bad", "alpha.rest"}
    first = run(3)
    assert np.array_equal(run(4, first)[0], run(7)[0])
    opt = optim.Adam({"w": cr.ones((3,))})
    with pytest.raises(cr.ShapeError, match=r"Adam: state v.w is \(2,\), the parameter needs \(3,\)"):
        opt.load_state_dict(optim.Adam({"w": cr.ones((2,))}).state_dict())
    with pytest.raises(ValueError, match=r"Adam: the state lacks \['s.w'"):
        opt.load_state_dict({"step": 0})


def test_wrong_gradients_and_settings_are_named():
    opt = optim.SGD({"w": cr.ones((3,))}, alpha=0.1)
    with pytest.raises(ValueError, match="SGD: gradient 'u' has no parameter of that name"):
        opt.update({"u": cr.ones((3,))})
    with pytest.raises(cr.ShapeError, match=r"SGD: gradient w \(2,\) needs its parameter's shape \(3,\)"):
        opt.update({"w": cr.ones((2,))})
    with pytest.raises(ValueError, match="SGD: nothing to train"):
        optim.SGD(cr.nn.ReLU(), alpha=0.1)
    with pytest.raises(ValueError, match="SGD: alpha must be >= 0 or a schedule, got -1"):
        optim.SGD({"w": cr.ones((3,))}, alpha=-1)
    with pytest.raises(ValueError, match=r"Adam: beta must lie in \[0, 1\), got 1"):
        optim.Adam({"w": cr.ones((3,))}, beta=1)


SCHEDULES = {                            # ours, PyTorch's, from base rate 0.5
    "step": (schedules.Step(0.5, 4, 0.3), lambda s, o: s.StepLR(o, 4, 0.3)),
    "multi_step": (schedules.MultiStep(0.5, (3, 7), 0.2), lambda s, o: s.MultiStepLR(o, [3, 7], 0.2)),
    "exponential": (schedules.Exponential(0.5, 0.9), lambda s, o: s.ExponentialLR(o, 0.9)),
    "cosine": (schedules.Cosine(0.5, 20, 0.1), lambda s, o: s.CosineAnnealingLR(o, 20, 0.1)),
    "restarts": (schedules.Cosine(0.5, 4, 0.1, restarts=True),
                 lambda s, o: s.CosineAnnealingWarmRestarts(o, 4, 1, 0.1)),
    "stretched": (schedules.Cosine(0.5, 3, restarts=True, stretch=2),
                  lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 2)),
    "polynomial": (schedules.Polynomial(0.5, 10, 2.0), lambda s, o: s.PolynomialLR(o, 10, 2.0)),
    "one_cycle": (schedules.OneCycle(0.5, 20), lambda s, o: s.OneCycleLR(o, 0.5, 20, cycle_momentum=False)),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_equal_pytorchs(name):
    t = pytest.importorskip("torch")
    ours, make = SCHEDULES[name]
    opt = t.optim.SGD([t.zeros(1)], 0.5)
    theirs = make(t.optim.lr_scheduler, opt)
    for step in range(20):
        assert np.isclose(ours(step), opt.param_groups[0]["lr"], rtol=1e-9), step
        opt.step()
        theirs.step()


def test_a_warmup_climbs_to_its_schedule():
    rate = schedules.Warmup(schedules.Cosine(1.0, 10), 4)
    assert [rate(t) for t in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert rate(14) == 0 and schedules.Warmup(0.5, 2)(9) == 0.5


def test_a_plateau_reduces_the_rate_as_pytorch_does():
    t = pytest.importorskip("torch")
    opt = t.optim.SGD([t.zeros(1)], 1.0)
    for mode, sign in (("min", 1), ("max", -1)):
        opt.param_groups[0]["lr"] = 1.0
        theirs = t.optim.lr_scheduler.ReduceLROnPlateau(opt, mode=mode, factor=0.5, patience=2, cooldown=1)
        ours = schedules.ReduceOnPlateau(1.0, q=0.5, patience=2, cooldown=1, mode=mode)
        values = np.abs(np.random.default_rng(0).normal(size=40)) + 1
        for value in values if sign > 0 else values[::-1]:
            theirs.step(value)
            ours.see(value)
            assert ours(0) == opt.param_groups[0]["lr"]
        assert ours(0) < 1


def test_schedules_drive_the_optimiser_step_by_step():
    p = {"w": cr.zeros((1,))}
    opt = optim.SGD(p, alpha=schedules.Exponential(1.0, 0.5))
    moves = []
    for _ in range(3):
        opt.update({"w": cr.tensor([-1.0])})
        moves.append(p["w"].item())
    assert moves == [1.0, 1.5, 1.75]


def test_clipping_by_norm_keeps_the_direction():
    """§5.4"""
    grads = {"a": cr.tensor([3.0, 0.0]), "b": [cr.tensor([[4.0]])]}
    clipped, norm = optim.clip_grad_norm(grads, 1.0)
    assert norm.item() == 5
    assert np.allclose(clipped["a"], [0.6, 0]) and np.allclose(clipped["b"][0], 0.8)
    same, _ = optim.clip_grad_norm(grads, 10.0)
    assert np.array_equal(same["a"], grads["a"])
    stretched, _ = optim.clip_grad_norm(grads, 10.0, always=True)
    assert np.allclose(stretched["a"], [6, 0])
    for norm, length in [(1, 7.0), (3, 91 ** (1 / 3)), (float("inf"), 4.0)]:
        assert np.isclose(optim.grad_norm(grads, norm).item(), length)
    assert optim.clip_grad_norm({"a": cr.zeros((2,))}, 1.0)[0]["a"].tolist() == [0, 0]


def test_clipping_by_value_may_turn_the_gradient():
    """§5.4: (3, 0.5) with c = 1"""
    clipped, norm = optim.clip_grad_value({"g": cr.tensor([3.0, 0.5, -2.0])}, 1.0)
    assert clipped["g"].tolist() == [1.0, 0.5, -1.0]
    assert np.isclose(norm.item(), np.sqrt(13.25))
    with pytest.raises(ValueError, match="clip_grad_norm: c must be a finite number >= 0, got -1"):
        optim.clip_grad_norm({}, -1)
