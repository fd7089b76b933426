"""Chapter 1, §1.4: sound, pictures, words and tables as vectors; data sets with a fixed partition."""
import os
import tarfile
import wave

import chainrule as cr
import numpy as np
import pytest
from chainrule.data import files

book = pytest.mark.book
real = pytest.mark.skipif("CHAINRULE_DATA" not in os.environ, reason="needs the data sets in CHAINRULE_DATA")
RNG = np.random.default_rng(0)

TRAIN_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


# ---- sound

@book("1.4-audio-vector")
def test_five_seconds_of_16_bit_sound_are_220500_numbers_and_come_back_exactly(tmp_path):
    x = RNG.integers(-32768, 32768, 44_100 * 5).astype(np.int16)
    x[:2] = -32768, 32767
    cr.data.write_wav(tmp_path / "a.wav", x, 44_100)
    back, rate = cr.data.read_wav(tmp_path / "a.wav", scale=False)
    assert rate == 44_100 and back.shape == (220_500,) and back.dtype == np.int16
    assert np.array_equal(back, x) and 2 ** 16 == 65_536 == int(back.max()) - int(back.min()) + 1
    scaled, _ = cr.data.read_wav(tmp_path / "a.wav")
    assert scaled.dtype == np.float32 and np.array_equal(scaled, x / np.float32(32768))
    assert scaled.min() == -1 and scaled.max() < 1
    cr.data.write_wav(tmp_path / "b.wav", scaled, 44_100)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


# ---- pictures

@book("1.4-image-mono-vectorize")
@pytest.mark.parametrize("shape", [(200, 100), (1, 7), (5, 1), (0, 3), (13, 11)])
def test_a_picture_is_vectorized_row_by_row_or_column_by_column(shape):
    image = RNG.integers(0, 256, shape).astype(np.uint8)
    for order, numpys in (("row", "C"), ("column", "F")):
        x = cr.data.vectorize(image, order)
        assert x.shape == (shape[0] * shape[1],) and np.array_equal(x.numpy(), image.ravel(numpys))
        assert np.array_equal(cr.data.unvectorize(x, shape, order).numpy(), image)
    assert cr.data.vectorize(np.zeros((200, 100), np.uint8)).size == 20_000


@book("1.4-image-color-tensor")
def test_colour_pictures_turn_between_channels_first_and_last_and_vectors(tmp_path):
    image = RNG.integers(0, 256, (2, 5, 7, 3)).astype(np.uint8)
    first = cr.data.channels_first(image)
    assert np.array_equal(first.numpy(), image.transpose(0, 3, 1, 2))
    assert np.array_equal(cr.data.channels_last(first).numpy(), image)
    for order, numpys in (("row", "C"), ("column", "F")):
        x = cr.data.vectorize(first, order, axes=3)
        assert x.shape == (2, 3 * 5 * 7)
        assert np.array_equal(x.numpy()[1], first.numpy()[1].ravel(numpys))
        assert np.array_equal(cr.data.unvectorize(x, (3, 5, 7), order).numpy(), first.numpy())


@book("1.4-image-color-tensor")
def test_png_and_ppm_files_decode_to_bytes_and_shares_of_255(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    image = RNG.integers(0, 256, (5, 7, 3)).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    (tmp_path / "a.ppm").write_bytes(b"P6 7 5 255\n" + image.tobytes())
    for name in ("a.png", "a.ppm"):
        pixels = cr.data.read_image(tmp_path / name)
        assert pixels.dtype == np.uint8 and np.array_equal(pixels, image.transpose(2, 0, 1))
    x = cr.asarray(pixels).astype(cr.float32) / 255
    assert np.array_equal(x.numpy(), pixels.astype(np.float32) / np.float32(255)) and x.numpy().max() <= 1


# ---- words

@book("1.4-text-as-vectors")
def test_text_becomes_a_sequence_of_vectors_and_its_words_come_back():
    text = "The film wasn't bad: a (very) warm story, told well!"
    tokens = cr.data.tokenise(text)
    assert tokens[:5] == ["the", "film", "wasn't", "bad", ":"] and len(tokens) == 15
    words = cr.data.Vocabulary([tokens])
    ids = words.encode(tokens)
    embed = cr.nn.Embedding(len(words), 6, rng=cr.Rng(0))
    vectors = embed(cr.tensor(ids))
    assert vectors.shape == (15, 6)
    table = embed.weight.numpy()
    assert np.array_equal(vectors.numpy(), np.stack([table[words.number[token]] for token in tokens]))
    assert words.decode(ids) == tokens
    assert cr.data.detokenise(words.decode(ids)) == text.lower()


# ---- data sets with a fixed partition

@real
@book("1.4-mnist", "1.4-fashion-mnist")
@pytest.mark.parametrize("name, counts", [
    ("mnist", (TRAIN_COUNTS, TEST_COUNTS)), ("fashion-mnist", ([6000] * 10, [1000] * 10)),
])
def test_the_idx_files_hold_the_published_numbers_of_each_class(name, counts):
    for half, n, expected in (("train", 60_000, counts[0]), ("t10k", 10_000, counts[1])):
        y = cr.data.read_idx(files.look(name, f"{half}-labels-idx1-ubyte.gz"))
        x = cr.data.read_idx(files.look(name, f"{half}-images-idx3-ubyte.gz"))
        assert x.shape == (n, 28, 28) and x[0].size == 784 and x.dtype == np.uint8
        assert np.bincount(y).tolist() == expected


@book("1.4-mnist")
def test_a_wrong_magic_number_is_refused(tmp_path):
    (tmp_path / "a").write_bytes(bytes([0, 0, 13, 1, 0, 0, 0, 1, 7]))
    with pytest.raises(ValueError, match="not an idx file: begins 00000d01, needs 000008 and 01 to 04"):
        cr.data.read_idx(tmp_path / "a")


@pytest.fixture
def nothing_there(tmp_path, monkeypatch):
    def unreachable(url, folder, file, sum):
        raise ConnectionError("no route")

    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(files, "download", unreachable)
    return tmp_path / "data"


@book("1.4-mnist")
def test_made_digits_stand_in_for_mnist_if_asked_and_say_so(nothing_there):
    with pytest.raises(FileNotFoundError, match="mnist: train-images-idx3-ubyte.gz is not in"):
        cr.data.mnist()
    with pytest.warns(UserWarning, match="mnist: train-images.* made digits stand in for it"):
        train, test = cr.data.mnist(stand_in=True)
    assert train.x.shape == (6000, 1, 28, 28) and test.x.shape == (1000, 1, 28, 28)
    assert np.bincount(train.y.numpy()).tolist() == [600] * 10
    assert train.x.numpy().min() == 0 and train.x.numpy().max() == 1
    means = np.stack([train.x.numpy()[train.y.numpy() == k].mean(0) for k in range(10)])
    guess = np.argmin(((test.x.numpy()[:, None] - means) ** 2).sum((2, 3, 4)), axis=1)
    assert 0.6 < np.mean(guess == test.y.numpy()) < 0.99          # digits, and not ten fixed pictures


@real
@book("1.4-fixed-split")
def test_both_parts_of_a_set_have_the_stated_sizes_and_share_no_picture():
    for name in ("mnist", "fashion-mnist"):
        train, test = (cr.data.read_idx(files.look(name, f"{half}-images-idx3-ubyte.gz"))
                       for half in ("train", "t10k"))
        assert (len(train), len(test)) == (60_000, 10_000)
        own = {image.tobytes() for image in train}
        assert not any(image.tobytes() in own for image in test)


@book("1.4-fixed-split")
def test_the_small_tables_are_parted_the_same_way_each_time():
    datasets = pytest.importorskip("sklearn.datasets")
    whole = datasets.load_wine().data.astype(np.float32)
    train, test = cr.data.wine()
    again = cr.data.wine()
    assert (len(train), len(test)) == (144, 34) and len(train) + len(test) == len(whole)
    own = {row.tobytes() for row in train.x.numpy()}
    assert not any(row.tobytes() in own for row in test.x.numpy())
    assert np.array_equal(train.x.numpy(), again[0].x.numpy())


def cifar_bytes(n):
    table = np.random.default_rng(n).integers(0, 256, (n, 3073)).astype(np.uint8)
    table[:, 0] = np.arange(n) % 10
    return table


@book("1.4-cifar10")
def test_binary_batches_of_cifar_are_read_class_by_class(nothing_there, tmp_path):
    (nothing_there / "cifar10").mkdir(parents=True)
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    with tarfile.open(nothing_there / "cifar10" / "cifar-10-binary.tar.gz", "w:gz") as archive:
        for i, name in enumerate(names):
            (tmp_path / name).write_bytes(cifar_bytes(20 + 10 * i).tobytes())
            archive.add(tmp_path / name, f"cifar-10-batches-bin/{name}")
    pixels, y = cr.data.read_cifar(tmp_path / "data_batch_1.bin")
    table = cifar_bytes(20)
    assert pixels.shape == (20, 3, 32, 32) and pixels.dtype == np.uint8 and pixels[0].size == 3072
    assert np.array_equal(pixels, table[:, 1:].reshape(20, 3, 32, 32)) and np.array_equal(y, table[:, 0])
    train, test = cr.data.cifar10()
    assert np.bincount(train.y.numpy()).tolist() == [20] * 10            # 200 in five batches
    assert np.bincount(test.y.numpy()).tolist() == [7] * 10


@book("1.4-cifar10")
@pytest.mark.skipif(files.look("cifar10", "cifar-10-binary.tar.gz") is None, reason="needs all of CIFAR-10")
def test_the_complete_cifar_has_5000_and_1000_pictures_a_class():
    train, test = cr.data.cifar10()
    assert np.bincount(train.y.numpy()).tolist() == [5000] * 10
    assert np.bincount(test.y.numpy()).tolist() == [1000] * 10


@book("1.4-imagenet")
def test_a_folder_a_class_is_read_resized_and_cropped_to_224(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    colours = {"ant": (255, 0, 0), "bee": (0, 255, 0), "cat": (0, 0, 255)}
    for name, colour in colours.items():
        (tmp_path / name).mkdir()
        for i, size in enumerate([(470, 385), (100, 300), (224, 224)]):
            Image.new("RGB", size, colour).save(tmp_path / name / f"{i}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "empty").mkdir()
    folder = cr.data.ImageFolder(tmp_path)
    assert folder.classes == ("ant", "bee", "cat") and len(folder) == 9
    seen = []
    for x, y in folder.batches(4, rng=cr.Rng(0), prefetch=1):
        assert x.shape[1:] == (3, 224, 224) and x.dtype == cr.float32
        assert np.array_equal(x.numpy().mean((2, 3)), np.eye(3)[y.numpy()])
        seen += y.numpy().tolist()
    assert sorted(seen) == [0] * 3 + [1] * 3 + [2] * 3


@book("1.4-imdb")
def test_reviews_are_read_from_the_folders_of_imdb(nothing_there):
    for half, n in (("train", 3), ("test", 2)):
        for opinion in ("neg", "pos"):
            folder = nothing_there / "imdb" / "aclImdb" / half / opinion
            folder.mkdir(parents=True)
            for i in (10, 2, 0)[:n]:
                (folder / f"{i}_7.txt").write_text(f"{half} {opinion} {i}<br />Très bien.", encoding="utf-8")
    train, test = cr.data.imdb()
    assert (len(train), len(test)) == (6, 4) and train.y.tolist() == [0, 0, 0, 1, 1, 1]
    assert train.texts[1] == "train neg 2<br />Très bien." and not train.synthetic
    assert train.tokens()[1] == ["train", "neg", "2", "très", "bien", "."]
    words = cr.data.Vocabulary(train.tokens())
    table = test.dataset(words, length=5)
    assert table.x.shape == (4, 5) and words.decode(table.x[0])[:2] == ["<unknown>", "neg"]


@book("1.4-imdb")
@pytest.mark.skipif(not any((f / "aclImdb").is_dir() for f in files.folders("imdb")), reason="needs IMDb")
def test_the_complete_reviews_are_25000_and_25000_half_of_them_positive():
    for part in cr.data.imdb():
        assert len(part) == 25_000 and part.y.sum() == 12_500


@book("1.4-imdb")
def test_made_reviews_stand_in_for_imdb_and_can_be_learnt_from(nothing_there):
    with pytest.raises(FileNotFoundError, match="imdb: there is no folder .*aclImdb.*stand_in=True"):
        cr.data.imdb()
    with pytest.warns(UserWarning, match="made reviews stand in for it"):
        train, test = cr.data.imdb(stand_in=True)
    assert (len(train), len(test)) == (2000, 1000) and train.synthetic and train.y.sum() == 1000
    assert len(set(train.texts) & set(test.texts)) < 100
    words = cr.data.Vocabulary(train.tokens())
    count = {k: np.zeros(len(words)) + 1 for k in (0, 1)}
    for tokens, y in zip(train.tokens(), train.y, strict=True):
        np.add.at(count[y], words.encode(tokens), 1)
    odds = np.log(count[1] / count[1].sum()) - np.log(count[0] / count[0].sum())
    guess = [odds[words.encode(tokens)].sum() > 0 for tokens in test.tokens()]
    assert 0.9 < np.mean(guess == test.y) < 1


# ---- tables

@book("1.4-variable-types")
def test_ordered_categories_become_numbers_and_others_unit_vectors():
    answers = ["very unsatisfied", "unsatisfied", "neutral", "satisfied", "very satisfied"]
    ordinal = cr.preprocessing.OrdinalEncoder(levels=[answers])
    drawn = np.array(answers, object)[RNG.integers(0, 5, 40)]
    codes = ordinal.fit_transform(drawn[:, None])
    assert codes[:, 0].tolist() == [answers.index(a) for a in drawn]
    assert ordinal.transform([[a] for a in answers])[:, 0].tolist() == [0, 1, 2, 3, 4]
    colours = np.array(["red", "blue", "green", "blue"], object)[:, None]
    nominal = cr.preprocessing.OneHotEncoder().fit(colours)
    z = nominal.transform(colours)
    assert z.shape == (4, 3) and np.all(z.sum(1) == 1)
    assert np.array_equal(z, np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]]))
    with pytest.raises(ValueError, match="OneHotEncoder: X has the category 'pink' in column 0"):
        nominal.transform([["pink"]])
    lenient = cr.preprocessing.OneHotEncoder(unknown="zero").fit(colours)
    assert lenient.transform([["pink"], ["red"]]).tolist() == [[0, 0, 0], [0, 0, 1]]
    with pytest.raises(ValueError, match="unknown 'zero' would be the level that drop 'first' drops"):
        cr.preprocessing.OneHotEncoder(unknown="zero", drop="first").fit(colours)


CUSTOMERS = {                            # records of customers; y is how likely they are to leave
    "age": [34, 51, 29, 45, 38], "bill": [20.5, 33.0, 18.25, 40.0, 25.0],
    "region": ["north", "south", "north", "east", "south"],
    "plan": ["basic", "gold", "basic", "plus", "gold"],
    "happy": ["low", "high", "medium", "low", "medium"],
}


@book("1.4-heterogeneous-table")
def test_a_table_of_several_kinds_becomes_numbers_and_the_same_for_new_rows():
    encoders = cr.preprocessing
    table = cr.models.ColumnTransformer([
        (encoders.Standardizer(), ["age", "bill"]), (encoders.OneHotEncoder(), ["region", "plan"]),
        (encoders.OrdinalEncoder(levels=[["low", "medium", "high"]]), "happy")])
    X = table.fit_transform(CUSTOMERS)
    assert X.shape == (5, 2 + (3 + 3) + 1)                         # p_num + Σ Lᵢ, and one ordered column
    age = np.array(CUSTOMERS["age"], float)
    assert np.allclose(X[:, 0], (age - age.mean()) / age.std())
    assert np.all(X[:, 2:5].sum(1) == 1) and np.all(X[:, 5:8].sum(1) == 1)
    assert X[:, 8].tolist() == [0, 2, 1, 0, 1]
    new = {"plan": ["plus"], "age": [40], "region": ["east"], "bill": [30.0], "happy": ["high"], "id": [7]}
    row = table.transform(new)[0]                                  # by name, in any order
    assert np.allclose(row[0], (40 - age.mean()) / age.std()) and row[2:].tolist() == [1, 0, 0, 0, 0, 1, 2]
    y = np.array([0.2, 0.05, 0.4, 0.7, 0.1])
    fitted = cr.models.LinearRegression().fit(X, y)
    assert fitted.predict(table.transform(new)).shape == (1,)


@book("1.4-heterogeneous-table")
def test_rows_of_mixed_type_are_told_apart_by_what_they_hold():
    compose = pytest.importorskip("sklearn.compose")
    sk = pytest.importorskip("sklearn.preprocessing")
    rows = np.array(list(zip(*CUSTOMERS.values(), strict=True)), object)
    ours = cr.models.ColumnTransformer().fit(rows)
    theirs = compose.ColumnTransformer([("n", sk.StandardScaler(), [0, 1]),
                                        ("c", sk.OneHotEncoder(sparse_output=False), [2, 3, 4])])
    assert np.allclose(ours.transform(rows), theirs.fit_transform(rows), atol=1e-12)
    kept = cr.models.ColumnTransformer([("as is", [1, 0])]).fit_transform(rows)
    assert kept.tolist() == [[b, a] for a, b in zip(CUSTOMERS["age"], CUSTOMERS["bill"], strict=True)]


@pytest.mark.parametrize("parts, X, message", [
    ([("as is", ["size"])], CUSTOMERS, "parts names the column 'size', X has age, bill"),
    ([("as is", [5])], CUSTOMERS, "parts names the column 5, X has 5"),
    ([("as is", "age")], np.ones((2, 2)), "parts names the column 'age', X has no names"),
    ([], CUSTOMERS, "parts is empty"),
    (None, {"a": [1, 2], "b": [1]}, r"the columns have the shapes \[\(1,\), \(2,\)\], need one length"),
    ([("as is", "region")], CUSTOMERS, r"columns \[2\] hold texts; 'as is' needs numbers"),
])
def test_a_table_that_does_not_fit_is_refused(parts, X, message):
    with pytest.raises(ValueError, match="ColumnTransformer: " + message):
        cr.models.ColumnTransformer(parts).fit_transform(X)


def test_new_rows_need_the_columns_that_were_learned():
    table = cr.models.ColumnTransformer().fit(CUSTOMERS)
    with pytest.raises(ValueError, match="ColumnTransformer: X has no column 'plan'; it needs age, bill"):
        table.transform({k: v for k, v in CUSTOMERS.items() if k != "plan"})


# ---- top-k accuracy

@book("1.4-topk-accuracy")
def test_top_k_accuracy_of_four_samples_by_hand():
    scores = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.3, 0.4, 0.3 - 1e-9], [0.2, 0.5, 0.3]])
    y = np.array([0, 1, 2, 0])                                     # first, second, third, third
    shares = [cr.metrics.top_k_accuracy(scores, y, k) for k in (1, 2, 3)]
    assert shares == [0.25, 0.5, 1.0]
    assert shares[0] == cr.metrics.accuracy(scores, y)


@book("1.4-topk-accuracy")
def test_top_k_accuracy_grows_with_k_from_accuracy_to_1():
    z, y = RNG.normal(size=(500, 20)), RNG.integers(0, 20, 500)
    shares = [cr.metrics.top_k_accuracy(z, y, k) for k in range(1, 21)]
    assert shares == sorted(shares) and shares[-1] == 1
    assert shares[0] == np.mean(z.argmax(1) == y)
    best = np.argsort(-z, axis=1)[:, :5]
    assert shares[4] == np.mean((best == y[:, None]).any(1))


# ---- what bad files and arguments get

@pytest.mark.parametrize("content, message", [
    (b"", "not a WAV file of integers: cut off"), (b"RIFFxxxxWAVE", "not a WAV file"),
    (b"not a sound at all", "not a WAV file of integers: file does not start with RIFF"),
])
def test_a_foreign_sound_file_is_named(tmp_path, content, message):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        cr.data.read_wav(tmp_path / "a.wav")
    assert str(tmp_path / "a.wav") in str(error.value)


def test_a_cut_off_sound_file_is_named(tmp_path):
    cr.data.write_wav(tmp_path / "a.wav", np.zeros(100, np.int16), 8000)
    (tmp_path / "a.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:-10])
    with pytest.raises(ValueError, match="a.wav: cut off: 190 bytes, its header needs 200"):
        cr.data.read_wav(tmp_path / "a.wav")


@pytest.mark.parametrize("width, dtype", [(1, "<u1"), (3, None), (4, "<i4")])
def test_sounds_of_other_widths_are_read(tmp_path, width, dtype):
    levels = np.array([[-3, 4], [100, -128], [7, 0]]) * 256 ** (width - 1)
    if width == 3:
        stored = b"".join(int(v).to_bytes(3, "little", signed=True) for v in levels.ravel())
    else:
        stored = (levels + (128 if width == 1 else 0)).astype(dtype).tobytes()
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((2, width, 8000, 3, "NONE", ""))
        file.writeframes(stored)
    x, _ = cr.data.read_wav(tmp_path / "a.wav", scale=False)
    assert np.array_equal(x, levels.T)
    scaled, _ = cr.data.read_wav(tmp_path / "a.wav")
    assert np.array_equal(scaled, (levels.T / 128 / 256 ** (width - 1)).astype(np.float32))


data = cr.data


@pytest.mark.parametrize("make, message", [
    (lambda d: data.write_wav(d / "x", np.array([1.5]), 8000), r"amplitudes need to lie in \[-1, 1\]"),
    (lambda d: data.write_wav(d / "x", np.array([np.nan]), 8000), r"amplitudes need to lie in \[-1, 1\]"),
    (lambda d: data.write_wav(d / "x", np.array([1, 2]), 8000), "x needs to be int16 or floating point"),
    (lambda d: data.write_wav(d / "x", np.zeros(3), 0), "write_wav: rate must be a positive integer, got 0"),
    (lambda d: data.vectorize(np.zeros(3)), r"vectorize: image \(3,\) needs at least 2 axes"),
    (lambda d: data.vectorize(np.zeros((3, 3)), "F"), "order 'F' is unknown; needs one of row, column"),
    (lambda d: data.unvectorize(np.zeros(5), (2, 3)), r"x \(5,\) needs a last axis of 6 for a picture"),
    (lambda d: data.scenes(2, rng=cr.Rng(0), size=8), "scenes: size must be at least 16 pixels, got 8"),
    (lambda d: data.scenes(2, rng=cr.Rng(0), least=4), "scenes: least must lie in 0 ... 3, got 4"),
    (lambda d: data.Vocabulary([["a"]], size=1), "Vocabulary: size must be at least 2, got 1"),
    (lambda d: data.made_reviews(0, rng=cr.Rng(0)), "made_reviews: n must be a positive integer, got 0"),
])
def test_errors_say_what_is_needed(tmp_path, make, message):
    with pytest.raises(ValueError, match=message):
        make(tmp_path)
    assert not list(tmp_path.iterdir())


def test_pictures_that_are_none_and_folders_without_any_are_named(tmp_path):
    pytest.importorskip("PIL.Image")
    with pytest.raises(FileNotFoundError, match="ImageFolder: .* needs a folder a class with pictures in it"):
        cr.data.ImageFolder(tmp_path)
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="1.png: damaged or not a picture: UnidentifiedImageError"):
        next(iter(cr.data.ImageFolder(tmp_path, 32).batches(1)))
    with pytest.raises(IndexError, match="decode: ids need to lie in 0 ... 2, got 3 ... 3"):
        cr.data.Vocabulary([["a"]]).decode([3])
