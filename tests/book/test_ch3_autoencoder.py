"""§3.5: autoencoders, the linear one and PCA, denoising, interpolation."""
import chainrule as cr
import numpy as np
import pytest
from chainrule import numeric
from chainrule.models import PCA, Autoencoder, KMeans, interpolate
from chainrule.nn import GaussianNoise, Masking, SaltAndPepper, noise
from scipy import stats

book = pytest.mark.book
RNG = np.random.default_rng(3)


def normal(*shape):
    return cr.tensor(RNG.normal(size=shape))


def double(*sizes, seed=0, **options):
    return Autoencoder(*sizes, rng=cr.Rng(seed), **options).to(dtype=cr.float64)


def sigma(u):
    return 1 / (1 + np.exp(-u))


def centred(n, p):
    """Correlated rows with mean 0."""
    x = RNG.normal(size=(n, p)) @ RNG.normal(size=(p, p))
    return cr.tensor(x - x.mean(0))


def mean_square(e):
    """(1/n) Σ ‖e⁽ⁱ⁾‖², by NumPy."""
    e = np.asarray(e)
    return (e * e).sum() / len(e)


# ---- architecture and loss
@book("3.5-autoencoder", "3.5-composition")
@pytest.mark.parametrize("sizes", [(8, 3), (8, 12), (8, 5, 3), (8, 1)])
def test_an_autoencoder_is_its_encoder_then_its_decoder(sizes):
    net, x = double(*sizes), normal(4, 8)
    code = net.encode(x)
    assert code.shape == (4, sizes[-1]) and net(x).shape == (4, 8)
    np.testing.assert_array_equal(net.decode(code).numpy(), net(x).numpy())
    np.testing.assert_array_equal(net.reconstruct(x).numpy(), net(x).numpy())
    assert [layer.weight.shape for layer in net.encoder.layers] == [
        layer.weight.shape[::-1] for layer in reversed(net.decoder.layers)]


@book("3.5-ae-loss")
def test_reconstruction_loss_adds_squares_over_coordinates_and_averages_over_samples():
    x, x_hat = normal(6, 2, 4), normal(6, 2, 4)
    want = ((x.numpy() - x_hat.numpy()) ** 2).sum((1, 2))
    np.testing.assert_allclose(cr.losses.reconstruction(x_hat, x, reduction="none").numpy(), want, rtol=1e-13)
    assert cr.losses.reconstruction(x_hat, x).item() == pytest.approx(want.mean(), abs=1e-12)
    assert cr.losses.reconstruction(x_hat, x).item() == pytest.approx(8 * cr.losses.mse(x_hat, x).item())
    with pytest.raises(cr.ShapeError, match=r"reconstruction: x_hat \(6, 2\) and x \(6, 3\) need the same"):
        cr.losses.reconstruction(normal(6, 2), normal(6, 3))


@book("3.5-single-layer-ae", "3.5-elementwise-activation")
@pytest.mark.parametrize("name, S", [("sigmoid", sigma), ("identity", lambda u: u), ("tanh", np.tanh)])
def test_a_single_layer_autoencoder_is_the_books_sums_coordinate_by_coordinate(name, S):
    net, x = double(5, 2, code=name, output=name), RNG.normal(size=5)
    net.encoder.layers[0].bias, net.decoder.layers[0].bias = normal(2), normal(5)
    (W1, b1), (W2, b2) = [(half.layers[0].weight.numpy(), half.layers[0].bias.numpy())
                          for half in (net.encoder, net.decoder)]
    assert W1.shape == (2, 5) and b1.shape == (2,) and W2.shape == (5, 2) and b2.shape == (5,)
    code = [S(b1[i] + sum(W1[i, k] * x[k] for k in range(5))) for i in range(2)]
    x_hat = [S(b2[j] + sum(W2[j, k] * code[k] for k in range(2))) for j in range(5)]
    np.testing.assert_allclose(net.encode(cr.tensor(x)).numpy(), code, rtol=1e-13)
    np.testing.assert_allclose(net(cr.tensor(x)).numpy(), x_hat, rtol=1e-13)


@book("3.5-single-layer-ae")
def test_parameters_are_2pm_plus_p_plus_m_and_gradients_are_right():
    for p, m, count in [(784, 30, 47_854), (784, 2, 3_922)]:
        assert Autoencoder(p, m, rng=cr.Rng(0)).parameter_count() == 2 * p * m + p + m == count
    net, x = double(4, 2), normal(3, 4)
    names = list(net.named_parameters())

    def loss(*parameters):
        for name, value in zip(names, parameters, strict=True):
            half, _, _, attribute = name.split(".")
            setattr(getattr(net, half).layers[0], attribute, value)
        return cr.losses.reconstruction(net(x), x)
    start = [p.copy() for p in net.named_parameters().values()]
    for i in range(len(names)):
        assert numeric.check_gradient(lambda t, i=i: loss(*start[:i], t, *start[i + 1:]), start[i]), names[i]


def test_bad_sizes_are_named():
    with pytest.raises(ValueError, match=r"Autoencoder: sizes \(4,\) needs at least two"):
        Autoencoder(4, rng=cr.Rng(0))
    with pytest.raises(ValueError, match=r"Autoencoder: sizes\[1\] must be a positive integer, got 0"):
        Autoencoder(4, 0, rng=cr.Rng(0))
    with pytest.raises(ValueError, match="Autoencoder: activation 'sine' is unknown"):
        Autoencoder(4, 2, code="sine", rng=cr.Rng(0))
    with pytest.raises(cr.ShapeError, match=r"Linear: x \(3, 5\) needs x.shape\[-1\] == n_in 4"):
        Autoencoder(4, 2, rng=cr.Rng(0))(normal(3, 5).astype(cr.float32))


def test_an_autoencoder_of_two_convolutional_halves():
    rng = cr.Rng(0)
    net = Autoencoder.of(cr.nn.Conv2d(1, 4, 2, stride=2, rng=rng),
                         cr.nn.ConvTranspose2d(4, 1, 2, stride=2, rng=rng))
    x = cr.normal((3, 1, 8, 8), rng=rng)
    assert net.encode(x).shape == (3, 4, 4, 4) and net(x).shape == x.shape
    assert sorted(net.named_parameters())[0] == "decoder.bias"


# ---- the linear autoencoder and PCA
@book("3.5-linear-ae")
def test_a_linear_autoencoder_is_one_affine_map():
    net, x = double(6, 3, code="identity", output="identity"), normal(5, 6)
    net.encoder.layers[0].bias, net.decoder.layers[0].bias = normal(3), normal(6)
    (W1, b1), (W2, b2) = [(half.layers[0].weight.numpy(), half.layers[0].bias.numpy())
                          for half in (net.encoder, net.decoder)]
    np.testing.assert_allclose(net(x).numpy(), x.numpy() @ (W2 @ W1).T + W2 @ b1 + b2, rtol=1e-12)


@book("3.5-qr-projection")
def test_q_of_the_decoders_weight_spans_the_same_projection():
    W = normal(7, 3)
    V = cr.linalg.qr(W).Q
    np.testing.assert_allclose((V.T @ V).numpy(), np.eye(3), atol=1e-12)
    w = W.numpy()
    np.testing.assert_allclose((V @ V.T).numpy(), w @ np.linalg.inv(w.T @ w) @ w.T, atol=1e-10)


@book("3.5-orthonormal-problem")
def test_no_random_orthonormal_matrix_reconstructs_better_than_pca():
    x = centred(60, 6)
    net = Autoencoder.pca(x, 2)
    W1, W2 = net.encoder.layers[0].weight.numpy(), net.decoder.layers[0].weight.numpy()
    np.testing.assert_array_equal(W1, W2.T)
    np.testing.assert_allclose(W2.T @ W2, np.eye(2), atol=1e-12)
    V = cr.linalg.qr(normal(1000, 6, 2)).Q                                   # 1000 candidates
    errors = mean_square_of_projections(x, V)
    best = mean_square_of_projections(x, cr.asarray(W2[None]))[0]
    assert best == pytest.approx(cr.losses.reconstruction(net(x), x).item(), rel=1e-12)
    assert errors.shape == (1000,) and best <= errors.min()


def mean_square_of_projections(x, V):
    """(1/n) Σ ‖x - V Vᵀ x‖² for each V, (3.43)."""
    return cr.mean(cr.sum((x - (x @ V) @ V.mT) ** 2, axis=-1), axis=-1).numpy()


@book("3.5-pca-codec")
@pytest.mark.parametrize("m", [1, 3, 6])
def test_pca_encodes_by_singular_vectors_and_loses_the_tail_of_singular_values(m):
    x = cr.tensor(centred(40, 6).numpy() + RNG.normal(size=6))
    mean = x.numpy().mean(0)
    _, delta, Vt = np.linalg.svd(x.numpy() - mean, full_matrices=False)
    net, codec = Autoencoder.pca(x, m), PCA(m).fit(x)
    np.testing.assert_allclose(codec.transform(x).numpy(), net.encode(x).numpy(), atol=1e-10)
    back = codec.inverse_transform(codec.transform(x))
    np.testing.assert_allclose(back.numpy(), net(x).numpy(), atol=1e-10)
    code = (x.numpy() - mean) @ Vt[:m].T
    np.testing.assert_allclose(np.abs(net.encode(x).numpy()), np.abs(code), atol=1e-10)   # signs are free
    np.testing.assert_allclose(net(x).numpy(), mean + code @ Vt[:m], atol=1e-10)
    assert mean_square((net(x) - x).numpy()) == pytest.approx((delta[m:] ** 2).sum() / 40, abs=1e-8)


@book("3.5-eckart-young")
def test_the_reconstruction_of_pca_is_the_best_matrix_of_its_rank():
    x = centred(30, 5)
    U, S, Vt = np.linalg.svd(x.numpy(), full_matrices=False)
    for m in range(1, 5):
        x_hat = Autoencoder.pca(x, m)(x).numpy()
        assert np.linalg.matrix_rank(x_hat, tol=1e-8) == m
        np.testing.assert_allclose(x_hat, (U[:, :m] * S[:m]) @ Vt[:m], atol=1e-10)
        for _ in range(50):                                # the best of another random row space
            basis = np.linalg.qr(RNG.normal(size=(5, m)))[0]
            assert mean_square(x_hat - x.numpy()) <= mean_square(x.numpy() - x.numpy() @ basis @ basis.T)


@book("3.5-pca-codec")
def test_a_linear_autoencoder_trained_by_gradients_reaches_the_error_of_pca():
    x = centred(200, 5)
    net = double(5, 2, code="identity", output="identity", bias=False)
    rng = cr.Rng(1)
    cr.train.fit(net, cr.data.Dataset(x, x), optimizer=cr.optim.Adam(net, alpha=0.02), epochs=150, rng=rng,
                 loss=cr.losses.reconstruction, batch_size=50, progress=False)
    delta = np.linalg.svd(x.numpy(), compute_uv=False)
    best = (delta[2:] ** 2).sum() / 200
    assert best <= mean_square((net(x) - x).numpy()) * (1 + 1e-12) <= 1.01 * best


def test_pca_names_what_it_cannot_do():
    with pytest.raises(ValueError, match="PCA: n_components=4 needs to be at most min"):
        Autoencoder.pca(normal(3, 5), 4)
    with pytest.raises(ValueError, match="PCA: X holds NaN or inf, first in row 0"):
        Autoencoder.pca(cr.tensor([[1.0, np.nan], [0.0, 1.0]]), 1)


# ---- corruptions
@book("3.5-corruptions")
def test_masking_sets_exactly_a_fraction_of_each_sample_to_0():
    x = cr.uniform((50, 1, 10, 10), 0.5, 1.0, rng=cr.Rng(0))
    got = noise.masking(x, 0.3, rng=cr.Rng(1)).numpy()
    hit = got == 0
    assert (hit.reshape(50, 100).sum(1) == 30).all()
    np.testing.assert_array_equal(got[~hit], x.numpy()[~hit])
    places = hit.reshape(50, 100).sum(0)                                      # every place equally often
    assert stats.chisquare(places).pvalue > 1e-3
    np.testing.assert_array_equal(got, noise.masking(x, 0.3, rng=cr.Rng(1)).numpy())
    assert (got != noise.masking(x, 0.3, rng=cr.Rng(2)).numpy()).any()


@book("3.5-corruptions")
def test_gaussian_noise_has_its_deviation():
    x = normal(100, 50)
    e = (noise.gaussian(x, 0.2, rng=cr.Rng(1)) - x).numpy().ravel()
    assert stats.kstest(e, stats.norm(0, 0.2).cdf).pvalue > 1e-3
    np.testing.assert_array_equal(e, (noise.gaussian(x, 0.2, rng=cr.Rng(1)) - x).numpy().ravel())


@book("3.5-corruptions")
def test_salt_and_pepper_sets_a_fraction_to_the_least_or_greatest_value_each_half_the_time():
    x = cr.uniform((200, 50), 0.1, 0.9, rng=cr.Rng(0))
    got = noise.salt_and_pepper(x, 0.2, rng=cr.Rng(1), low=0.0, high=1.0).numpy()
    salt, pepper = got == 1, got == 0
    assert ((salt | pepper).sum(1) == 10).all()
    np.testing.assert_array_equal(got[~(salt | pepper)], x.numpy()[~(salt | pepper)])
    assert stats.binomtest(int(salt.sum()), 2000).pvalue > 1e-3
    own = noise.salt_and_pepper(x, 0.2, rng=cr.Rng(1)).numpy()
    for row, clean, s, p in zip(own, x.numpy(), salt, pepper, strict=True):
        assert (row[s] == clean.max()).all() and (row[p] == clean.min()).all()


@book("3.5-corruptions")
@pytest.mark.parametrize("layer", [Masking(0.4, rng=cr.Rng(0)), GaussianNoise(0.4, rng=cr.Rng(0)),
                                   SaltAndPepper(0.4, rng=cr.Rng(0))])
def test_corruptions_act_in_training_only(layer):
    x = normal(5, 10)
    assert (layer(x).numpy() != x.numpy()).any()
    np.testing.assert_array_equal(layer.eval()(x).numpy(), x.numpy())
    assert layer.train()(cr.zeros((0, 4))).shape == (0, 4) and layer(cr.zeros((4, 0))).shape == (4, 0)


def test_corruptions_name_what_they_cannot_do():
    with pytest.raises(ValueError, match=r"Masking: fraction must lie in \[0, 1\], got 2"):
        Masking(2, rng=cr.Rng(0))
    with pytest.raises(cr.ShapeError, match=r"masking: x \(4,\) needs one row a sample"):
        noise.masking(cr.zeros((4,)), 0.5, rng=cr.Rng(0))
    with pytest.raises(ValueError, match="GaussianNoise: std must be a finite number >= 0, got -1"):
        GaussianNoise(-1, rng=cr.Rng(0))
    x = normal(3, 4)
    np.testing.assert_array_equal(noise.masking(x, 0.0, rng=cr.Rng(0)).numpy(), x.numpy())
    assert (noise.masking(x, 1.0, rng=cr.Rng(0)).numpy() == 0).all()


# ---- digits of 8 x 8
@pytest.fixture(scope="module")
def digits():
    pytest.importorskip("sklearn")
    return cr.data.digits(flat=True)


def trained_on(train, *sizes, noise=None, epochs=25, **options):
    rng = cr.Rng(0)
    net = Autoencoder(*sizes, rng=rng, noise=noise, **options)
    cr.train.fit(net, cr.data.Dataset(train.x, train.x), optimizer=cr.optim.Adam(net, alpha=3e-3), rng=rng,
                 epochs=epochs, loss=cr.losses.reconstruction, batch_size=32, metrics={}, progress=False)
    return net


@book("3.5-denoising-ae")
@pytest.mark.parametrize("layer, corrupt, size", [
    (GaussianNoise, noise.gaussian, 0.4), (Masking, noise.masking, 0.5),
    (SaltAndPepper, noise.salt_and_pepper, 0.3)])
def test_a_denoiser_removes_noise_that_a_plain_autoencoder_keeps(digits, layer, corrupt, size):
    train, test = digits
    net = trained_on(train, 64, 40, 20, noise=layer(size, rng=cr.Rng(1)))
    plain = trained_on(train, 64, 40, 20)
    clean, dirty = test.x.numpy(), corrupt(test.x, size, rng=cr.Rng(2))
    before = mean_square(dirty.numpy() - clean)
    after = mean_square(net.reconstruct(dirty).numpy() - clean)
    assert after < 0.7 * before
    assert after < mean_square(plain.reconstruct(dirty).numpy() - clean)
    # the loss compares with the clean x, and in use nothing is corrupted
    np.testing.assert_array_equal(net.reconstruct(dirty).numpy(), net.reconstruct(dirty).numpy())
    np.testing.assert_array_equal(net.eval()(dirty).numpy(), net.reconstruct(dirty).numpy())
    assert (net.train()(dirty).numpy() != net.reconstruct(dirty).numpy()).any()


@book("3.5-codes-clustering")
def test_clusters_of_codes_are_as_pure_as_those_of_pixels(digits):
    train, _ = digits
    y = train.y.numpy()

    def purity(x):
        groups = np.asarray(KMeans(10, n_init=5, seed=1).fit_predict(x))
        return sum(np.bincount(y[groups == k], minlength=10).max() for k in range(10)) / len(y)
    codes = trained_on(train, 64, 16).encode(train.x)
    pixels = purity(train.x)
    assert codes.shape == (len(train), 16)
    assert purity(codes) >= 0.95 * pixels and pixels > 5 * np.bincount(y).max() / len(y)


# ---- interpolation
@book("3.5-interp-naive")
def test_naive_interpolation_meets_its_ends():
    x, y = normal(6), normal(6)
    np.testing.assert_array_equal(interpolate(x, y, 1).numpy(), x.numpy())
    np.testing.assert_array_equal(interpolate(x, y, 0.0).numpy(), y.numpy())
    way = interpolate(x, y, [0.0, 0.25, 1.0]).numpy()
    np.testing.assert_allclose(way[1], 0.25 * x.numpy() + 0.75 * y.numpy(), rtol=1e-14)
    assert way.shape == (3, 6)


@book("3.5-interp-latent")
def test_latent_interpolation_mixes_codes():
    net, x, y = double(6, 4, 2), normal(3, 6), normal(3, 6)
    np.testing.assert_allclose(net.interpolate(x, y, 1.0).numpy(), net(x).numpy(), rtol=1e-13)
    np.testing.assert_allclose(net.interpolate(x, y, 0.0).numpy(), net(y).numpy(), rtol=1e-13)
    mixed = net.decode(0.3 * net.encode(x) + 0.7 * net.encode(y))
    np.testing.assert_allclose(net.interpolate(x, y, 0.3).numpy(), mixed.numpy(), rtol=1e-13)
    affine = double(6, 2, code="identity", output="identity")
    affine.encoder.layers[0].bias, affine.decoder.layers[0].bias = normal(2), normal(6)
    np.testing.assert_allclose(affine.interpolate(x, y, 0.3).numpy(),
                               affine(interpolate(x, y, 0.3)).numpy(), atol=1e-6)
    assert np.abs((net.interpolate(x, y, 0.3) - net(interpolate(x, y, 0.3))).numpy()).max() > 1e-3


def test_interpolation_names_what_it_cannot_do():
    with pytest.raises(ValueError, match=r"interpolate: weight must be a number in \[0, 1\]"):
        interpolate(normal(2), normal(2), 1.5)
    with pytest.raises(ValueError, match="interpolate: weight must be"):
        interpolate(normal(2), normal(2), float("nan"))
    with pytest.raises(cr.ShapeError, match=r"interpolate: x \(2,\) and y \(3,\) need the same shape"):
        interpolate(normal(2), normal(3), 0.5)
