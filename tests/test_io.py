"""Files of tensors: the way there and back, other readers, and files that are not whole."""
import json
import os
import struct
import subprocess
import sys
import time

import chainrule as cr
import numpy as np
import pytest

pytest.importorskip("safetensors")


def test_every_dtype_comes_back_bit_by_bit(tmp_path):
    values = np.array([[0.0, -1.5, 3.25], [np.inf, 65504, 2**-14]])
    floats, whole = ("float64", "float32", "float16", "bfloat16"), ("int64", "int32", "uint8", "bool")
    tensors = {d: cr.tensor(values).astype(getattr(cr, d)) for d in floats}
    tensors |= {d: cr.tensor(np.array([[0, 1], [2, 3]])).astype(getattr(cr, d)) for d in whole}
    cr.io.save(tmp_path / "a.safetensors", tensors)
    back = cr.io.load(tmp_path / "a.safetensors")
    assert set(back) == set(tensors)
    for name, t in tensors.items():
        assert back[name].dtype == t.dtype and back[name].shape == t.shape
        wide = [np.asarray(a.astype(cr.float64)) for a in (back[name], t)]
        assert np.array_equal(*wide)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0, 2), (2, 3, 4)])
def test_any_shape_comes_back(tmp_path, shape):
    a = np.random.default_rng(0).normal(size=shape)
    cr.io.save(tmp_path / "a", {"a": cr.tensor(a)})
    assert np.array_equal(np.asarray(cr.io.load(tmp_path / "a")["a"]), a)


def test_transposed_and_strided_tensors_are_written_by_value(tmp_path):
    a = np.arange(24.0).reshape(4, 6)
    t = cr.tensor(a)
    cr.io.save(tmp_path / "a", {"transposed": t.T, "strided": t[::2, ::-1]})
    back = cr.io.load(tmp_path / "a")
    assert np.array_equal(np.asarray(back["transposed"]), a.T)
    assert np.array_equal(np.asarray(back["strided"]), a[::2, ::-1])


def test_trees_come_back_with_their_structure(tmp_path):
    tree = {"a": [cr.tensor([1.0, 2.0]), (1, None, "x")], "b": {"c": 2.5, "d": float("inf"), "e": True},
            "a.0": cr.tensor(3.0), "big": 2**63 + 5, "empty": {}}
    cr.io.save(tmp_path / "a", tree)
    back = cr.io.load(tmp_path / "a")
    assert np.asarray(back["a"][0]).tolist() == [1, 2] and back["a"][1] == (1, None, "x")
    assert back["b"] == tree["b"] and back["big"] == 2**63 + 5 and back["empty"] == {}
    assert back["a.0"].item() == 3


def test_notes_are_read_without_the_tensors(tmp_path):
    cr.io.save(tmp_path / "a", {"a": cr.zeros(3)}, {"author": "Ada"})
    assert cr.io.metadata(tmp_path / "a") == {"author": "Ada"}


def test_a_module_is_a_flat_file_that_others_can_read(tmp_path):
    from safetensors.numpy import load_file

    layer = cr.nn.Linear(3, 2, rng=cr.Rng(0))
    cr.io.save(tmp_path / "a", layer)
    arrays = load_file(tmp_path / "a")
    assert set(arrays) == {"weight", "bias"} and np.array_equal(arrays["weight"], np.asarray(layer.weight))


def test_pytorch_weights_are_loaded_into_the_same_model(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    theirs = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3))
    save_file(theirs.state_dict(), tmp_path / "a")
    first, last = (cr.nn.Linear(n, m, rng=cr.Rng(n)) for n, m in ((5, 4), (4, 3)))
    ours = cr.nn.Sequential(first, cr.nn.ReLU(), last)
    cr.io.load(tmp_path / "a", into=ours)
    x = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    assert np.allclose(np.asarray(ours(cr.tensor(x))), theirs(torch.tensor(x)).detach().numpy(), atol=1e-6)


def damaged(data):
    length = struct.unpack("<Q", data[:8])[0]
    yield from (data[:n] for n in (0, 4, 8, 8 + length // 2, 8 + length, len(data) - 1))
    yield data + b"x"
    yield b"\xff" * 8 + data[8:]
    yield b"PK\x03\x04" + data[4:]
    yield data.replace(b'"F32"', b'"Q32"')
    yield data.replace(b"[2,3]", b"[9,3]")
    yield data[:8] + b"[" * length + data[8 + length:]


def test_a_damaged_file_is_named_and_changes_nothing(tmp_path):
    layer = cr.nn.Linear(3, 2, rng=cr.Rng(0))
    before = np.asarray(layer.weight).copy()
    path = tmp_path / "a.safetensors"
    cr.io.save(path, layer)
    for bad in list(damaged(path.read_bytes())):
        path.write_bytes(bad)
        with pytest.raises(ValueError) as error:
            cr.io.load(path, into=layer)
        assert str(path) in str(error.value) and "\n" not in str(error.value)
        assert np.array_equal(np.asarray(layer.weight), before)


def test_a_damaged_structure_is_named(tmp_path):
    from safetensors.numpy import save_file

    nested = json.dumps({"list": []}).replace("[]", "[" * 50_000 + "]" * 50_000)
    for structure in ("nonsense", "[]", "{}", '{"tensor": "absent"}', '{"evil": 1}', '{"dict": 3}', nested):
        save_file({"a": np.zeros(2, np.float32)}, tmp_path / "a", {"chainrule": structure})
        with pytest.raises(ValueError, match="the structure in its metadata is damaged"):
            cr.io.load(tmp_path / "a")


@pytest.mark.parametrize("state, message", [
    ({"weight": np.zeros((2, 4), np.float32), "bias": np.zeros(2, np.float32)}, "weight"),
    ({"weight": np.zeros((2, 3), np.float32)}, "bias"),
    ({"weight": np.ones((2, 3), np.float32), "bias": np.zeros(2, np.float32), "more": np.zeros(1)}, "more"),
])
def test_names_and_shapes_that_do_not_fit_change_nothing(tmp_path, state, message):
    layer = cr.nn.Linear(3, 2, rng=cr.Rng(0))
    before = np.asarray(layer.weight).copy()
    cr.io.save(tmp_path / "a", state)
    with pytest.raises(ValueError) as error:
        cr.io.load(tmp_path / "a", into=layer)
    text = str(error.value)
    assert message in text and str(tmp_path / "a") in text and "\n" not in text
    assert np.array_equal(np.asarray(layer.weight), before)


def test_what_cannot_be_saved_is_refused_and_the_old_file_kept(tmp_path):
    cr.io.save(tmp_path / "a", {"a": cr.ones(2)})
    for tree in ({"f": len}, {1: cr.ones(2)}, {"c": np.ones(2, complex)}):
        with pytest.raises((TypeError, ValueError)):
            cr.io.save(tmp_path / "a", tree)
    assert np.asarray(cr.io.load(tmp_path / "a")["a"]).tolist() == [1, 1]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_missing_files_and_folders():
    with pytest.raises(FileNotFoundError):
        cr.io.load("/nowhere/a.safetensors")
    with pytest.raises(OSError):
        cr.io.save("/proc/nowhere/a.safetensors", {"a": cr.ones(2)})


WRITER = """
import sys, numpy as np, chainrule as cr
n = 0
while True:
    n += 1
    cr.io.save(sys.argv[1], {"n": n, "a": cr.tensor(np.full(200_000, float(n)))})
    if n == 1: print("ready", flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_killing_a_writer_leaves_a_whole_file(tmp_path):
    path = tmp_path / "a.safetensors"
    for wait in (0.013, 0.05, 0.031):
        process = subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(wait)
        process.kill()
        process.wait()
        process.stdout.close()
        back = cr.io.load(path)
        assert (np.asarray(back["a"]) == back["n"]).all()


def test_equal_trees_are_equal_files(tmp_path):
    notes = {f"note {i}": 'text, "quoted" and é' * i for i in range(8)}
    for name, order in (("a", 1), ("b", -1)):
        tree = {"x": cr.arange(3), "y": [cr.ones(2), 1.5]}
        cr.io.save(tmp_path / name, tree, dict(list(notes.items())[::order]))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    found = cr.io.metadata(tmp_path / "a")
    assert {name: found[name] for name in notes} == notes
    assert np.asarray(cr.io.load(tmp_path / "a")["x"]).tolist() == [0, 1, 2]
