"""VAE, diffusion and GAN: their identities, what they learn on small data, and errors."""
import chainrule as cr
import numpy as np
import pytest

from .oracle import assert_close, draw

models = cr.models


def train(model, loss, steps, alpha, seed=0):
    adam = cr.optim.Adam(model, alpha=alpha)
    rng = cr.Rng(seed)
    step = cr.value_and_grad(lambda m: loss(m, rng))
    return [adam.update(grads) or value.item() for value, grads in (step(model) for _ in range(steps))]


# ---- VAE

def linear_gaussian(W, b, std):
    """x = W z + b + σ ε as a VAE whose encoder is the exact posterior; log p(x) = N(x; b, W Wᵀ + σ² I)."""
    m = W.shape[1]
    S = np.linalg.inv(np.eye(m) + W.T @ W / std**2)                # diagonal here: one number or orthogonal W
    encode = cr.nn.Linear(W.shape[0], 2 * m, rng=cr.Rng(0)).to(dtype=cr.float64)
    G = S @ W.T / std**2
    encode.weight[...] = cr.tensor(np.concatenate([G, np.zeros_like(G)]))
    encode.bias[...] = cr.tensor(np.concatenate([-G @ b, np.log(np.diag(S))]))
    decode = cr.nn.Linear(m, W.shape[0], rng=cr.Rng(0)).to(dtype=cr.float64)
    decode.weight[...], decode.bias[...] = cr.tensor(W), cr.tensor(b)
    return models.HierarchicalVAE([models.Gaussian(encode)], [models.Gaussian(decode, std)])


@pytest.mark.book("1.2-vae")
def test_the_evidence_bound_is_reached_by_the_posterior_and_only_by_it():
    """(8.17)-(8.19): the mean of the bound is log p(x) at q = p(z|x) and smaller elsewhere."""
    W, b, std = np.array([[1.0], [-0.5], [2.0]]), np.array([0.3, -1.0, 0.5]), 0.7
    model, x = linear_gaussian(W, b, std), np.array([0.8, -1.5, 1.0])
    density = cr.distributions.MultivariateNormal(*map(cr.tensor, (b, W @ W.T + std**2 * np.eye(3))))
    log_p = density.log_prob(cr.tensor(x)).item()
    many = cr.broadcast_to(cr.tensor(x), (20_000, 3))
    bounds = model.elbo(many, rng=cr.Rng(1)).numpy()
    assert abs(bounds.mean() - log_p) < 4 * bounds.std() / np.sqrt(20_000)
    model.encoders[0].net.bias[0] = model.encoders[0].net.bias[0] + 0.5
    lower = model.elbo(many, rng=cr.Rng(1)).numpy()
    gap = 0.25 / (2 * np.exp(model.encoders[0].net.bias[1].item()))   # KL of two normals 0.5 apart
    assert abs(log_p - lower.mean() - gap) < 4 * lower.std() / np.sqrt(20_000)


@pytest.mark.book("1.2-vae")
def test_the_books_costs_are_minus_twice_the_bound():
    """(8.22), (8.23): C_PM + C_R = -2 ELBO + m - p log 2π for the same draw."""
    vae = models.VAE(5, 7, 2, std=0.5, rng=cr.Rng(0))
    x = cr.tensor(draw(6, 5))
    prior, again = vae.costs(x, rng=cr.Rng(3))
    bound = cr.mean(vae.elbo(x, rng=cr.Rng(3))).item()
    assert abs(prior.item() + again.item() - (-2 * bound + 2 - 5 * np.log(2 * np.pi))) < 1e-3


@pytest.mark.book("1.2-vae")
@pytest.mark.cpu("takes long on the emulator")
def test_an_affine_vae_finds_the_principal_direction():
    data = draw(500, 3) * np.array([1.5, 0.3, 0.3], np.float32)
    turn = np.linalg.qr(draw(3, 3, seed=1))[0]
    x = (data @ turn).astype(np.float32)
    vae = models.VAE(3, 1, std=0.3, rng=cr.Rng(0))
    rate = cr.optim.schedules.Cosine(3e-2, 1500)
    losses = train(vae, lambda m, rng: m.loss(cr.tensor(x), rng=rng), 1500, rate)
    assert np.mean(losses[-20:]) < np.mean(losses[:5])
    found = vae.decoders[0].net.layers[0].weight.numpy()[:, 0]
    principal = np.linalg.svd(x - x.mean(0))[2][0]
    assert abs(found @ principal) / np.linalg.norm(found) > np.cos(np.radians(5))
    assert vae(cr.tensor(x)).shape == x.shape
    made = vae.generate((4000, 1), rng=cr.Rng(5)).numpy()
    assert_close(made.std(0), np.sqrt(found**2 + 0.3**2), 0.06)            # N(b, W Wᵀ + σ² I), (8.9)


@pytest.mark.book("1.2-vae")
@pytest.mark.cpu("takes long on the emulator")
def test_a_chain_of_two_levels_learns_and_its_draws_have_the_right_shapes():
    angle = np.linspace(0, 2 * np.pi, 128, endpoint=False)
    x = cr.tensor(np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32))
    rng = cr.Rng(0)

    def net(n_in, n_out):
        return cr.nn.MLP(n_in, 16, n_out, activation="tanh", rng=rng)

    chain = models.HierarchicalVAE([models.Gaussian(net(2, 4)), models.Gaussian(net(2, 2))],
                                   [models.Gaussian(net(2, 2), 0.3), models.Gaussian(net(1, 4))])
    losses = train(chain, lambda m, rng: m.loss(x, rng=rng), 150, 1e-2)
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])
    assert [z.shape for z in chain.encode(x, rng=rng)] == [(128, 2), (128, 1)]
    assert chain.generate((9, 1), rng=rng).shape == (9, 2)
    assert chain.elbo(x, rng=rng).shape == (128,)


# ---- diffusion

class ExactNoise:
    """The best guess of the noise for data N(μ, s²): E[ε | z_t]."""
    def __init__(self, mean, std):
        self.mean, self.std = mean, std

    def __call__(self, z, t):
        gamma = self.diffusion.gamma[int(t[0].item())]
        return np.sqrt(1 - gamma) * (z - np.sqrt(gamma) * self.mean) / (gamma * self.std**2 + 1 - gamma)


@pytest.mark.book("1.2-diffusion")
def test_the_posterior_of_a_step_is_that_of_bayes():
    """(8.35): q(z_{t-1} | z_t, x) from the product of two normals; t = 1 gives x itself."""
    betas = np.random.default_rng(0).uniform(0.01, 0.5, 6)
    diffusion = models.Diffusion(ExactNoise(0, 1), betas)
    a, b, c = diffusion.posterior()
    assert_close([a[1], b[1], c[1]], [0, 1, 0], 1e-12, 1e-12)
    for t in range(2, 7):
        before = diffusion.gamma[t - 1]
        precision = 1 / (1 - before) + (1 - betas[t - 1]) / betas[t - 1]
        wanted = [np.sqrt(1 - betas[t - 1]) / betas[t - 1], np.sqrt(before) / (1 - before), 1]
        assert_close([a[t], b[t], c[t]], np.array(wanted) / precision, 1e-12)


@pytest.mark.book("1.2-diffusion")
def test_noising_in_one_step_is_noising_step_by_step_and_can_be_undone():
    diffusion = models.Diffusion(ExactNoise(0, 1), models.linear_betas(20, 1e-3, 0.3))
    x, noise = cr.tensor(draw(4, 3).astype(np.float64)), cr.tensor(draw(4, 3, seed=1).astype(np.float64))
    t = cr.tensor([1, 7, 20, 12])
    z = diffusion.noised(x, t, noise)
    assert_close(diffusion.denoised(z, t, noise), x, 1e-10)
    mean, variance = 1.0, 0.0
    for step in range(1, 21):                                      # (8.33), mean factor and variance
        beta = diffusion.beta[step]
        mean, variance = np.sqrt(1 - beta) * mean, (1 - beta) * variance + beta
        assert_close([mean**2, variance], [diffusion.gamma[step], 1 - diffusion.gamma[step]], 1e-12)
    assert diffusion.gamma[20] < 0.05


@pytest.mark.book("1.2-diffusion")
def test_sampling_with_the_exact_net_gives_the_data_back():
    """Data N(2, 0.5²), T = 200: (8.44) propagated exactly gives mean 1.996925 and deviation 0.503034."""
    net = ExactNoise(2.0, 0.5)
    diffusion = net.diffusion = models.Diffusion(net, models.linear_betas(200, 1e-4, 0.05))
    mean, variance = 0.0, 1.0
    for t in range(200, 0, -1):
        gamma, beta = diffusion.gamma[t], diffusion.beta[t]
        slope = np.sqrt(1 - gamma) / (gamma * 0.25 + 1 - gamma)
        factor = (1 - beta / np.sqrt(1 - gamma) * slope) / np.sqrt(1 - beta)
        shift = beta / np.sqrt(1 - gamma) * slope * np.sqrt(gamma) * 2 / np.sqrt(1 - beta)
        mean, variance = factor * mean + shift, factor**2 * variance + diffusion.variance[t]
    assert_close([mean, np.sqrt(variance)], [1.996925, 0.503034], 1e-6)
    x = diffusion.sample((20_000, 1), rng=cr.Rng(0)).numpy()
    assert abs(x.mean() - mean) < 4 * 0.5 / np.sqrt(20_000)
    assert abs(x.std() / np.sqrt(variance) - 1) < 4 / np.sqrt(40_000)
    levels = diffusion.sample((3, 2), rng=cr.Rng(0), keep=True)
    assert len(levels) == 201 and levels[0].shape == levels[-1].shape == (3, 2)


@pytest.mark.book("1.2-diffusion")
@pytest.mark.cpu("takes long on the emulator")
def test_a_trained_net_makes_points_on_a_ring():
    rng = cr.Rng(0)
    net = models.NoiseNet(2, 64, 64, steps=40, rng=rng)
    diffusion = models.Diffusion(net, models.linear_betas(40, 1e-3, 0.2))
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 512)
    x = cr.tensor((1.4 * np.stack([np.cos(angle), np.sin(angle)], 1)).astype(np.float32))
    losses = train(diffusion, lambda m, rng: m.loss(x, rng=rng), 500, 5e-3)
    assert np.mean(losses[-50:]) < 0.6 * losses[0]
    made = diffusion.sample((500, 2), rng=cr.Rng(2), last_noise=False).numpy()
    radius = np.linalg.norm(made, axis=1)
    assert abs(radius.mean() - 1.4) < 0.2 and radius.std() < 0.3
    assert np.abs(made.mean(0)).max() < 0.3


def test_diffusion_names_what_is_wrong():
    with pytest.raises(ValueError, match="Diffusion: betas need to be"):
        models.Diffusion(ExactNoise(0, 1), [0.1, 1.0])
    with pytest.raises(ValueError, match="variances 'x' is unknown"):
        models.Diffusion(ExactNoise(0, 1), [0.1], variances="x")
    exact = models.Diffusion(ExactNoise(0, 1), [0.1, 0.3])
    gamma1 = 1 - 0.1
    assert_close(exact.weights()[1], 0.1 / (0.1 * gamma1), 1e-12)          # β_0 / (σ_1² (1 - β_0))


# ---- GAN

@pytest.mark.book("1.2-gan")
def test_the_losses_are_those_of_the_book_and_finite_for_sure_scores():
    from chainrule.models.gan import discriminator_loss, generator_loss
    real, fake = draw(6).astype(np.float64), draw(6, seed=1).astype(np.float64)
    f, g = 1 / (1 + np.exp(-real)), 1 / (1 + np.exp(-fake))
    x, z = cr.tensor(real), cr.tensor(fake)
    assert_close(discriminator_loss(x, z), -np.log(f).mean() - np.log(1 - g).mean(), 1e-10)
    assert_close(generator_loss(z), np.log(1 - g).mean(), 1e-10)
    assert_close(generator_loss(z, "non-saturating"), -np.log(g).mean(), 1e-10)
    assert_close(discriminator_loss(x, z, "wasserstein"), fake.mean() - real.mean(), 1e-10)
    sure = cr.tensor([1e3, -1e3])
    assert np.isfinite([discriminator_loss(sure, sure).item(), generator_loss(sure).item()]).all()


@pytest.mark.book("1.2-gan")
def test_the_gradient_penalty_is_that_of_a_known_slope_and_has_a_gradient():
    """A critic x ↦ w·x has slope ‖w‖ everywhere: penalty (‖w‖ - 1)², derivative 2 (‖w‖ - 1) w / ‖w‖."""
    from chainrule.models.gan import gradient_penalty
    shapes = [(3,), (5, 3), (5, 3)]
    w, x, fake = (cr.tensor(draw(*s, seed=i).astype(np.float64)) for i, s in enumerate(shapes))
    value, slope = cr.value_and_grad(lambda w: gradient_penalty(lambda x: x @ w, x, fake, rng=cr.Rng(0)))(w)
    norm = np.linalg.norm(w.numpy())
    assert_close(value, (norm - 1) ** 2, 1e-9)
    assert_close(slope, 2 * (norm - 1) * w.numpy() / norm, 1e-9)


@pytest.mark.book("1.2-gan")
@pytest.mark.parametrize("objective, options, alpha", [
    ("non-saturating", {}, 2e-3), ("wasserstein", {"penalty": 1.0, "rounds": 5}, 2e-3)])
@pytest.mark.cpu("takes long on the emulator")
def test_generator_and_discriminator_reach_a_normal_target(objective, options, alpha):
    """Data N(4, 0.5²): means within 0.3, deviations within a factor of 2."""
    rng = cr.Rng(0)
    judge = cr.nn.MLP(1, 16, 1, activation="tanh", rng=rng)
    gan = models.GAN(cr.nn.MLP(2, 16, 1, rng=rng), judge, 2, objective)
    first, second = cr.optim.Adam(gan.discriminator, 5 * alpha, 0.5), cr.optim.Adam(gan.generator, alpha, 0.5)
    made = []
    for i in range(1000):
        gan.step(cr.normal((64, 1), 4.0, 0.5, rng=rng), first, second, rng=rng, **options)
        if i >= 700 and i % 10 == 0:                               # the two circle around the answer
            made.append(gan.generate(200, rng=rng).numpy())
    made = np.stack(made)
    assert abs(made.mean() - 4) < 0.3 and 0.25 < made.std() < 1.0
    assert gan.probabilities(cr.ones((5, 1))).shape == (5, 1)


@pytest.mark.book("1.2-gan")
def test_a_step_changes_both_nets_and_clipping_bounds_the_critic():
    rng = cr.Rng(0)
    gan = models.GAN(cr.nn.MLP(2, 4, 3, rng=rng), cr.nn.MLP(3, 4, 1, rng=rng), 2, "wasserstein")
    before = gan.vector().numpy().copy()
    optimisers = cr.optim.SGD(gan.discriminator, alpha=0.1), cr.optim.SGD(gan.generator, alpha=0.1)
    gan.step(cr.tensor(draw(8, 3)), *optimisers, rng=rng, clip=0.05)
    limits = [np.abs(w.numpy()).max() for w in cr.nn.named_tensors(gan.discriminator).values()]
    assert max(limits) <= np.float32(0.05)
    count = gan.generator.parameter_count()
    assert np.abs(gan.vector().numpy() - before)[:count].max() > 0
    with pytest.raises(ValueError, match="GAN: objective 'x' is unknown"):
        models.GAN(cr.nn.Identity(), cr.nn.Identity(), 2, "x")
