"""Transforms: the two modes, their nesting, trees, long chains, and the book's tables of them."""
import math
import threading

import chainrule as cr
import numpy as np
import pytest


def t(*values):
    return cr.tensor(np.array(values[0] if len(values) == 1 else values, "float64"))


def close(a, b, tolerance=1e-10):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


# ---- the book's example, (4.27), in the order of its Figure 4.7
THETA = (math.pi / 6, 2.0, 5.0)
E7 = math.exp(7)


def book_function(theta1, theta2, theta3):
    """C(θ) = sin(θ1 θ2) + exp(θ2 + θ3) - 2 θ3"""
    a1 = theta1 * theta2
    a2 = theta2 + theta3
    a3 = -2 * theta3
    a4 = cr.sin(a1)
    a5 = cr.exp(a2)
    return a4 + a5 + a3                                       # the book's a6, here by two additions


def explained(capsys, **options):
    """The steps a1 ... a5 and the last one; and what was printed."""
    explanation = cr.explain(book_function, *(t(v) for v in THETA), **options)
    steps = [explanation[f"a{i}"] for i in range(1, 6)] + [explanation.steps[-1]]
    assert [s.op for s in steps] == ["multiply", "add", "multiply", "sin", "exp", "add"]
    return explanation, steps, capsys.readouterr().out


@pytest.mark.book("4.4-table4.1")
def test_explain_gives_the_books_primals(capsys):
    _, steps, printed = explained(capsys)
    close([s.primal.item() for s in steps],
          [math.pi / 3, 7, -10, math.sqrt(3) / 2, E7, math.sqrt(3) / 2 + E7 - 10])
    close(steps[-1].primal, 1087.499183832243)
    assert [s.level for s in steps] == [1, 1, 1, 2, 2, 4]        # a6 by two additions: 3 and 4
    for number in ("1.047197551", "7", "-10", "0.8660254038", "1096.633158", "1087.499184"):
        assert number in printed.split()


def test_explain_takes_plain_numbers_and_prints_level_by_level(capsys):
    cr.explain(lambda x, y: cr.sin(x) + y * (x * y), 0.5, 3.0, along=1)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[0] for row in rows] == ["0", "0", "1", "1", "2", "3"]
    assert [float(v) for v in rows[-1][-3:]] == pytest.approx([math.sin(0.5) + 4.5, 3, 1])


@pytest.mark.book("4.4-table4.2")
def test_explain_gives_the_books_tangents(capsys):
    _, steps, printed = explained(capsys, along=1)
    close([s.tangent.item() for s in steps], [math.pi / 6, 1, 0, math.pi / 12, E7, math.pi / 12 + E7])
    close(steps[-1].tangent, 1096.8949578162576)
    assert "1096.894958" in printed.split()


@pytest.mark.book("4.4-table4.3")
def test_explain_gives_the_books_adjoints(capsys):
    explanation, steps, printed = explained(capsys)
    close([s.adjoint.item() for s in steps], [0.5, E7, 1, 1, 1, 1])
    gradient = [explanation[f"x{i}"].adjoint.item() for i in (1, 2, 3)]
    close(gradient, [1, math.pi / 12 + E7, E7 - 2])
    close(gradient, [1, 1096.8949578162576, 1094.6331584284585])
    close([g.item() for g in cr.grad(book_function, argnums=(0, 1, 2))(*(t(v) for v in THETA))], gradient)


# ---- all transforms on one function
def g(x):
    """The book's (θ1 - 7 θ2 + 5 θ3, θ2 θ3)."""
    return cr.stack([x[0] - 7 * x[1] + 5 * x[2], x[1] * x[2]])


@pytest.mark.book("4.4-example-g")
def test_jacobian_and_both_products_of_the_books_example():
    x = t(2.5, 2.1, 1.4)
    J = np.array([[1, -7, 5], [0, 1.4, 2.1]])
    close(g(x), [-5.2, 2.94], 1e-12)
    for mode in (None, "forward", "backward"):
        close(cr.jacobian(g, mode)(x), J, 1e-12)
    close(cr.jvp(g, x, t(0, 1, 0))[1], [-7, 1.4], 1e-12)
    close(cr.vjp(g, x, t(1, 0))[1], [1, -7, 5], 1e-12)
    close(cr.vjp(g, x, t(0, 1))[1], [0, 1.4, 2.1], 1e-12)


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def test_hessian_and_its_products():
    x, v = t(0.4, -0.2), t(0.3, 0.7)
    a, b = 0.4, -0.2
    H = np.array([[2 - 400 * (b - 3 * a * a), -400 * a], [-400 * a, 200]])
    close(cr.hessian(rosenbrock)(x), H)
    close(cr.hvp(rosenbrock, x, v), H @ np.asarray(v))
    value, gradient = cr.value_and_grad(rosenbrock)(x)
    close(value, 0.6**2 + 100 * 0.36**2)
    close(gradient, [-1.2 + 400 * 0.4 * 0.36, -72])


@pytest.mark.parametrize("order", range(1, 7))
def test_any_order_by_any_mixture_of_modes(order):
    """The k-th derivative of sin and of x⁶, by grad and jvp taking turns in every way."""
    def by_grad(f):
        return cr.grad(f)

    def by_jvp(f):
        return lambda x: cr.jvp(f, x, cr.ones_like(x))[1]

    at = 0.7
    for choice in range(2**order):
        f, p = cr.sin, lambda x: x**6
        for k in range(order):
            mode = by_grad if choice >> k & 1 else by_jvp
            f, p = mode(f), mode(p)
        close(f(t(at)), math.sin(at + order * math.pi / 2), 1e-9)
        close(p(t(at)), math.perm(6, order) * at ** (6 - order), 1e-9)


def test_perturbations_are_not_confused():
    """d/dx (x · d/dy (x + y)) = 1 at any point, whichever modes are nested."""
    def by_grad(f):
        return cr.grad(f)

    def by_jvp(f):
        return lambda x: cr.jvp(f, x, cr.ones_like(x))[1]

    for outer in (by_grad, by_jvp):
        for inner in (by_grad, by_jvp):
            close(outer(lambda x: x * inner(lambda y: x + y)(t(2.0)))(t(3.0)), 1)  # noqa: B023
            close(outer(lambda x: x * inner(lambda y: x * y)(x))(t(3.0)), 6)  # noqa: B023
            close(outer(lambda x: inner(lambda y: x * y * y)(x * x))(t(2.0)), 6 * 4)  # noqa: B023


def test_the_same_tensor_may_be_two_arguments():
    x = t(3.0)
    a, b = cr.grad(lambda a, b: a * a * b, argnums=(0, 1))(x, x)
    assert (a.item(), b.item()) == (18, 9)
    assert cr.jvp(lambda a, b: a * a * b, (x, x), (t(1.0), t(0.0)))[1].item() == 18
    _, (a, b) = cr.vjp(lambda a, b: a * a * b, (x, x), t(1.0))
    assert (a.item(), b.item()) == (18, 9)
    tree = cr.grad(lambda p: p["u"] * p["u"] * p["v"])({"u": x, "v": x})
    assert set(tree) == {"u", "v"} and all(isinstance(d, cr.Tensor) for d in tree.values())


def test_functions_that_return_their_argument_or_a_constant():
    x = t(1.0, 2.0)
    close(cr.vjp(lambda x: x, x, t(3, 4))[1], [3, 4])
    close(cr.jvp(lambda x: x, x, t(3, 4))[1], [3, 4])
    close(cr.grad(lambda x: cr.sum(t(1.0, 2.0)))(x), [0, 0])
    close(cr.jvp(lambda x: t(1.0), x, t(3, 4))[1], 0)
    close(cr.grad(cr.sum)(x), [1, 1])
    y, again = cr.vjp(lambda x: (x, x), x, (t(1, 1), t(2, 2)))
    close(again, [3, 3])


def test_values_used_often_collect_all_their_adjoints():
    close(cr.grad(lambda x: cr.sum(x * x + x * x[::-1] + x))(t(1, 2, 3)), 2 * np.array([1, 2, 3]) + 2 *
          np.array([3, 2, 1]) + 1)


# ---- trees
def test_gradients_have_the_structure_of_the_argument():
    p = {"w": t([[1.0, 2.0]]), "rest": [t(3.0), (cr.tensor([1, 2]), "text", None)]}

    def f(p, scale):
        return cr.sum(p["w"] ** 2) * p["rest"][0] * scale

    d = cr.grad(f)(p, 2.0)
    close(d["w"], [[12, 24]])
    close(d["rest"][0], 10)
    assert isinstance(d["rest"], list) and isinstance(d["rest"][1], tuple) and d["rest"][1][1] == "text"
    value, aux = cr.value_and_grad(lambda p: (f(p, 1.0), {"kept": p["w"]}), has_aux=True)(p)[0]
    assert value.item() == 15 and not value.recorded and not aux["kept"].recorded


def test_pure_functions_leave_nothing_behind():
    x = t(1.0, 2.0)
    kept = []

    def f(x):
        y = x * x
        kept.append(y)
        return cr.sum(y)

    cr.grad(f)(x)
    assert not x.recorded and not (x * 2).recorded
    assert not (kept[0] * 1).recorded                         # no transform runs: nothing is recorded


def test_an_error_inside_a_transform_ends_the_recording():
    with pytest.raises(cr.ShapeError):
        cr.grad(lambda x: cr.sum(x @ cr.ones((5, 5), dtype=cr.float64)))(t(1.0, 2.0))
    assert not (t(1.0) * 2).recorded
    close(cr.grad(lambda x: x * x)(t(3.0)), 6)


def test_threads_record_each_for_itself():
    results = {}

    def work(k):
        results[k] = [cr.grad(lambda x: cr.sum(x**k))(t(2.0)).item() for _ in range(50)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {k: [k * 2.0 ** (k - 1)] * 50 for k in range(1, 6)}


# ---- long and wide graphs
def test_a_million_node_chain(python):
    """Built, differentiated both ways and freed by loops: recursion would overflow the stack."""
    out = python("""
import chainrule as cr
def f(x):
    for _ in range(1_000_000):
        x = x + 1.0
    return x
x = cr.tensor(1.0)
value, slope = cr.value_and_grad(f)(x)
assert value.item() == 1_000_001 and slope.item() == 1
assert cr.jvp(f, x, cr.tensor(2.0))[1].item() == 2
try:
    cr.grad(lambda x: f(x) + cr.ones(3))(x)           # freed without a walk
except cr.ShapeError:
    print("done")
""", timeout=300)
    assert out == "done\n"


def test_shared_subexpressions_cost_one_visit():
    """2⁶⁰ paths, 60 nodes."""
    def f(x):
        for _ in range(60):
            x = x + x
        return x
    assert cr.grad(f)(t(1.0)).item() == 2.0**60
    assert cr.jvp(f, t(1.0), t(1.0))[1].item() == 2.0**60


# ---- the other transforms
def test_vmap_is_a_loop_over_the_batch():
    x, w = t(np.arange(6.0).reshape(2, 3)), t(1.0, 2.0, 3.0)
    def f(x, w):
        return cr.sum(x * w)
    close(cr.vmap(f, in_axes=(0, None))(x, w), np.asarray(x) @ np.asarray(w))
    close(cr.vmap(cr.grad(f), in_axes=(0, None))(x, w), np.tile(np.asarray(w), (2, 1)))
    close(cr.vmap(lambda x: 2 * x, in_axes=1, out_axes=1)(x), 2 * np.asarray(x))
    close(cr.grad(lambda x: cr.sum(cr.vmap(lambda r: cr.sum(r) ** 2)(x)))(x), [[6] * 3, [24] * 3])
    with pytest.raises(cr.ShapeError, match="vmap: "):
        cr.vmap(lambda a, b: a + b)(x, w)


def test_checkpoint_changes_memory_and_nothing_else():
    calls = []

    def layer(x, w):
        calls.append(1)
        return cr.tanh(x * w)

    def loss(f):
        return lambda x, w: cr.sum(f(f(x, w), w) ** 2)

    x, w = t(0.3, -0.4), t(1.5, 0.5)
    plain = cr.grad(loss(layer), argnums=(0, 1))(x, w)
    calls.clear()
    again = cr.grad(loss(cr.checkpoint(layer)), argnums=(0, 1))(x, w)
    assert len(calls) > 2
    for a, b in zip(plain, again, strict=True):
        close(a, b, 1e-14)
    twice = [cr.hvp(lambda x: loss(f)(x, w), x, t(1.0, 2.0)) for f in (layer, cr.checkpoint(layer))]  # noqa: B023
    close(*twice, 1e-12)


def test_checkpoint_of_several_results_recomputes_once():
    calls = []

    def both(x):
        calls.append(1)
        return {"sin": cr.sin(x), "wide": cr.exp(x).astype(cr.float64), "cos": cr.cos(x)}

    def loss(f):
        def g(x):
            y = f(x)
            return cr.sum(y["sin"] * y["cos"] + y["wide"].astype(cr.float32))
        return g

    x = cr.tensor([0.3, -0.4])
    plain = cr.grad(loss(both))(x)
    calls.clear()
    close(cr.grad(loss(cr.checkpoint(both)))(x), plain, 1e-6)
    assert len(calls) == 3                                    # forward, and once for each of the two types


def test_stop_gradient_is_a_constant():
    close(cr.grad(lambda x: cr.sum(x * cr.stop_gradient(x)))(t(3.0, 4.0)), [3, 4])
    close(cr.jvp(lambda x: cr.stop_gradient(x) * 1.0, t(3.0), t(1.0))[1], 0)


def test_a_rule_of_ones_own_is_used_and_differentiated():
    cube = cr.custom_rule(lambda x: x**3, pull=lambda d, y, x: d * 10 * x, push=lambda v, y, x: v[0] * 10 * x)
    close(cube(t(2.0)), 8)
    close(cr.grad(cube)(t(2.0)), 20)
    close(cr.jvp(cube, t(2.0), t(1.0))[1], 20)
    close(cr.grad(cr.grad(cube))(t(2.0)), 10)
    one_way = cr.custom_rule(lambda x: x**3, pull=lambda d, y, x: d)
    with pytest.raises(RuntimeError, match="push"):
        cr.jvp(one_way, t(2.0), t(1.0))


def test_a_rule_may_have_several_results():
    """(r, φ) of a point: the rules of the plane's polar coordinates, against the same written in ops."""
    def plain(x, y):
        return cr.power(x * x + y * y, 0.5), cr.log(x * y)

    def pull(d, out, x, y):
        (dr, dp), (r, _) = d, out
        return dr * x / r + dp / x, dr * y / r + dp / y

    def push(v, out, x, y):
        (dx, dy), (r, _) = v, out
        return (x * dx + y * dy) / r, dx / x + dy / y

    own = cr.custom_rule(plain, pull=pull, push=push)
    x = (t(0.6, 1.5), t(0.8, 0.2))
    for f, g in ((own, plain), (lambda x, y: own(x, y)[1], lambda x, y: plain(x, y)[1])):
        v, u = (t(1.0, -2.0), t(0.3, 0.4)), tuple(t(0.7, 0.1) for _ in range(2)) if f is own else t(0.7, 0.1)
        for a, b in zip(cr.tree.leaves((cr.jvp(f, x, v), cr.vjp(f, x, u))),
                        cr.tree.leaves((cr.jvp(g, x, v), cr.vjp(g, x, u))), strict=True):
            close(a, b, 1e-14)

    def curvature(f):
        return cr.hvp(lambda x, y: cr.sum(f(x, y)[0] ** 3 * f(x, y)[1]), x, x[::-1])
    for a, b in zip(curvature(own), curvature(plain), strict=True):
        close(a, b, 1e-12)


# ---- what is refused
def test_a_rule_that_gives_the_wrong_shapes_is_named():
    f = cr.custom_rule(lambda x: (x, cr.sum(x)), pull=lambda d, y, x: d[0][:1], push=lambda v, y, x: v[0])
    with pytest.raises(cr.ShapeError, match=r"pull rule gave shapes \[\(1,\)\], the inputs have \[\(2,\)\]"):
        cr.grad(lambda x: f(x)[1])(t(1.0, 2.0))
    with pytest.raises(cr.ShapeError, match="custom_rule: the push rule gave"):
        cr.jvp(f, t(1.0, 2.0), t(1.0, 0.0))
    with pytest.raises(TypeError, match="results must be floating and of one type, got float64, int64"):
        cr.custom_rule(lambda x: (x, cr.arange(2)))(t(1.0))


@pytest.mark.parametrize("call, text", [
    (lambda x: cr.grad(lambda x: x)(x), "grad: the function must return one number"),
    (lambda x: cr.grad(lambda x: 3)(x), "grad: the function must return one number"),
    (lambda x: cr.grad(cr.sum)(cr.arange(3)), "grad: .*floating"),
    (lambda x: cr.grad(cr.sum, argnums=1)(x), "grad: argnums"),
    (lambda x: cr.jvp(cr.sum, x, t(1.0)), "jvp: v "),
    (lambda x: cr.vjp(cr.sum, x, x), "vjp: u "),
    (lambda x: cr.jacobian(cr.sum, mode="up")(x), "jacobian: mode"),
])
def test_wrong_use_is_refused_in_words(call, text):
    with pytest.raises((ValueError, TypeError), match=text):
        call(t(1.0, 2.0))
