"""Loaders: what they return, and what they say about files that are not there or not whole."""
import gzip
import lzma
import os
import struct
import tarfile

import chainrule as cr
import numpy as np
import pytest

real = pytest.mark.skipif("CHAINRULE_DATA" not in os.environ, reason="needs the data sets in CHAINRULE_DATA")


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty data folder and cache."""
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "data"


@pytest.fixture
def little_mnist(folder):
    """Five and three random pictures in the files of MNIST."""
    (folder / "mnist").mkdir(parents=True)
    draw = np.random.default_rng(0)
    for half, n in (("train", 5), ("t10k", 3)):
        pictures = draw.integers(0, 256, (n, 28, 28), np.uint8)
        files = {"images-idx3": pictures, "labels-idx1": np.arange(n, dtype=np.uint8)}
        for kind, array in files.items():
            (folder / "mnist" / f"{half}-{kind}-ubyte.gz").write_bytes(gzip.compress(idx(array)))
    return folder / "mnist"


def test_mnist_reads_its_four_files(little_mnist):
    train, test = cr.data.mnist()
    assert train.x.shape == (5, 1, 28, 28) and test.x.shape == (3, 1, 28, 28)
    assert train.x.dtype == cr.float32 and train.y.dtype == cr.int64
    pixels = cr.data.read_idx(little_mnist / "train-images-idx3-ubyte.gz")
    assert np.array_equal(np.asarray(train.x)[:, 0], pixels.astype(np.float32) / np.float32(255))
    assert np.asarray(test.y).tolist() == [0, 1, 2]


def test_standardised_pixels_have_mean_zero_and_deviation_one(little_mnist):
    train, test = cr.data.mnist(standardize=True, flat=True)
    x = np.asarray(train.x)
    assert x.shape == (5, 784) and abs(x.mean()) < 1e-6 and abs(x.std() - 1) < 1e-5


def test_unpacked_files_are_found_too(little_mnist):
    packed = little_mnist / "train-labels-idx1-ubyte.gz"
    (little_mnist / "train-labels-idx1-ubyte").write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    assert len(cr.data.mnist()[0]) == 5


DAMAGE = {                               # how a good file is spoiled, what the error says
    "cut": (lambda packed: packed[:-20], "cut off or damaged"),
    "half": (lambda packed: gzip.compress(gzip.decompress(packed)[:1000]), "cut off or damaged: 1000 bytes"),
    "longer": (lambda packed: gzip.compress(gzip.decompress(packed) + b"0"), "cut off or damaged"),
    "magic": (lambda packed: gzip.compress(b"\1" + gzip.decompress(packed)[1:]), "not an idx file: begins 0"),
    "floats": (lambda packed: gzip.compress(b"\0\0\x0d\3" + gzip.decompress(packed)[4:]), "not an idx file"),
    "empty": (lambda packed: b"", "not an idx file"),
    "page": (lambda packed: b"<html>404</html>", "not an idx file: begins 3c68746d"),
    "flipped": (lambda packed: packed[:200] + bytes([packed[200] ^ 255]) + packed[201:], ""),
    "huge": (lambda packed: gzip.compress(b"\0\0\x08\3" + b"\xff" * 12), "cut off or damaged"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_idx_file_is_named_in_one_line(little_mnist, name):
    spoil, message = DAMAGE[name]
    path = little_mnist / "train-images-idx3-ubyte.gz"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ValueError) as error:
        cr.data.mnist()
    assert str(path) in str(error.value) and message in str(error.value) and "\n" not in str(error.value)


def test_pictures_without_their_labels_are_refused(little_mnist):
    path = little_mnist / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx(np.zeros(4, np.uint8))))
    with pytest.raises(ValueError, match=r"mnist: train has pictures \(5, 28, 28\) and labels \(4,\)"):
        cr.data.mnist()


def test_labels_that_are_no_digits_are_refused(little_mnist):
    path = little_mnist / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx(np.array([0, 200, 1], np.uint8))))
    with pytest.raises(ValueError, match="mnist: t10k has the label 200, needs 0 to 9"):
        cr.data.mnist()


def test_a_channel_of_one_colour_stays_finite(little_mnist):
    for half, n in (("train", 5), ("t10k", 3)):
        black = gzip.compress(idx(np.zeros((n, 28, 28), np.uint8)))
        (little_mnist / f"{half}-images-idx3-ubyte.gz").write_bytes(black)
    assert np.all(np.asarray(cr.data.mnist(standardize=True)[1].x) == 0)


def records(n):
    draw = np.random.default_rng(1)
    table = draw.integers(0, 256, (n, 3073), np.uint8)
    table[:, 0] %= 10
    return table


def test_cifar_records_are_a_label_and_three_planes(tmp_path):
    table = records(4)
    for name, data in (("a.bin", table.tobytes()), ("a.bin.xz", lzma.compress(table.tobytes()))):
        (tmp_path / name).write_bytes(data)
        pixels, labels = cr.data.read_cifar(tmp_path / name)
        assert np.array_equal(labels, table[:, 0]) and pixels.shape == (4, 3, 32, 32)
        assert pixels[2, 1, 5, 7] == table[2, 1 + 1024 + 5 * 32 + 7]


@pytest.mark.parametrize("data, message", [
    (records(2).tobytes()[:-1], "cut off or not CIFAR-10: 6145 bytes"), (b"", "0 bytes"),
    (b"\x0b" + bytes(3072), "label 11 is above 9"), (lzma.compress(records(2).tobytes())[:-40], "cut off"),
])
def test_a_damaged_cifar_file_is_named_in_one_line(tmp_path, data, message):
    path = tmp_path / "batch.bin"
    path.write_bytes(data)
    with pytest.raises(ValueError) as error:
        cr.data.read_cifar(path)
    assert str(path) in str(error.value) and message in str(error.value)


def test_the_official_cifar_archive_is_read(folder, tmp_path):
    home = folder / "cifar10"
    home.mkdir(parents=True)
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    with tarfile.open(home / "cifar-10-binary.tar.gz", "w:gz") as archive:
        for name in names:
            (tmp_path / name).write_bytes(records(3).tobytes())
            archive.add(tmp_path / name, f"cifar-10-batches-bin/{name}")
    train, test = cr.data.cifar10()
    assert train.x.shape == (15, 3, 32, 32) and test.x.shape == (3, 3, 32, 32)
    path = home / "cifar-10-binary.tar.gz"
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(ValueError, match="cifar-10-binary.tar.gz: cut off or damaged"):
        cr.data.cifar10()


@pytest.mark.parametrize("name, file", [
    ("mnist", "train-images-idx3-ubyte.gz"), ("cifar10", "cifar-10-binary.tar.gz"), ("names", "names.txt"),
])
def test_a_missing_file_says_where_to_put_it(folder, name, file, monkeypatch):
    def unreachable(url, folder, file, sum):
        raise ConnectionError("no route")

    monkeypatch.setattr(cr.data.files, "download", unreachable)
    with pytest.raises(FileNotFoundError) as error:
        getattr(cr.data, name)()
    text = str(error.value)
    needed = (file, str(folder / name), "cache", "http", "ConnectionError", "CHAINRULE_DATA")
    assert all(part in text for part in needed)
    assert "\n" not in text


def test_a_download_is_checked_and_cached(folder, tmp_path, monkeypatch):
    pytest.importorskip("pooch")
    import http.server
    import threading
    from functools import partial
    from hashlib import sha256

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "names.txt").write_text("ada\nbo\n")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path / "site"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/names.txt"
    try:
        with pytest.raises(FileNotFoundError, match="hash"):
            cr.data.files.find("names", "names.txt", url, "0" * 64)
        assert not list((tmp_path / "cache").rglob("*.*"))
        path = cr.data.files.find("names", "names.txt", url, sha256(b"ada\nbo\n").hexdigest())
        assert path == tmp_path / "cache" / "names" / "names.txt" and cr.data.names() == ["ada", "bo"]
    finally:
        server.shutdown()


@real
@pytest.mark.parametrize("load, counts", [
    (cr.data.mnist, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]),
    (cr.data.fashion_mnist, [6000] * 10),
])
def test_the_complete_sets_have_the_published_class_counts(load, counts):
    train, test = load()
    assert np.bincount(np.asarray(train.y)).tolist() == counts and len(test) == 10_000
    assert np.asarray(train.x).min() == 0 and np.asarray(train.x).max() == 1


@real
def test_the_first_pixels_of_cifar_are_those_of_the_original():
    train, test = cr.data.cifar10()
    assert np.asarray(train.y)[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    assert np.rint(255 * np.asarray(train.x)[0, :, 0, 0]).tolist() == [59, 62, 63]
    assert np.rint(255 * np.asarray(test.x)[0, :, 0, 0]).tolist() == [158, 112, 49]


@real
def test_texts_and_graphs_have_the_published_sizes():
    train, test = cr.data.tinyshakespeare()
    assert (len(train), len(test), len(train.characters)) == (1_003_854, 111_540, 65)
    assert train.decode(train.ids[:13]) == "First Citizen"
    assert len(cr.data.names()) == 32_033 and cr.data.names()[0] == "emma"
    for load, n, p, E in ((cr.data.cora, 2708, 1433, 10_556), (cr.data.citeseer, 3327, 3703, 9104)):
        graph = load()
        assert graph.x.shape == (n, p) and graph.edges.shape == (2, E)
        assert len(graph.validation) == 500 and len(graph.test) == 1000
        A = graph.adjacency()
        assert A.shape == (n, n) and A.sum(axis=1).tolist() == A.sum(axis=0).tolist()       # undirected


def test_a_damaged_graph_is_named(folder):
    (folder / "cora").mkdir(parents=True)
    (folder / "cora" / "cora.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(ValueError, match=r"cora.npz: cut off, damaged or not cora"):
        cr.data.cora()


@pytest.mark.parametrize("change, message", [
    ({}, None),
    ({"edge_index": np.array([[0, 1], [1, 3]])}, "with nodes that are not there"),
    ({"edge_index": np.array([[0, 1], [1, -1]])}, "with nodes that are not there"),
    ({"test_idx": np.array([7])}, "with nodes that are not there"),
    ({"y": np.array([0, 1])}, r"3 nodes, classes \(2,\)"),
    ({"x_indices": np.array([0, -1, 1])}, "cut off, damaged or not cora: column -1 is negative"),
    ({"x_indptr": np.array([0, 9, 2, 3])}, "cut off, damaged or not cora"),
])
def test_a_graph_that_contradicts_itself_is_refused(folder, change, message):
    (folder / "cora").mkdir(parents=True)
    good = {"x_indptr": np.array([0, 1, 2, 3]), "x_indices": np.array([0, 1, 1]), "num_features": 2,
            "y": np.array([0, 1, 0]), "edge_index": np.array([[0, 1], [1, 0]]), "train_idx": np.array([0]),
            "val_idx": np.array([1]), "test_idx": np.array([2])}
    np.savez(folder / "cora" / "cora.npz", **{**good, **change})
    if message is None:
        assert cr.data.cora().x.tolist() == [[1, 0], [0, 1], [0, 1]]
        return
    with pytest.raises(ValueError, match=message) as error:
        cr.data.cora()
    assert "cora.npz" in str(error.value) and "\n" not in str(error.value)


def test_text_windows_are_followed_by_what_comes_next(tmp_path):
    (tmp_path / "a.txt").write_text("abcabcab", encoding="utf-8")
    text = cr.data.text(tmp_path / "a.txt")
    data = text.windows(3)
    assert len(data) == 5 and text.characters == "abc"
    x, y = data[1]
    assert text.decode(x) == "bca" and text.decode(y) == "cab"
    [(x, y)] = data.batches(5)
    assert x.shape == (5, 3) and np.array_equal(np.asarray(x)[:, 1:], np.asarray(y)[:, :-1])
    with pytest.raises(ValueError, match="encode: character 'z' is not among the 3 of this text"):
        text.encode("az")


def test_text_that_is_not_utf8_is_named(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"ab\xff\xfe")
    with pytest.raises(ValueError, match="a.txt: not UTF-8 text: invalid start byte at byte 2"):
        cr.data.text(tmp_path / "a.txt")


def test_names_that_are_no_text_are_named(folder):
    (folder / "names").mkdir(parents=True)
    (folder / "names" / "names.txt").write_bytes(b"ada\xff")
    with pytest.raises(ValueError, match="names.txt: not UTF-8 text"):
        cr.data.names()


def test_the_cache_follows_the_users_settings(monkeypatch, tmp_path):
    monkeypatch.delenv("CHAINRULE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cr.data.files.cache() == tmp_path / "chainrule"
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "own"))
    assert cr.data.files.cache() == tmp_path / "own"


@pytest.mark.parametrize("load, sizes, p, counts", [
    (cr.data.digits, (1442, 355), (1, 8, 8), None), (cr.data.iris, (120, 30), (4,), [50, 50, 50]),
    (cr.data.wine, (144, 34), (13,), [59, 71, 48]), (cr.data.breast_cancer, (456, 113), (30,), [357, 212]),
])
def test_tables_are_split_the_same_way_in_every_class(load, sizes, p, counts):
    pytest.importorskip("sklearn")
    train, test = load()
    assert (len(train), len(test)) == sizes and train.x.shape[1:] == p and train.y.dtype == cr.int64
    both = np.bincount(np.asarray(train.y)) + np.bincount(np.asarray(test.y))
    assert counts is None or both.tolist() == counts
    assert np.ptp(np.bincount(np.asarray(test.y)) / both) < 0.02
    again = load()[1]
    assert np.array_equal(np.asarray(again.x), np.asarray(test.x)) and len(load(split=False)) == sum(sizes)


def test_the_tumours_have_the_names_of_the_book():
    pytest.importorskip("sklearn")
    data = cr.data.breast_cancer(split=False, dtype=np.float64)
    assert data.features[0] == "radius_mean" and data.features[24] == "smoothness_worst"
    assert data.classes[1] == "malignant"
    assert np.asarray(data.y).sum() == 212 and data.x.dtype == cr.float64


def test_regression_targets_stay_numbers():
    pytest.importorskip("sklearn")
    train, test = cr.data.diabetes(standardize=True)
    assert (len(train), len(test)) == (354, 88) and train.y.dtype == cr.float32
    assert np.allclose(np.asarray(train.x).std(0), 1, atol=1e-5)


@real
@pytest.mark.book("2.2-boston-data")
def test_boston_has_506_rows_of_which_16_are_capped():
    whole = cr.data.boston(split=False, capped=True, dtype=np.float64)
    data = cr.data.boston(split=False, dtype=np.float64)
    assert len(whole) == 506 and len(data) == 490 and data.features == ("rm", "lstat")
    assert (np.asarray(whole.y) == 50).sum() == 16 and np.asarray(data.y).max() == 48.8
    rm, lstat = np.asarray(data.x).T
    assert np.allclose((rm.mean(), rm.std(), rm.min(), rm.max()), (6.24547, 0.65248, 3.561, 8.78), atol=1e-5)
    assert (lstat.min(), lstat.max()) == (1.98, 37.97) and abs(np.asarray(data.y).mean() - 21.6359) < 1e-4
    train, test = cr.data.boston(columns=("crim",), standardize=True)
    assert (len(train), len(test)) == (392, 98) and train.x.shape == (392, 1) and train.x.dtype == cr.float32
    with pytest.raises(ValueError, match="columns \\['black'\\] are not offered"):
        cr.data.boston(columns=("rm", "black"))


@pytest.mark.book("2.2-boston-data")
def test_without_the_file_a_synthetic_boston_has_the_same_moments(folder):
    with pytest.raises(FileNotFoundError, match="boston.csv is not in"):
        cr.data.boston()
    data = cr.data.boston_like(rng=cr.Rng(3), split=False, dtype=np.float64)
    table = np.c_[np.asarray(data.x), np.asarray(data.y)]
    assert len(data) == 490 and np.allclose(table.mean(0), (6.24547, 12.92402, 21.6359), atol=1e-4)
    assert np.allclose(table.std(0), (0.65248, 7.07595, 7.85727), atol=1e-4)
    assert np.allclose(np.polyfit(table[:, 0], table[:, 2], 1), (8.27, -30.01), atol=0.005)
    with pytest.raises(ValueError, match="n must be at least 4"):
        cr.data.boston_like(rng=cr.Rng(0), n=3)


@pytest.mark.book("2.2-wdbc-data")
def test_the_tumours_are_569_with_30_numbers_each():
    pytest.importorskip("sklearn")
    data = cr.data.breast_cancer(split=False, dtype=np.float64)
    assert data.x.shape == (569, 30) and np.bincount(np.asarray(data.y)).tolist() == [357, 212]
    assert data.features[:2] == ("radius_mean", "texture_mean")
    assert data.features.index("smoothness_worst") == 24 and len(set(data.features)) == 30


@real
@pytest.mark.book("2.2-wdbc-data")
def test_the_tumours_are_the_file_of_the_archive():
    pytest.importorskip("sklearn")
    path = cr.data.files.find("breast-cancer-wisconsin", "wdbc.data")
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    data = cr.data.breast_cancer(split=False, dtype=np.float64)
    assert np.array_equal(np.asarray(data.x), [[float(v) for v in row[2:]] for row in rows])
    assert np.asarray(data.y).tolist() == [int(row[1] == "M") for row in rows]
