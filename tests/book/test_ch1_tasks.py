"""Chapter 1, §1.1: one trunk for several tasks, and weights that move from one task to another."""
import chainrule as cr
import numpy as np
import pytest
from chainrule import models, nn

book = pytest.mark.book
RNG = np.random.default_rng(0)


def standard(scenes):
    """Pixels of mean near 0 and deviation near 1."""
    return ((scenes.x - 0.35) / 0.25).astype(np.float32)


def train(model, x, y, loss, epochs, alpha):
    steps = epochs * -(-len(x) // 16)
    adam = cr.optim.Adam(model, alpha=cr.optim.schedules.Cosine(alpha, steps))
    cr.train.fit(model, cr.data.Dataset(x, y), optimizer=adam, epochs=epochs, batch_size=16, rng=cr.Rng(0),
                 loss=loss, progress=False)


# ---- regression

@book("1.1-task-regression")
def test_numbers_are_predicted_by_a_linear_model_and_by_a_net_with_a_linear_head():
    X = RNG.normal(size=(300, 4))
    linear = X @ np.array([1.0, -2.0, 0.5, 3.0]) + 0.7 + 0.1 * RNG.normal(size=300)
    fitted = models.LinearRegression().fit(X, linear)
    theirs, *_ = np.linalg.lstsq(np.c_[np.ones(300), X], linear, rcond=None)
    assert np.allclose([fitted.intercept_, *fitted.coef_], theirs, atol=1e-10)
    curved = np.sin(2 * X[:, 0]) + np.abs(X[:, 1])
    net = nn.MLP(4, 32, 1, rng=cr.Rng(0))
    x, y = X.astype(np.float32), curved.astype(np.float32)[:, None]
    train(net, x[:200], y[:200], cr.losses.mse, epochs=60, alpha=1e-2)
    rest = np.mean((net(cr.asarray(x[200:])).numpy() - y[200:]) ** 2)
    A = np.c_[np.ones(300), X]
    plain = A[200:] @ np.linalg.lstsq(A[:200], curved[:200], rcond=None)[0]
    assert rest < 0.3 * np.mean((plain - curved[200:]) ** 2)


# ---- localisation

@book("1.1-task-localization")
def test_the_gradients_of_both_heads_add_up_in_the_shared_trunk():
    model = models.Localizer(3, size=16, width=4, rng=cr.Rng(0)).to(dtype=cr.float64)
    x = cr.asarray(RNG.normal(size=(5, 3, 16, 16)))
    y, target = cr.tensor([0, 1, 2, 1, 0]), cr.asarray(RNG.uniform(0.1, 0.9, (5, 4)))
    runs = []
    trunk = model.trunk
    model.trunk = nn.Sequential(trunk, lambda features: runs.append(1) or features)
    z, box = model(x)
    assert z.shape == (5, 3) and box.shape == (5, 4) and len(runs) == 1
    model.trunk = trunk

    def classes(model):
        return cr.losses.cross_entropy(model(x)[0], y)

    def places(model):
        return cr.mean(cr.expand_dims((y > 0).astype(cr.float64), 1) * (model(x)[1] - target) ** 2)

    both = cr.grad(lambda m: models.localization_loss(m(x), y, target))(model)
    one, other = cr.grad(classes)(model), cr.grad(places)(model)
    for name, g in both.items():
        assert np.allclose(g.numpy(), one[name].numpy() + other[name].numpy(), atol=1e-12)
    shared = [name for name in both if name.startswith("trunk")]
    assert shared and all(np.abs(part[name].numpy()).max() > 0 for part in (one, other) for name in shared)
    assert all(np.all(one[name].numpy() == 0) for name in both if name.startswith("locate"))


def test_the_loss_of_a_place_is_the_books_and_nothing_has_no_place():
    p = np.log(np.array([[0.1, 0.7, 0.2]]))
    outputs = cr.asarray(p), cr.tensor([[0.4, 0.5, 0.2, 0.3]], dtype=cr.float64)
    target = cr.tensor([[0.5, 0.5, 0.25, 0.25]], dtype=cr.float64)
    loss = models.localization_loss
    assert abs(loss(outputs, cr.tensor([1]), target).item() - (0.3566749439 + 0.00375)) < 1e-9
    assert abs(loss(outputs, cr.tensor([1]), target, gamma=2).item() - (0.3566749439 + 0.0075)) < 1e-9
    nothing = cr.full((1, 4), float("nan"), dtype=cr.float64)
    assert abs(loss(outputs, cr.tensor([0]), nothing).item() - 2.302585093) < 1e-9
    g = cr.grad(lambda box: loss((outputs[0], box), cr.tensor([0]), nothing))(outputs[1])
    assert np.all(g.numpy() == 0)
    z = cr.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]])
    (kind, box), (other, place) = models.located((z, cr.tensor([[0.1] * 4, [0.2] * 4])))
    assert (kind, box, other) == (0, None, 2) and np.allclose(place, 0.2)


# ---- segmentation

@book("1.1-task-semantic-segmentation")
def test_every_pixel_has_scores_and_four_pictures_are_learnt_by_heart():
    scenes = cr.data.scenes(4, rng=cr.Rng(3))
    net = models.SegmentationNet(4, width=8, rng=cr.Rng(0))
    x = cr.asarray(standard(scenes))
    assert net(x).shape == (4, 4, 32, 32)
    assert net(cr.zeros((2, 3, 12, 20))).shape == (2, 4, 12, 20)
    adam = cr.optim.Adam(net, alpha=1e-2)
    step = cr.value_and_grad(lambda m: cr.losses.cross_entropy(m(x), cr.tensor(scenes.masks), axis=1))
    for _ in range(150):
        adam.update(step(net)[1])
    right = np.mean(cr.argmax(net(x), axis=1).numpy() == scenes.masks)
    assert right > 0.99 > np.mean(scenes.masks == 0)
    with pytest.raises(cr.ShapeError, match="SegmentationNet: x .* needs .* H and W multiples of 4"):
        net(cr.zeros((1, 3, 30, 32)))


# ---- detection

@book("1.1-task-object-detection", "6.6-iou")
def test_the_overlap_of_boxes_is_intersection_over_union():
    def iou(a, b):
        return models.iou(cr.tensor(a, dtype=cr.float64), cr.tensor(b, dtype=cr.float64)).item()

    unit = [0.0, 0.0, 1.0, 1.0]
    assert iou(unit, unit) == 1 and iou(unit, [2.0, 0.0, 1.0, 1.0]) == 0 == iou(unit, [1.0, 0.0, 1.0, 1.0])
    assert abs(iou(unit, [0.5, 0.0, 1.0, 1.0]) - 1 / 3) < 1e-15
    assert iou([0.0, 0.0, 2.0, 1.0], [0.0, 0.0, 1.0, 2.0]) == 1 / 3      # height and width are told apart
    assert iou([0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]) == 0
    a, b = RNG.integers(0, 12, (20, 4)), RNG.integers(0, 12, (30, 4))
    got = models.iou(cr.asarray(a.astype(float))[:, None], cr.asarray(b.astype(float))[None]).numpy()

    def pixels(box):
        x, y, h, w = box
        picture = np.zeros((30, 30), bool)
        picture[y:y + h, x:x + w] = True
        return picture

    for i in range(20):
        for j in range(30):
            either = np.sum(pixels(a[i]) | pixels(b[j]))
            assert abs(got[i, j] - (np.sum(pixels(a[i]) & pixels(b[j])) / either if either else 0)) < 1e-12


@book("1.1-task-object-detection")
def test_of_boxes_that_overlap_the_best_stays():
    boxes = cr.tensor([[0.0, 0, 4, 4], [1, 0, 4, 4], [10, 0, 4, 4], [10, 1, 4, 4], [20, 20, 4, 4]])
    scores = np.array([0.7, 0.9, 0.5, 0.4, 0.6])                   # overlaps 0.6 and 0.6
    keep = models.non_maximum_suppression
    assert keep(boxes, scores, 0.5).tolist() == [1, 4, 2]
    assert keep(boxes, scores, 0.7).tolist() == [1, 0, 4, 2, 3]
    assert keep(boxes[:0], scores[:0]).tolist() == []
    chain = cr.tensor([[0.0, 0, 4, 4], [1, 0, 4, 4], [2, 0, 4, 4]])
    assert keep(chain, [3.0, 2.0, 1.0], 0.5).tolist() == [0, 2]    # the suppressed suppresses nothing
    with pytest.raises(cr.ShapeError, match=r"boxes \(5, 4\) and scores \(2,\) need \(n, 4\) and \(n,\)"):
        keep(boxes, scores[:2])


@book("1.1-task-object-detection")
def test_targets_of_the_grid_decode_to_the_boxes_they_were_made_from():
    scenes = cr.data.scenes(20, rng=cr.Rng(1))
    target = models.detection_targets(scenes.boxes, scenes.labels - 1, 8)
    boxes = models.detection.boxes_of(cr.asarray(target[:, 1:5])).numpy()
    for i in range(20):
        own = scenes.boxes[i][scenes.labels[i] > 0]
        there = target[i, 0] == 1
        assert there.sum() == len(own)
        found = boxes[i][there]
        order, wanted = np.lexsort(found.T), np.lexsort(own.T)
        assert np.allclose(found[order], own[wanted], atol=1e-6)
        kinds = np.sort(target[i, 5][there])
        assert np.array_equal(kinds, np.sort(scenes.labels[i][scenes.labels[i] > 0] - 1))


@book("1.1-task-object-detection", "6.6-object-detection")
def test_a_grid_of_cells_finds_several_shapes_in_new_pictures():
    seen, new = cr.data.scenes(800, rng=cr.Rng(0)), cr.data.scenes(100, rng=cr.Rng(1))
    net = models.GridDetector(3, rng=cr.Rng(0))
    targets = models.detection_targets(seen.boxes, seen.labels - 1, 8)
    train(net, standard(seen), targets, models.detection_loss, epochs=7, alpha=1e-2)
    found = net.detect(cr.asarray(standard(new)))
    precision, recall = models.detection_scores(found, new.boxes, new.labels - 1, overlap=0.5)
    assert recall > 0.8 and precision > 0.8
    assert max(map(len, found)) >= 2                               # several objects in one picture
    nothing = net.detect(cr.asarray(np.full((1, 3, 32, 32), -1, np.float32)))
    assert nothing == [[]]
    for detection in found[0]:
        assert 0.5 <= detection.score <= 1 and detection.box.shape == (4,)


def test_scores_of_detections_count_each_object_once_and_only_in_its_class():
    box = np.array([0.1, 0.1, 0.3, 0.3], np.float32)
    boxes, labels = np.array([[box, np.full(4, np.nan)]]), np.array([[1, 0]])
    one = models.Detection(1, 0.9, box)
    score = models.detection_scores
    assert score([[one]], boxes, labels) == (1, 1)
    assert score([[one, one]], boxes, labels) == (0.5, 1)
    assert score([[models.Detection(2, 0.9, box)]], boxes, labels) == (0, 0)
    assert score([[models.Detection(1, 0.9, box + 0.3)]], boxes, labels) == (0, 0)
    assert score([[]], boxes, labels) == (0, 0)


@pytest.mark.parametrize("make, message", [
    (lambda: models.iou(cr.zeros((3,)), cr.zeros((4,))), r"iou: a \(3,\) needs a last axis of 4"),
    (lambda: models.Localizer(3, size=4, rng=cr.Rng(0)), "Localizer: size must be at least 8 pixels, got 4"),
    (lambda: models.GridDetector(2, rng=cr.Rng(0))(cr.zeros((1, 3, 8, 12))), "GridDetector: x .* needs"),
    (lambda: models.detection_targets(np.zeros((1, 2, 4)), np.zeros((1, 3)), 8), r"need .* \(N, most\)"),
    (lambda: models.detection_targets(np.full((1, 1, 4), 2.0), np.zeros((1, 1)), 8), "outside the picture"),
])
def test_errors_say_what_is_needed(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# ---- transfer learning

def little(classes, rng, *, side=7, hidden=6):
    trunk = nn.Sequential(nn.Linear(side, hidden, rng=rng), nn.BatchNorm1d(hidden), nn.ReLU())
    return nn.Sequential(trunk=trunk, head=nn.Linear(hidden, classes, rng=rng))


@book("1.1-transfer-learning")
def test_weights_move_by_name_to_a_model_with_a_new_head(tmp_path):
    old, new = little(5, cr.Rng(0)), little(3, cr.Rng(1))
    old.trunk[1].running_mean[...] = 7.0
    head = new.head.weight.numpy().copy()
    cr.io.save(tmp_path / "old.safetensors", old.state_dict())
    assert cr.train.transfer(new, tmp_path / "old.safetensors", new="head") == ["head.weight", "head.bias"]
    for name, tensor in new.state_dict().items():
        if name.startswith("trunk"):
            assert np.array_equal(tensor.numpy(), old.state_dict()[name].numpy())
    assert np.array_equal(new.head.weight.numpy(), head)
    before = {name: t.numpy().copy() for name, t in new.state_dict().items()}
    with pytest.raises(ValueError, match="transfer: no parameter matches 'fc'"):
        cr.train.transfer(new, old, new="fc")
    with pytest.raises(ValueError, match=r"transfer: missing \['trunk.0.bias'\], unexpected \[\]"):
        cr.train.transfer(new, {k: v for k, v in old.state_dict().items() if k != "trunk.0.bias"})
    with pytest.raises(cr.ShapeError, match=r"trunk.0.weight is \(6, 8\), the model needs \(6, 7\)"):
        cr.train.transfer(new, little(3, cr.Rng(2), side=8))
    assert all(np.array_equal(before[name], t.numpy()) for name, t in new.state_dict().items())


@book("1.1-transfer-learning")
def test_frozen_parameters_are_the_same_bits_after_training():
    model, rng = little(3, cr.Rng(0)), cr.Rng(1)
    data = cr.data.Dataset(RNG.normal(size=(40, 7)).astype(np.float32), RNG.integers(0, 3, 40))
    before = {name: p.numpy().copy() for name, p in model.named_parameters().items()}
    model.freeze("trunk.0")
    cr.train.fine_tune(model, data, head_epochs=3, epochs=0, alpha=1e-2, rng=rng, batch_size=8,
                       progress=False)
    after = {name: p.numpy().copy() for name, p in model.named_parameters(frozen=True).items()}
    for name in before:                                            # stage 1: the head alone
        assert np.array_equal(before[name], after[name]) != name.startswith("head")
    cr.train.fine_tune(model, data, head_epochs=0, epochs=3, alpha=1e-2, rng=rng, batch_size=8,
                       progress=False)
    last = {name: p.numpy() for name, p in model.named_parameters(frozen=True).items()}
    for name in before:                                            # stage 2: all, but what the caller froze
        assert np.array_equal(after[name], last[name]) == name.startswith("trunk.0")


@book("1.1-transfer-learning")
@pytest.mark.parametrize("make", [cr.optim.SGD, cr.optim.Adam, cr.optim.Adagrad])
def test_groups_of_parameters_learn_at_rates_of_their_own(make):
    """One optimiser with a factor for the trunk is two optimisers with a rate each."""
    x, y = cr.asarray(RNG.normal(size=(20, 7)).astype(np.float32)), cr.tensor(RNG.integers(0, 3, 20))
    step = cr.grad(lambda m: cr.losses.cross_entropy(m(x), y))
    one, two = little(3, cr.Rng(0)), little(3, cr.Rng(0))
    single = make(one, alpha=1e-2)
    single.scale("trunk", 0.25)
    pair = {part: make({n: p for n, p in two.named_parameters().items() if n.startswith(part)}, alpha=alpha)
            for part, alpha in (("trunk", 0.25e-2), ("head", 1e-2))}
    for _ in range(4):
        single.update(step(one))
        grads = step(two)
        for part, optimizer in pair.items():
            optimizer.update({name: g for name, g in grads.items() if name.startswith(part)})
    assert single.step == 4
    for name, p in one.named_parameters().items():
        assert np.allclose(p.numpy(), two.named_parameters()[name].numpy(), rtol=1e-6, atol=1e-8)
    with pytest.raises(ValueError, match="scale: no parameter matches 'tail'; there are trunk.0.weight"):
        single.scale("tail", 0.1)
    with pytest.raises(ValueError, match="scale: factor must be a finite number >= 0, got -1"):
        single.scale("trunk", -1)


def convolutional(classes, rng):
    def conv(c_in, c_out):
        return [nn.Conv2d(c_in, c_out, 3, padding=1, rng=rng), nn.ReLU()]

    trunk = nn.Sequential(*conv(1, 8), *conv(8, 8), nn.MaxPool2d(2), *conv(8, 16), *conv(16, 16),
                          nn.MaxPool2d(2), *conv(16, 32), nn.MaxPool2d(2), nn.Flatten())
    return nn.Sequential(trunk=trunk, head=nn.Linear(32 * 9, classes, rng=rng))


def halves(data):
    """The digits 0 to 4, and 5 to 9 numbered anew."""
    y = data.y.numpy()
    return data[y < 5], cr.data.Dataset(data.x.numpy()[y >= 5], y[y >= 5] - 5)


@book("1.1-transfer-learning")
def test_fine_tuning_beats_training_from_scratch_with_few_labels():
    """Noisy digits: learn 0 to 4 from 1,500, then 5 to 9 from 25, as many steps with and without."""
    first, _ = halves(cr.data.made_digits(3000, rng=cr.Rng(0), noise=0.5))
    _, pool = halves(cr.data.made_digits(500, rng=cr.Rng(1), noise=0.5))
    _, test = halves(cr.data.made_digits(600, rng=cr.Rng(2), noise=0.5))
    tuned, scratch = [], []
    for seed in range(5):
        rng = cr.Rng(seed)
        source = convolutional(5, rng)
        cr.train.fit(source, first, optimizer=cr.optim.Adam(source, alpha=3e-3), epochs=2, batch_size=32,
                     rng=rng, progress=False)
        few = pool[50 * seed:50 * seed + 25]
        model = convolutional(5, rng)
        cr.train.transfer(model, source)
        cr.train.fine_tune(model, few, head_epochs=10, epochs=10, alpha=1e-2, factor=0.03, rng=rng,
                           batch_size=10, progress=False)
        plain = convolutional(5, rng)
        cr.train.fit(plain, few, optimizer=cr.optim.Adam(plain, alpha=3e-3), epochs=20, batch_size=10,
                     rng=rng, progress=False)
        tuned.append(cr.accuracy(model, test))
        scratch.append(cr.accuracy(plain, test))
    assert np.mean(tuned) > np.mean(scratch) + 0.05
