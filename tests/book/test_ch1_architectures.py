"""Chapter 1: the model as a function of its parameters, and the parts of the architectures it names."""
import math

import chainrule as cr
import numpy as np
import pytest

nn = cr.nn


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def exact(model):
    return model.to(dtype=cr.float64)


# ---- §1.1

COUNTS = {
    "linear": (lambda r: nn.Linear(7, 3, rng=r), 3 * 7 + 3),
    "dense": (lambda r: nn.MLP(7, 5, 3, rng=r), 5 * 8 + 3 * 6),
    "conv": (lambda r: nn.Conv2d(4, 6, 3, groups=2, rng=r), 6 * 2 * 9 + 6),
    "recurrent": (lambda r: nn.RNN(3, 4, rng=r), 4 * 3 + 4 * 4 + 2 * 4),
    "lstm": (lambda r: nn.LSTM(3, 4, rng=r), 4 * (4 * 3 + 4 * 4 + 2 * 4)),
    "attention": (lambda r: nn.MultiHeadAttention(8, 2, rng=r), 4 * (8 * 8 + 8)),
    "norm": (lambda r: nn.BatchNorm2d(5), 10),
}


@pytest.mark.book("1.1-model-function")
@pytest.mark.parametrize("name", COUNTS)
def test_theta_holds_all_parameters_and_gives_the_model_back_bit_for_bit(name):
    make, count = COUNTS[name]
    model = make(cr.Rng(0))
    theta = model.vector()
    assert theta.shape == (count,) and model.parameter_count() == count
    again = model.at(theta)
    for key, p in model.named_parameters().items():
        np.testing.assert_array_equal(again.named_parameters()[key].numpy(), p.numpy())
    np.testing.assert_array_equal(again.vector().numpy(), theta.numpy())
    with pytest.raises(cr.ShapeError, match=rf"at: theta \({count + 1},\) needs shape \({count},\)"):
        model.at(cr.zeros((count + 1,)))


@pytest.mark.book("1.1-model-function")
def test_a_model_is_a_differentiable_function_of_theta():
    """∇_θ of C(f_θ(x)) through the vector is the gradient by names, side by side; eval, train switch."""
    model = exact(nn.Sequential(nn.Linear(3, 4, rng=cr.Rng(0)), nn.Tanh(), nn.Dropout(0.5, rng=cr.Rng(1)),
                                nn.Linear(4, 1, rng=cr.Rng(2))))
    model.eval()
    x = cr.tensor(draw(5, 3))
    flat = cr.grad(lambda theta: cr.sum(model.at(theta)(x) ** 2))(model.vector())
    named = cr.grad(lambda m: cr.sum(m(x) ** 2))(model)
    wanted = np.concatenate([g.numpy().ravel() for g in named.values()])
    np.testing.assert_allclose(flat.numpy(), wanted, 1e-12)
    np.testing.assert_array_equal(model(x).numpy(), model(x).numpy())
    assert (model.train()(x).numpy() != model(x).numpy()).any()      # training draws masks


def separable(n, seed):
    y = np.arange(n) % 2
    x = draw(n, 2, seed=seed) * 0.5 + 2 * (2 * y[:, None] - 1)
    return cr.tensor(x.astype(np.float32)), cr.tensor(y)


@pytest.mark.book("1.1-train-predict-loop", "1.5-loss-optimisation")
def test_training_lowers_the_loss_and_prediction_leaves_theta_alone():
    model = nn.MLP(2, 8, 2, rng=cr.Rng(0))
    train, (x, y) = cr.data.Dataset(*separable(200, 0)), separable(100, 1)
    history = cr.train.fit(model, train, optimizer=cr.optim.SGD(model, alpha=0.1), epochs=8, batch_size=20,
                           rng=cr.Rng(1), progress=False)
    losses = [row["train_loss"] for row in history.epochs]
    assert all(b < a for a, b in zip(losses, losses[1:], strict=False))
    theta = model.vector().numpy().copy()
    assert cr.accuracy(model.eval()(x), y) == 1.0
    np.testing.assert_array_equal(model.vector().numpy(), theta)


@pytest.mark.book("1.1-classify-argmax")
def test_the_label_is_the_class_of_the_largest_probability():
    names = ["apple", "banana", "cherry", "date"]
    scores = cr.tensor(np.log([[0.05, 0.85, 0.06, 0.04]]).astype(np.float32))
    y = cr.softmax(scores)
    np.testing.assert_allclose(y.numpy(), [[0.05, 0.85, 0.06, 0.04]], atol=1e-6)
    assert names[cr.argmax(y, axis=-1).item()] == "banana"
    many = cr.softmax(cr.tensor(10 * draw(500, 9).astype(np.float32)))
    assert abs(many.numpy().sum(1) - 1).max() < 1e-6 and (many.numpy() >= 0).all()
    np.testing.assert_array_equal(cr.argmax(many, axis=-1).numpy(), many.numpy().argmax(1))
    assert [names.index(names[i]) for i in range(4)] == [0, 1, 2, 3]


# ---- §1.2

@pytest.mark.book("1.2-ffn")
def test_a_net_of_one_layer_is_linear_logistic_or_multinomial_regression():
    X, net = draw(60, 3), exact(nn.MLP(3, 1, rng=cr.Rng(0)))
    noisy = X @ [1.0, -2.0, 0.5] + 0.3 + 0.8 * draw(60, seed=1)
    line = cr.models.LinearRegression().fit(X, noisy)
    logistic = cr.models.LogisticRegression(l2=0.1).fit(X, (noisy > 0).astype(int))
    layer = net.layers[0]
    for model, wanted in ((line, line.predict(X)), (logistic, np.asarray(logistic.predict_proba(X))[:, 1])):
        layer.weight[...] = cr.tensor(np.asarray(model.coef_, np.float64).reshape(1, 3))
        layer.bias[...] = cr.tensor(np.asarray(model.intercept_, np.float64).reshape(1))
        z = net(cr.tensor(X))[:, 0]
        out = z if model is line else cr.sigmoid(z)
        np.testing.assert_allclose(out.numpy(), np.asarray(wanted).ravel(), atol=1e-6)
    classes = np.digitize(noisy, [-1, 1])
    several = cr.models.MultinomialRegression(l2=0.1).fit(X, classes)
    net = exact(nn.MLP(3, 3, rng=cr.Rng(0)))
    net.layers[0].weight[...] = cr.tensor(np.asarray(several.coef_, np.float64))
    net.layers[0].bias[...] = cr.tensor(np.asarray(several.intercept_, np.float64))
    wanted = np.asarray(several.predict_proba(X))
    np.testing.assert_allclose(cr.softmax(net(cr.tensor(X))).numpy(), wanted, atol=1e-6)


@pytest.mark.book("1.2-backprop")
@pytest.mark.parametrize("S", ["tanh", "sigmoid", "relu", "gelu"])
def test_backpropagation_agrees_with_central_differences(S):
    net = exact(nn.MLP(4, 6, 5, 3, activation=S, rng=cr.Rng(0)))
    x, y = cr.tensor(draw(7, 4)), cr.tensor(np.arange(7) % 3)

    def loss(theta):
        return cr.losses.cross_entropy(net.at(theta)(x), y)

    theta = net.vector()
    g, h = cr.grad(loss)(theta).numpy(), 1e-6
    steps = h * np.eye(theta.size)
    base = theta.numpy()
    central = [(loss(cr.tensor(base + s)).item() - loss(cr.tensor(base - s)).item()) / (2 * h) for s in steps]
    assert np.linalg.norm(g - central) / np.linalg.norm(central) < 1e-6


@pytest.mark.book("1.2-dropout-batchnorm-init")
def test_dropout_keeps_the_mean_batch_norm_standardises_and_he_keeps_the_size():
    rng, x = cr.Rng(0), cr.tensor((3 + 2 * draw(4000, 6)).astype(np.float32))
    drop = nn.Dropout(0.25, rng=rng)
    kept = drop(x).numpy()
    assert abs((kept == 0).mean() - 0.25) < 4 * math.sqrt(0.25 * 0.75 / kept.size)
    np.testing.assert_allclose(kept[kept != 0], (x.numpy() / 0.75)[kept != 0], 1e-6)
    np.testing.assert_array_equal(drop.eval()(x).numpy(), x.numpy())
    z = nn.BatchNorm1d(6)(x).numpy()
    assert abs(z.mean(0)).max() < 1e-5 and abs(z.std(0) - 1).max() < 1e-3
    a = cr.tensor(draw(200, 256).astype(np.float32))
    sizes = []
    for _ in range(20):
        a = cr.relu(nn.Linear(256, 256, rng=rng)(a))
        sizes.append(float((a.numpy() ** 2).mean()))
    assert 0.3 < sizes[-1] / sizes[0] < 3                            # over 20 layers


@pytest.mark.book("1.2-feature-extraction")
def test_the_activation_of_a_layer_is_what_the_truncated_net_returns():
    rng = cr.Rng(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3, rng=rng), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5, rng=rng),
                        nn.Tanh(), nn.Linear(5, 2, rng=rng))
    x = cr.tensor(draw(3, 1, 8, 8).astype(np.float32))
    for k in range(len(net)):
        np.testing.assert_array_equal(nn.activations(net, str(k), x).numpy(), net[:k + 1](x).numpy())
    both = nn.activations(net, ["1", "4"], x)
    assert both["1"].shape == (3, 4, 6, 6) and both["4"].shape == (3, 5)
    slope = cr.grad(lambda net: cr.sum(nn.activations(net, "3", x)))(net)
    assert np.abs(slope["0.weight"].numpy()).max() > 0 and not np.abs(slope["5.weight"].numpy()).any()
    assert type(net[0]) is nn.Conv2d                                 # the model itself is not touched
    with pytest.raises(ValueError, match="activations: no module '9'"):
        nn.activations(net, "9", x)


@pytest.mark.book("1.2-feature-extraction")
def test_derived_features_feed_another_model():
    """Two rings are not separable by a line; the hidden layer of a trained net makes them so."""
    angle, y = np.random.default_rng(0).uniform(0, 2 * np.pi, 200), np.arange(200) % 2
    x = ((1 + y)[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)).astype(np.float32)
    net = nn.MLP(2, 16, 2, rng=cr.Rng(0))
    adam = cr.optim.Adam(net, alpha=2e-2)
    step = cr.value_and_grad(lambda m: cr.losses.cross_entropy(m(cr.tensor(x)), cr.tensor(y)))
    for _ in range(100):
        adam.update(step(net)[1])
    derived = net.features(cr.tensor(x))[0].numpy()
    on_inputs, on_features = (cr.models.LogisticRegression(l2=1e-2).fit(v, y) for v in (x, derived))
    assert on_features.score(derived, y) > 0.97 and on_inputs.score(x, y) < 0.75


@pytest.mark.book("1.2-autoencoder")
def test_a_linear_autoencoder_reaches_pca_and_a_deep_one_goes_below_it_on_a_curve():
    angle = np.random.default_rng(0).uniform(-1.5, 1.5, 200)
    x = np.stack([np.sin(angle), np.cos(angle)], 1)
    x -= x.mean(0)
    s = np.linalg.svd(x, compute_uv=False)
    pca = s[1] ** 2 / x.size                                         # mean square left by one direction
    left = []
    for options in ({"code": "identity", "output": "identity"},
                    {"code": "identity", "output": "identity", "hidden": "tanh"}):
        sizes = (2, 16, 1) if "hidden" in options else (2, 1)
        net = exact(cr.models.Autoencoder(*sizes, rng=cr.Rng(1), **options))
        adam = cr.optim.Adam(net, alpha=1e-2)
        step = cr.value_and_grad(lambda m: cr.losses.mse(m(cr.tensor(x)), cr.tensor(x)))
        for _ in range(800):
            value, grads = step(net)
            adam.update(grads)
        left.append(value.item())
    assert left[0] == pytest.approx(pca, rel=1e-3) and left[1] < 0.5 * pca


@pytest.mark.book("1.2-cnn")
def test_a_convolution_moves_with_its_input_and_has_few_parameters():
    conv = exact(nn.Conv2d(2, 3, 3, rng=cr.Rng(0)))

    def around(x):
        return conv(cr.concat([x[..., -1:], x, x[..., :1]], axis=-1))

    def circular(x):
        return around(cr.concat([x[..., -1:, :], x, x[..., :1, :]], axis=-2))

    x = cr.tensor(draw(1, 2, 8, 9))
    moved = circular(cr.roll(x, (3, 5), (-2, -1))).numpy()
    np.testing.assert_allclose(moved, cr.roll(circular(x), (3, 5), (-2, -1)).numpy(), atol=1e-12)
    assert conv.parameter_count() == 57 and nn.Linear(144, 216, rng=cr.Rng(0)).parameter_count() == 31_320


@pytest.mark.parametrize("kind", [
    pytest.param(k, marks=pytest.mark.book(f"1.2-{k.lower()}")) for k in ("RNN", "LSTM", "GRU")])
def test_the_folded_net_is_the_unrolled_one_and_learns(kind):
    """One step at a time with the state handed on: the outputs and gradients of the whole sequence."""
    net = exact(getattr(nn, kind)(3, 4, rng=cr.Rng(0)))
    x, u = cr.tensor(draw(6, 2, 3)), cr.tensor(draw(6, 2, 4, seed=1))

    def folded(net, x):
        return cr.sum(net(x)[0] * u)

    def unfolded(net, x):
        state, total = None, 0.0
        for t in range(6):
            y, state = net(x[t:t + 1], state)
            total = total + cr.sum(y[0] * u[t])
        return total

    a, b = (cr.value_and_grad(f, argnums=(0, 1))(net, x) for f in (folded, unfolded))
    np.testing.assert_allclose(a[0].item(), b[0].item(), 1e-10)
    np.testing.assert_allclose(a[1][1].numpy(), b[1][1].numpy(), 1e-8, 1e-12)
    for name, g in a[1][0].items():
        np.testing.assert_allclose(g.numpy(), b[1][0][name].numpy(), 1e-8, 1e-12)
    step = cr.value_and_grad(lambda m: cr.losses.mse(m(x)[0], cr.tanh(u)))
    before, grads = step(net)
    cr.optim.SGD(net, alpha=0.1).update(grads)
    assert step(net)[0].item() < before.item()


@pytest.mark.book("1.2-attention")
def test_attention_is_an_average_of_values_weighted_by_query_and_key():
    q, k, v = (draw(n, m, seed=i) for i, (n, m) in enumerate([(3, 4), (5, 4), (5, 2)]))
    score = q @ k.T / 2
    alpha = np.exp(score) / np.exp(score).sum(1, keepdims=True)
    u = cr.scaled_dot_product_attention(cr.tensor(q), cr.tensor(k), cr.tensor(v))
    np.testing.assert_allclose(u.numpy(), alpha @ v, 1e-10)
    layer = nn.MultiHeadAttention(4, 2, rng=cr.Rng(0))
    x = cr.tensor(q[None].astype(np.float32))
    step = cr.value_and_grad(lambda m: cr.losses.mse(m(x), x))
    before, grads = step(layer)
    cr.optim.SGD(layer, alpha=0.1).update(grads)
    assert layer(x).shape == (1, 3, 4) and step(layer)[0].item() < before.item()


# ---- §1.5

@pytest.mark.book("1.5-layer")
def test_a_layer_is_an_affine_map_and_an_activation():
    layer, x = exact(nn.Linear(4, 3, rng=cr.Rng(0))), draw(6, 4)
    layer.bias[...] = cr.tensor(draw(3, seed=2))
    W, b = layer.weight.numpy(), layer.bias.numpy()
    a = cr.tanh(layer(cr.tensor(x))).numpy()
    np.testing.assert_allclose(a, [np.tanh(W @ column + b) for column in x], 1e-10)
    np.testing.assert_allclose(a, [cr.tanh(layer(cr.tensor(column))).numpy() for column in x], 1e-10)
    assert layer.parameter_count() == 3 * (4 + 1)


@pytest.mark.book("1.5-composition")
def test_a_deep_net_is_the_composition_of_its_layers():
    layers = [nn.Linear(4, 8, rng=cr.Rng(0)), nn.ReLU(), nn.Linear(8, 8, rng=cr.Rng(1)), nn.Tanh(),
              nn.Linear(8, 2, rng=cr.Rng(2))]
    net, x = nn.Sequential(*layers), cr.tensor(draw(5, 4).astype(np.float32))
    f1, f2, f3, f4, f5 = layers
    np.testing.assert_array_equal(net(x).numpy(), f5(f4(f3(f2(f1(x))))).numpy())
    assert net.parameter_count() == sum(f.parameter_count() for f in layers)
