"""§1.1, §1.2, §1.5: the model as a function of its parameters, and the kinds of nets that chapter 1 names."""
from math import prod

import chainrule as cr
import numpy as np
import pytest
from chainrule import models, nn, numeric

from .nets import double, gradient_error, normal, sigmoid, softmax, step_lowers

book = pytest.mark.book
RNG = np.random.default_rng(5)


def first(y):
    """The outputs of a layer that also returns its state."""
    return y[0] if isinstance(y, tuple) else y


def blobs(n, seed):
    """Three separate groups of points in the plane, with their numbers."""
    make = np.random.default_rng(seed)
    y = make.integers(0, 3, n)
    centres = np.array([[3.0, 0.0], [-2.0, 3.0], [-2.0, -3.0]])
    x = centres[y] + np.clip(0.5 * make.normal(size=(n, 2)), -1.2, 1.2)
    return cr.data.Dataset(x.astype(np.float32), y, classes=("apple", "banana", "cherry"))


# ---- §1.1: y = f_θ(x)

SYSTEMS = {                                              # model, input, parameters counted by hand
    "linear": (lambda rng: nn.Linear(5, 1, rng=rng), (7, 5), 5 + 1),
    "dense": (lambda rng: nn.MLP(5, 4, 3, rng=rng), (7, 5), (5 * 4 + 4) + (4 * 3 + 3)),
    "conv": (lambda rng: nn.Conv2d(3, 6, 5, rng=rng), (2, 3, 8, 8), 6 * 3 * 5 * 5 + 6),
    "recurrent": (lambda rng: nn.RNN(3, 4, rng=rng), (5, 2, 3), 4 * 4 + 4 * 3 + 2 * 4),
    "lstm": (lambda rng: nn.LSTM(3, 4, rng=rng), (5, 2, 3), 4 * (4 * 4 + 4 * 3 + 2 * 4)),
    "gru": (lambda rng: nn.GRU(3, 4, rng=rng), (5, 2, 3), 3 * (4 * 4 + 4 * 3 + 2 * 4)),
    "attention": (lambda rng: nn.MultiHeadAttention(6, 2, rng=rng), (2, 5, 6), 4 * (6 * 6 + 6)),
}


@book("1.1-model-function")
@pytest.mark.parametrize("kind", SYSTEMS)
def test_a_model_is_a_function_of_one_vector_of_parameters(kind):
    build, shape, count = SYSTEMS[kind]
    model, x = build(cr.Rng(0)), cr.normal(shape, rng=cr.Rng(1))
    theta = model.vector()
    assert model.parameter_count() == count == theta.size
    assert sum(prod(p.shape) for p in model.named_parameters().values()) == count
    there = model.at(theta)
    np.testing.assert_array_equal(there.vector().numpy(), theta.numpy())
    for name, p in model.named_parameters().items():
        np.testing.assert_array_equal(there.named_parameters()[name].numpy(), p.numpy())
    np.testing.assert_array_equal(first(there(x)).numpy(), first(model(x)).numpy())
    moved = model.at(theta + 1)
    assert not np.array_equal(first(moved(x)).numpy(), first(model(x)).numpy())
    assert not model.eval().training and model.train().training
    with pytest.raises(cr.ShapeError, match=rf"at: theta \({count + 1},\) needs shape \({count},\)"):
        model.at(cr.zeros((count + 1,)))


@book("1.1-model-function")
def test_the_gradient_by_the_vector_is_the_gradients_by_name_side_by_side():
    model = nn.MLP(3, 4, 1, rng=cr.Rng(0)).to(dtype=cr.float64)
    x = cr.tensor(RNG.normal(size=(5, 3)))
    flat = cr.grad(lambda theta: cr.sum(model.at(theta)(x) ** 2))(model.vector())
    named = cr.grad(lambda m: cr.sum(m(x) ** 2))(model)
    wanted = np.concatenate([g.numpy().ravel() for g in named.values()])
    np.testing.assert_allclose(flat.numpy(), wanted, 1e-12)


@book("1.1-train-predict-loop")
def test_training_lowers_the_loss_to_a_model_that_is_right_on_unseen_samples():
    train, unseen = blobs(120, seed=0), blobs(200, seed=1)
    model = nn.MLP(2, 16, 3, rng=cr.Rng(0))
    history = cr.train.fit(model, train, optimizer=cr.optim.Adam(model, alpha=1e-2), epochs=20, batch_size=20,
                           rng=cr.Rng(1), progress=False)
    smooth = np.convolve(history.column("train_loss"), np.ones(3) / 3, "valid")
    assert (np.diff(smooth) < 0).all() and smooth[-1] < 0.1 * smooth[0]
    before = model.vector().numpy().copy()
    predicted = model.eval()(unseen.x).numpy().argmax(1)
    assert (predicted == unseen.y.numpy()).mean() == 1.0 == cr.accuracy(model, unseen)
    np.testing.assert_array_equal(model.vector().numpy(), before)


@book("1.1-classify-argmax")
def test_the_predicted_label_is_the_one_of_the_largest_probability():
    data = blobs(90, seed=2)
    model = models.VGG(11, 3, widths=(2, 2, 2, 2, 2), hidden=4, size=32, rng=cr.Rng(0)).eval()
    a = model.probabilities(cr.normal((6, 3, 32, 32), rng=cr.Rng(1)))
    assert a.dtype == cr.float32 and (a.numpy() >= 0).all()
    np.testing.assert_allclose(a.numpy().sum(1), 1, atol=1e-6)
    fruit = cr.tensor([0.1, 0.85, 0.05])
    assert data.classes[cr.argmax(fruit).item()] == "banana"
    assert [data.classes.index(data.classes[i]) for i in range(3)] == [0, 1, 2]
    names = np.array(data.classes)[data.y.numpy()]
    fitted = models.MultinomialRegression(l2=1e-2).fit(data.x.numpy(), names)
    chances = fitted.predict_proba(data.x.numpy())
    np.testing.assert_allclose(chances.sum(1), 1, atol=1e-6)
    np.testing.assert_array_equal(fitted.predict(data.x.numpy()), fitted.classes_[chances.argmax(1)])
    np.testing.assert_array_equal(fitted.predict(data.x.numpy()), names)


# ---- §1.2: feedforward nets

@book("1.2-ffn")
def test_a_net_of_one_layer_is_the_linear_logistic_and_softmax_model():
    X = RNG.normal(size=(60, 4))
    y = X @ np.array([1.0, -1.0, 2.0, 0.5]) + 0.3 * RNG.normal(size=60)
    noisy = y + RNG.normal(size=60)
    one, three = double(nn.MLP(4, 1, rng=cr.Rng(0))), double(nn.MLP(4, 3, rng=cr.Rng(0)))

    def with_weights(net, W, b):
        layer, = net.layers
        layer.weight[...], layer.bias[...] = cr.asarray(np.atleast_2d(W)), cr.asarray(np.atleast_1d(b))
        return net(cr.asarray(X))

    linear = models.LinearRegression().fit(X, y)
    z = with_weights(one, linear.coef_, linear.intercept_)[:, 0]
    np.testing.assert_allclose(z.numpy(), linear.predict(X), atol=1e-6)
    logistic = models.LogisticRegression().fit(X, noisy > 0)
    a = cr.sigmoid(with_weights(one, logistic.coef_, logistic.intercept_)[:, 0])
    np.testing.assert_allclose(a.numpy(), logistic.predict_proba(X)[:, 1], atol=1e-6)
    multinomial = models.MultinomialRegression(l2=0.1).fit(X, np.digitize(noisy, [-1.0, 1.0]))
    a = cr.softmax(with_weights(three, multinomial.coef_, multinomial.intercept_))
    np.testing.assert_allclose(a.numpy(), multinomial.predict_proba(X), atol=1e-6)


@book("1.2-ffn")
@pytest.mark.parametrize("loss, target", [(cr.losses.mse, lambda n: normal(n, 3)),
                                          (cr.losses.cross_entropy, lambda n: cr.asarray(np.arange(n) % 3))])
def test_a_feedforward_net_alternates_affine_maps_and_activations_and_learns(loss, target):
    model, x, y = double(nn.MLP(5, 8, 6, 3, activation="tanh", rng=cr.Rng(0))), normal(9, 5), target(9)
    a = x.numpy()
    for layer in model.layers[:-1]:
        a = np.tanh(a @ layer.weight.numpy().T + layer.bias.numpy())
    last = model.layers[-1]
    np.testing.assert_allclose(model(x).numpy(), a @ last.weight.numpy().T + last.bias.numpy(), atol=1e-12)
    assert model(x).shape == (9, 3) and step_lowers(model, lambda model: loss(model(x), y))


@book("1.2-backprop")
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "softplus"])
def test_backpropagation_agrees_with_central_differences_in_every_parameter(activation):
    model, x = double(nn.MLP(4, 6, 5, 3, activation=activation, rng=cr.Rng(0))), normal(8, 4)
    y = cr.asarray(np.arange(8) % 3)

    def loss(theta):
        return cr.losses.cross_entropy(model.at(theta)(x), y)

    assert gradient_error(loss, model.vector()) < 1e-6
    assert numeric.check_gradient(lambda x: model(x), x)
    by_name = cr.grad(lambda model: cr.losses.cross_entropy(model(x), y))(model)
    flat = np.concatenate([by_name[name].numpy().ravel() for name in model.named_parameters()])
    np.testing.assert_array_equal(flat, cr.grad(loss)(model.vector()).numpy())


# ---- §1.2: what keeps deep nets in shape

@book("1.2-dropout-batchnorm-init")
def test_batch_norm_has_the_worked_numbers_of_both_passes_and_folds_into_its_dense_layer():
    z, upstream = cr.tensor([[1.0], [2.0], [3.0], [4.0]]), cr.tensor([[0.1], [-0.2], [0.3], [0.4]])
    norm = nn.BatchNorm1d(1)
    z, upstream, norm = z.astype(cr.float64), upstream.astype(cr.float64), double(norm)
    norm.weight[...], norm.bias[...] = 2.0, 1.0
    np.testing.assert_allclose(norm(z).numpy()[:, 0], [-1.68327084, 0.10557639, 1.89442361, 3.68327084],
                               atol=1e-7)
    grads, dz = cr.grad(lambda norm, z: cr.sum(upstream * norm(z)), argnums=(0, 1))(norm, z)
    assert grads["weight"].item() == pytest.approx(0.626096529, abs=1e-7)
    assert grads["bias"].item() == pytest.approx(0.6, abs=1e-7)
    np.testing.assert_allclose(dz.numpy()[:, 0], [0.28621255, -0.50087823, 0.14310878, 0.07155689], atol=1e-7)
    assert abs(dz.numpy().sum()) < 1e-12
    net = double(nn.Sequential(nn.Linear(4, 3, rng=cr.Rng(0)), nn.BatchNorm1d(3)))
    for _ in range(5):
        net(normal(20, 4))
    linear, norm, x = net[0], net.eval()[1], normal(6, 4)
    g = norm.weight.numpy() / np.sqrt(norm.running_var.numpy() + norm.eps)
    W, b = g[:, None] * linear.weight.numpy(), g * (linear.bias.numpy() - norm.running_mean.numpy())
    want = x.numpy() @ W.T + b + norm.bias.numpy()
    np.testing.assert_allclose(net(x).numpy(), want, atol=1e-10)
    np.testing.assert_allclose(net(x[:1]).numpy(), want[:1], atol=1e-10)


@book("1.2-dropout-batchnorm-init")
def test_dropout_keeps_the_mean_masks_both_passes_and_is_off_in_eval_mode():
    drop, x = nn.Dropout(0.4, rng=cr.Rng(0)), cr.ones((1000, 100))
    y, back = cr.vjp(drop, x, cr.ones(x.shape))
    kept = y.numpy() != 0
    assert abs(kept.mean() - 0.6) < 5 * np.sqrt(0.24 / kept.size)
    assert abs(y.numpy().mean() - 1) < 0.01
    np.testing.assert_allclose(y.numpy()[kept], 1 / 0.6, rtol=1e-6)
    np.testing.assert_array_equal(back.numpy(), y.numpy())
    np.testing.assert_array_equal(drop.eval()(x).numpy(), x.numpy())


@book("1.2-dropout-batchnorm-init")
@pytest.mark.parametrize("draw, variance", [
    (nn.init.normal, 1), (nn.init.xavier_normal, 1 / 512), (nn.init.xavier_uniform, 1 / 512),
    (nn.init.he_normal, 2 / 512), (nn.init.he_uniform, 2 / 512), (nn.init.glorot_normal, 2 / 1024)],
    ids=lambda p: getattr(p, "__name__", ""))
def test_weights_start_with_the_variance_of_the_book(draw, variance):
    W = draw((512, 512), rng=cr.Rng(0)).numpy()
    assert abs(W.mean()) < 5 * np.sqrt(variance / W.size)
    assert W.var() == pytest.approx(variance, rel=0.02)
    np.testing.assert_array_equal(draw((512, 512), rng=cr.Rng(0)).numpy(), W)


@book("1.2-dropout-batchnorm-init")
def test_twenty_relu_layers_keep_the_size_of_their_input():
    rng, a, sizes = cr.Rng(0), cr.normal((200, 256), rng=cr.Rng(1)), []
    for _ in range(20):
        a = cr.relu(nn.Linear(256, 256, rng=rng)(a))
        sizes.append(cr.mean(a * a).item())
    assert 0.3 < sizes[-1] / sizes[0] < 3


@book("1.2-dropout-batchnorm-init")
def test_a_deep_net_with_all_three_learns():
    rng = cr.Rng(0)
    layers = [layer for _ in range(4) for layer in
              (nn.Linear(8, 8, rng=rng), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.1, rng=rng))]
    model, x = nn.Sequential(*layers, nn.Linear(8, 1, rng=rng)), cr.normal((64, 8), rng=rng)
    y = x[:, :1] * x[:, 1:2]
    data = cr.data.Dataset(x, y)
    start = cr.train.evaluate(model, data, loss=cr.losses.mse)["loss"]
    cr.train.fit(model, data, optimizer=cr.optim.Adam(model, alpha=1e-2), epochs=30, batch_size=16, rng=rng,
                 loss=cr.losses.mse, progress=False)
    assert cr.train.evaluate(model, data, loss=cr.losses.mse)["loss"] < 0.5 * start


# ---- §1.2: inner activations

@book("1.2-feature-extraction")
def test_the_activation_of_an_inner_layer_is_the_output_of_the_truncated_net():
    model = nn.Sequential(nn.Conv2d(1, 3, 3, rng=cr.Rng(0)), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                          nn.Linear(27, 4, rng=cr.Rng(1)))
    x = cr.normal((5, 1, 8, 8), rng=cr.Rng(2))
    found = nn.activations(model, [str(i) for i in range(5)], x)
    for i in range(5):
        np.testing.assert_array_equal(found[str(i)].numpy(), model[:i + 1](x).numpy())
    np.testing.assert_array_equal(nn.activations(model, "2", x).numpy(), found["2"].numpy())
    net, points = nn.MLP(2, 6, 5, 3, rng=cr.Rng(3)), cr.normal((4, 2), rng=cr.Rng(4))
    np.testing.assert_array_equal(nn.activations(net, "layers.2", points).numpy(), net(points).numpy())
    with pytest.raises(ValueError, match="activations: no module 'trunk'"):
        nn.activations(model, "trunk", x)


@book("1.2-feature-extraction")
def test_features_of_a_trained_net_serve_another_model_that_fails_on_the_inputs():
    x = RNG.uniform(-1, 1, (400, 2)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)                     # no line separates these
    net = nn.Sequential(nn.Linear(2, 16, rng=cr.Rng(0)), nn.Tanh(), nn.Linear(16, 2, rng=cr.Rng(1)))
    cr.train.fit(net, cr.data.Dataset(x[:300], y[:300]), optimizer=cr.optim.Adam(net, alpha=3e-2), epochs=25,
                 batch_size=30, rng=cr.Rng(2), progress=False)
    features = nn.activations(net, "1", cr.asarray(x)).numpy()
    shares = [models.LogisticRegression(l2=1e-2).fit(X[:300], y[:300]).score(X[300:], y[300:])
              for X in (x, features)]
    assert shares[0] < 0.75 and shares[1] > 0.9


@book("1.2-autoencoder")
def test_a_linear_autoencoder_learns_the_error_of_pca_and_a_deep_one_goes_below_it_on_a_curve():
    t = np.linspace(-1, 1, 150)
    x = np.c_[t, t ** 2, np.sin(3 * t)]
    x = cr.asarray(x - x.mean(0))
    fitted = models.PCA(1).fit(x.numpy())
    error_of_pca = ((fitted.inverse_transform(fitted.transform(x.numpy())) - x.numpy()) ** 2).sum(1).mean()

    def trained(steps, alpha, *sizes, **options):
        net = double(models.Autoencoder(*sizes, rng=cr.Rng(0), output="identity", **options))
        step = cr.value_and_grad(lambda net: cr.losses.reconstruction(net(x), x))
        adam = cr.optim.Adam(net, alpha=cr.optim.schedules.Cosine(alpha, steps))
        start = step(net)[0].item()
        for _ in range(steps):
            adam.update(step(net)[1])
        return start, cr.losses.reconstruction(net(x), x).item()

    start, linear = trained(600, 3e-2, 3, 1, code="identity")
    assert error_of_pca * (1 - 1e-9) <= linear < 1.01 * error_of_pca < start
    start, deep = trained(600, 1e-2, 3, 16, 1, hidden="tanh", code="identity")
    assert deep < 0.5 * error_of_pca


# ---- §1.2: convolutions

@book("1.2-cnn")
def test_a_convolution_that_goes_round_the_edge_commutes_with_shifts():
    conv, x = double(nn.Conv2d(2, 4, 3, rng=cr.Rng(0))), normal(1, 2, 9, 7)

    def around(x):
        return cr.relu(conv(cr.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)], mode="circular")))

    for shift in [(1, 0), (0, 3), (-4, 2)]:
        moved = cr.roll(around(x), shift, axis=(2, 3))
        assert moved.shape == (1, 4, 9, 7)
        np.testing.assert_allclose(around(cr.roll(x, shift, axis=(2, 3))).numpy(), moved.numpy(), atol=1e-6)


@book("1.2-cnn")
def test_a_convolutional_net_has_far_fewer_parameters_than_a_dense_one_and_learns():
    conv = nn.Conv2d(3, 8, 3, padding=1, rng=cr.Rng(0))
    x = cr.normal((6, 3, 16, 16), rng=cr.Rng(1))
    dense = (3 * 16 * 16 + 1) * prod(conv(x).shape[1:])
    assert conv.parameter_count() == 8 * 3 * 9 + 8 and conv.parameter_count() < 1e-3 * dense
    model, y = models.LeNet(4, channels=3, size=16, width=4, rng=cr.Rng(0)), cr.asarray(np.arange(6) % 4)
    assert model(x).shape == (6, 4)
    assert step_lowers(model, lambda model: cr.losses.cross_entropy(model(x), y))


# ---- §1.5

@book("1.5-layer")
@pytest.mark.parametrize("name, S", [("sigmoid", sigmoid), ("tanh", np.tanh), ("softmax", softmax)])
def test_a_dense_layer_is_an_affine_map_and_an_activation_of_each_sample(name, S):
    linear, x = nn.Linear(7, 4, rng=cr.Rng(0)), cr.normal((9, 7), rng=cr.Rng(1))
    linear.bias[...] = cr.normal((4,), rng=cr.Rng(2))
    layer = nn.Sequential(linear, getattr(cr, name))
    W, b = linear.weight.numpy().astype(float), linear.bias.numpy().astype(float)
    a = layer(x).numpy()
    np.testing.assert_allclose(a, S(x.numpy().astype(float) @ W.T + b), atol=1e-6)
    columns = np.stack([S(W @ column + b) for column in x.numpy().astype(float)])
    np.testing.assert_allclose(a, columns, atol=1e-6)
    np.testing.assert_allclose(a, np.stack([layer(column).numpy() for column in x]), atol=1e-6)
    assert layer.parameter_count() == 4 * (7 + 1)


@book("1.5-composition")
def test_a_deep_net_is_the_composition_of_its_layers():
    sizes = (5, 8, 6, 7, 3)
    layers = [nn.Sequential(nn.Linear(m, n, rng=cr.Rng(n)), nn.Tanh())
              for m, n in zip(sizes, sizes[1:], strict=False)]
    f, x = nn.Sequential(*layers), cr.normal((4, 5), rng=cr.Rng(0))
    f1, f2, f3, f4 = layers
    np.testing.assert_array_equal(f(x).numpy(), f4(f3(f2(f1(x)))).numpy())
    assert f.parameter_count() == sum(layer.parameter_count() for layer in layers)
    assert f.parameter_count() == sum(n * (m + 1) for m, n in zip(sizes, sizes[1:], strict=False))
    np.testing.assert_array_equal(f.vector().numpy(),
                                  np.concatenate([layer.vector().numpy() for layer in layers]))


@book("1.5-loss-optimisation")
def test_training_is_an_iterative_descent_of_the_loss_over_theta():
    X = RNG.normal(size=(50, 3))
    y = X @ np.array([1.0, -2.0, 0.5]) + 0.3 + 0.1 * RNG.normal(size=50)
    model, x, target = double(nn.Linear(3, 1, rng=cr.Rng(0))), cr.asarray(X), cr.asarray(y[:, None])
    A = np.c_[X, np.ones(50)]
    alpha = 50 / np.linalg.norm(A, 2) ** 2 / 2                                    # 1 / L of this loss
    theta, losses = model.vector().numpy().copy(), []
    step = cr.value_and_grad(lambda model: cr.losses.mse(model(x), target))
    sgd = cr.optim.SGD(model, alpha=alpha)
    for _ in range(300):
        value, grads = step(model)
        sgd.update(grads)
        losses.append(value.item())
        theta = theta - alpha * 2 / 50 * A.T @ (A @ theta - y)
    assert (np.diff(losses) <= 1e-15).all()
    np.testing.assert_allclose(model.vector().numpy(), theta, atol=1e-10)
    np.testing.assert_allclose(model.vector().numpy(), np.linalg.lstsq(A, y, rcond=None)[0], atol=1e-6)
    found = cr.optim.minimize(lambda theta: cr.losses.mse(model.at(theta)(x), target),
                              cr.zeros((4,), dtype=cr.float64), method="l-bfgs")
    np.testing.assert_allclose(found.x.numpy(), theta, atol=1e-5)
