"""Codes of autoencoders before a model, behind it, and for clusters."""
import chainrule as cr
import numpy as np
import pytest
from chainrule.models import AutoencoderCodes, CodedModel, LinearRegression

book = pytest.mark.book
RNG = np.random.default_rng(5)


def flat(n, p, rank):
    """Samples of R^p near a subspace of few dimensions, and their places in it."""
    places = RNG.normal(size=(n, rank))
    basis = np.linalg.qr(RNG.normal(size=(p, rank)))[0]
    return places @ basis.T + 0.01 * RNG.normal(size=(n, p)), places


LINEAR = {"code": "identity", "output": "identity", "alpha": 0.02, "epochs": 60}


@book("3.5-codes-supervised")
def test_a_model_on_codes_predicts_through_the_encoder_alone():
    x, places = flat(400, 12, 3)
    y = places @ [1.0, -2.0, 0.5]
    model = CodedModel(AutoencoderCodes(3, **LINEAR), LinearRegression()).fit(x[:300], y[:300])
    codes = model.codec_.transform(x[300:])
    assert codes.shape == (100, 3)
    np.testing.assert_array_equal(model.predict(x[300:]), model.model_.predict(codes))
    np.testing.assert_allclose(codes, model.codec_.network().encode(cr.tensor(x[300:])).numpy(), rtol=1e-12)
    assert model.score(x[300:], y[300:]) > 0.99
    narrow = CodedModel(AutoencoderCodes(1, **LINEAR)).fit(x[:300], y[:300])
    assert narrow.score(x[300:], y[300:]) < model.score(x[300:], y[300:])


@book("3.5-codes-both-sides")
def test_with_codes_on_both_sides_the_answer_is_decoded():
    x, places = flat(400, 12, 3)
    turn = RNG.normal(size=(3, 20))
    y = places @ turn
    model = CodedModel(AutoencoderCodes(3, **LINEAR), target_codec=AutoencoderCodes(3, **LINEAR))
    model.fit(x[:300], y[:300])
    got = model.predict(x[300:])
    assert got.shape == (100, 20) and model.model_.coef_.shape == (3, 3)
    want = model.target_codec_.inverse_transform(model.model_.predict(model.codec_.transform(x[300:])))
    np.testing.assert_array_equal(got, want)
    error, of_the_mean = ((got - y[300:]) ** 2).mean(), ((y[:300].mean(0) - y[300:]) ** 2).mean()
    assert error < 0.05 * of_the_mean


def test_codes_and_their_reconstructions_are_those_of_the_network():
    x = cr.tensor(RNG.normal(size=(40, 6)).astype(np.float32))
    codes = AutoencoderCodes(2, hidden=(4,), epochs=2).fit(x)
    net = codes.network()
    np.testing.assert_array_equal(codes.transform(x).numpy(), net.encode(x).numpy())
    np.testing.assert_array_equal(codes.inverse_transform(codes.transform(x)).numpy(), net(x).numpy())
    assert len(codes.loss_) == 2 and codes.loss_[1] < codes.loss_[0]
    assert {name: a.shape for name, a in codes.state_.items()}["encoder.layers.0.weight"] == (4, 6)


def test_the_estimators_given_stay_as_they_were():
    x, places = flat(30, 5, 2)
    codec, model = AutoencoderCodes(2, epochs=1), LinearRegression()
    CodedModel(codec, model).fit(x, places[:, 0])
    assert not hasattr(codec, "state_") and not hasattr(model, "coef_")


def test_bad_sizes_of_codes_are_named():
    with pytest.raises(ValueError, match="AutoencoderCodes: m must be a positive integer, got 0"):
        AutoencoderCodes(0).fit(np.ones((3, 2)))


def test_a_denoiser_goes_on_from_a_checkpoint_as_if_it_had_not_stopped(tmp_path):
    x = cr.uniform((60, 8), rng=cr.Rng(0))

    def run(epochs, **options):
        net = cr.models.Autoencoder(8, 3, rng=cr.Rng(0), noise=cr.nn.Masking(0.3, rng=cr.Rng(5)))
        cr.train.fit(net, cr.data.Dataset(x, x), optimizer=cr.optim.Adam(net), epochs=epochs, rng=cr.Rng(1),
                     loss=cr.losses.reconstruction, batch_size=10, progress=False, **options)
        return net.state_dict()
    whole, file = run(4), tmp_path / "net.safetensors"
    run(2, checkpoint=file)
    parts = run(4, checkpoint=file, resume=True)
    for name, value in whole.items():
        np.testing.assert_array_equal(value.numpy(), parts[name].numpy())
