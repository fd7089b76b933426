"""Picture files, folders of them, scenes of shapes, words: what they hold and how they are cut."""
import chainrule as cr
import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image")


def gradient(rows, columns):
    """Red grows downwards, green to the right."""
    v, h = np.mgrid[0:rows, 0:columns]
    return np.stack([255 * v / max(rows - 1, 1), 255 * h / max(columns - 1, 1), 0 * v], -1).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    for k, name in enumerate(("a", "b")):
        (tmp_path / name).mkdir()
        for i in range(3):
            Image.fromarray(gradient(40, 60) // (k + 1)).save(tmp_path / name / f"{i}.png")
    return cr.data.ImageFolder(tmp_path, 16)


@pytest.mark.parametrize("rows, columns", [(40, 60), (60, 40), (17, 16), (300, 11)])
def test_a_square_is_cut_from_the_middle_after_the_shorter_side_is_brought_to_size(tmp_path, rows, columns):
    Image.fromarray(gradient(rows, columns)).save(tmp_path / "a.png")
    x = cr.data.read_image(tmp_path / "a.png", 14).astype(int)
    assert x.shape == (3, 14, 14)
    # the middle of both gradients; it is found to half a pixel, up to 255 / 16 / 2 levels, and those are cut
    assert abs(x[0].mean() - 127.5) < 9 and abs(x[1].mean() - 127.5) < 9
    short = 14 / 16                                                       # 16 pixels of which 14 are kept
    span = 255 * short * min(rows, columns) / np.array([rows, columns])
    assert np.allclose([np.ptp(x[0]), np.ptp(x[1])], span, atol=26)


def test_random_cuts_vary_and_are_mirrored_half_the_time_by_the_state_of_rng(tmp_path):
    Image.fromarray(gradient(40, 60)).save(tmp_path / "a.png")
    cuts = [cr.data.read_image(tmp_path / "a.png", 16, rng=rng).astype(int) for rng in map(cr.Rng, range(60))]
    again = cr.data.read_image(tmp_path / "a.png", 16, rng=cr.Rng(3))
    assert np.array_equal(again, cuts[3])
    mirrored = sum(x[1, 0, 0] > x[1, 0, -1] for x in cuts)
    assert 15 < mirrored < 45 and all(x[0, 0, 0] < x[0, -1, 0] for x in cuts)
    assert len({round(x[1].mean()) for x in cuts}) > 8


def test_grey_pictures_have_one_channel(tmp_path):
    Image.fromarray(gradient(9, 9)).save(tmp_path / "a.png")
    assert cr.data.read_image(tmp_path / "a.png", grey=True).shape == (1, 9, 9)


def test_a_folder_is_indexed_like_any_data_set(folder):
    assert len(folder) == 6 and folder.y.numpy().tolist() == [0, 0, 0, 1, 1, 1]
    x, y = folder[-1]
    assert x.shape == (3, 16, 16) and y.item() == 1 and folder.x.shape == (6, 3, 16, 16)
    assert np.array_equal(folder.x.numpy()[5], x.numpy())
    for part, labels in ((folder[1:4], [0, 0, 1]), (folder[[5, 0]], [1, 0]),
                         (folder[np.arange(6) > 4], [1])):
        assert isinstance(part, cr.data.ImageFolder) and part.y.numpy().tolist() == labels
        assert [b.shape[0] for b, _ in part.batches(2)] == [2] * (len(labels) // 2) + [1] * (len(labels) % 2)
    first, second = folder.split(0.5, cr.Rng(0))
    assert not set(first.paths) & set(second.paths) and len(first) == len(second) == 3
    assert folder.to("cpu").x.shape == (6, 3, 16, 16)
    with pytest.raises(IndexError, match="ImageFolder: index 6 is out of range for 6 pictures"):
        folder[6]


def test_a_model_is_trained_from_a_folder(folder):
    model = cr.models.LeNet(2, channels=3, size=16, width=4, rng=cr.Rng(0))
    adam = cr.optim.Adam(model, alpha=1e-2)
    history = cr.train.fit(model, folder, test=folder, optimizer=adam, epochs=12, batch_size=3, rng=cr.Rng(0),
                           prefetch=1, progress=False)
    assert history.epochs[-1]["test_accuracy"] == 1


def test_the_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.png"):
        cr.data.read_image(tmp_path / "none.png")


# ---- scenes

@pytest.mark.parametrize("size", [16, 32, 45])
def test_boxes_and_masks_of_scenes_agree(size):
    scenes = cr.data.scenes(30, rng=cr.Rng(size), size=size, least=0, most=4)
    assert scenes.x.shape == (30, 3, size, size) and scenes.x.min() >= 0 and scenes.x.max() <= 1
    for mask, boxes, labels in zip(scenes.masks, scenes.boxes, scenes.labels, strict=True):
        covered = np.zeros_like(mask)
        for box, label in zip(boxes[labels > 0], labels[labels > 0], strict=True):
            x, y, h, w = np.rint(box * size).astype(int)
            inside = mask[y:y + h, x:x + w]
            assert set(np.unique(inside)) <= {0, label}
            touched = inside == label                              # the box is tight
            assert touched[0].any() and touched[-1].any() and touched[:, 0].any() and touched[:, -1].any()
            covered[y:y + h, x:x + w] = 1
        assert not mask[covered == 0].any()
        assert np.isnan(boxes[labels == 0]).all()


def test_made_data_is_decided_by_the_state_of_rng():
    for make in (lambda rng: cr.data.scenes(3, rng=rng).x,
                 lambda rng: cr.data.made_digits(5, rng=rng).x.numpy(),
                 lambda rng: np.array(cr.data.made_reviews(5, rng=rng).texts)):
        one, same, other = make(cr.Rng(1)), make(cr.Rng(1)), make(cr.Rng(2))
        assert np.array_equal(one, same) and not np.array_equal(one, other)
        rng = cr.Rng(1)
        assert not np.array_equal(make(rng), make(rng))


# ---- words

@pytest.mark.parametrize("text, tokens", [
    ("", []), ("Don't stop!", ["don't", "stop", "!"]), ("Straße 12, Köln", ["straße", "12", ",", "köln"]),
    ("a  b\n c", ["a", "b", "c"]), ("(yes)", ["(", "yes", ")"]),
])
def test_words_and_marks_are_tokens(text, tokens):
    assert cr.data.tokenise(text) == tokens
    assert cr.data.tokenise(cr.data.detokenise(tokens)) == tokens


def test_vocabularies_keep_the_most_frequent_tokens():
    words = cr.data.Vocabulary([["b", "a", "b"], ["c", "a", "b"]], size=4)
    assert words.tokens == ("<pad>", "<unknown>", "b", "a") and len(words) == 4
    assert words.rows([["a"], ["b", "c", "a"]], 2).tolist() == [[3, 0], [2, 1]]
    assert words.rows([["a"], ["b", "c", "a"]]).tolist() == [[3, 0, 0], [2, 1, 3]]
    assert cr.data.Vocabulary([["b", "a", "b"]], least=2).tokens == ("<pad>", "<unknown>", "b")
