"""The `chainrule` command, run as a user runs it."""
import os
import signal
import subprocess
import sys
import time

import chainrule as cr
import numpy as np
import pytest

for package in ("typer", "sklearn", "safetensors", "matplotlib"):
    pytest.importorskip(package)

COMMAND = [sys.executable, "-m", "chainrule"]


def run(*arguments, **options):
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a model trained for the default number of epochs."""
    folder = tmp_path_factory.mktemp("trained")
    done = run("train", "--save", folder)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_training_with_no_options_passes_97_percent(trained):
    folder, out = trained
    accuracy = float(out.split("test accuracy")[-1].split("%")[0])
    assert accuracy > 97
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["checkpoint.safetensors", "curve.png", "model.safetensors"]
    assert cr.io.metadata(folder / "model.safetensors")["data"] == "digits"


def test_predicting_a_test_sample_prints_ten_probabilities(trained):
    done = run("predict", "--index", 3, "--save", trained[0])
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) == 11
    assert lines[0].startswith("test sample 3 of digits, which is ")
    assert abs(sum(float(line.split()[1].rstrip("%")) for line in lines[1:]) - 100) < 0.02


def answer(folder, *what):
    """The class that `predict` names."""
    return run("predict", *what, "--save", folder).stdout.splitlines()[0].split(": ")[-1].split(",")[0]


def test_a_picture_file_gets_the_answer_of_the_sample_it_shows(trained, tmp_path):
    image = pytest.importorskip("PIL.Image")
    test = cr.data.digits()[1]
    right = 0
    for i in range(0, 40, 8):
        pixels = np.uint8(255 * np.asarray(test.x)[i, 0])
        small = image.fromarray(pixels)
        small.save(tmp_path / "same.png")
        image.eval(small.resize((200, 200)), lambda v: 255 - v).convert("RGB").save(tmp_path / "paper.jpg")
        same, paper, sample = (answer(trained[0], *what) for what in (
            [tmp_path / "same.png"], [tmp_path / "paper.jpg"], ["--index", i]))
        assert same == sample
        right += paper == str(np.asarray(test.y)[i])
    assert right >= 4


@pytest.mark.parametrize("arguments, message", [
    (["train", "--data", "imagenet"], "--data must be one of digits, mnist, fashion-mnist, cifar10, got"),
    (["train", "--model", "vgg"], "--model must be one of softmax, mlp, lenet, got 'vgg'"),
    (["train", "--device", "tpu"], "--device must be one of cpu, cuda, got 'tpu'"),
    (["train", "--epochs", "-1"], "--epochs must be at least 0, got -1"),
    (["train", "--epochs", "many"], "--epochs"),
    (["train", "--batch-size", "0"], "--batch-size must be at least 1, got 0"),
    (["train", "--alpha", "0"], "--alpha must be positive and finite, got 0"),
    (["train", "--alpha", "nan"], "--alpha must be positive and finite, got nan"),
    (["train", "--seed", "-3"], "--seed must be at least 0, got -3"),
    (["train", "--speed", "9"], "--speed"),
    (["train", "--save", "/proc/chainrule"], "--save /proc/chainrule: cannot write there"),
    (["train", "--save", "/nowhere-to-be-found", "--resume"], "has no checkpoint.safetensors"),
    (["predict", "--save", "/nowhere-to-be-found", "--index", "0"], "has no model.safetensors"),
    (["predict"], "predict needs a picture file or --index"),
    (["fly"], "fly"),
])
def test_wrong_options_get_one_line_and_code_2(arguments, message, tmp_path):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2 and message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(cr.cuda.is_available(), reason="this machine has a GPU")
def test_training_on_a_gpu_that_is_not_there_says_why(tmp_path):
    done = run("train", "--device", "cuda", cwd=tmp_path)
    assert done.returncode == 2 and done.stderr == f"chainrule: --device cuda: {cr.cuda.why()}\n"


@pytest.mark.parametrize("arguments, message", [
    (["--data", "mnist"], "was trained with --data digits, got mnist"),
    (["--model", "mlp"], "was trained with --model lenet, got mlp"),
    (["--batch-size", "7"], "was trained with --batch-size"),
])
def test_resuming_with_other_options_is_refused(trained, arguments, message):
    done = run("train", "--save", trained[0], "--resume", *arguments)
    assert done.returncode == 2 and message in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_file_that_is_no_picture_is_named(trained, tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    for path in (tmp_path / "a.png", tmp_path / "absent.png"):
        done = run("predict", path, "--save", trained[0])
        assert done.returncode == 1 and path.name in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_damaged_model_is_named(trained, tmp_path):
    (tmp_path / "model.safetensors").write_bytes((trained[0] / "model.safetensors").read_bytes()[:-9])
    done = run("predict", "--index", 0, "--save", tmp_path)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "model.safetensors: cut off" in done.stderr


def losses(folder):
    return np.asarray(cr.io.load(folder / "checkpoint.safetensors")["loss"]).tolist()


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_training_goes_on_as_if_it_had_not_been(tmp_path, how):
    options = ["train", "--model", "mlp", "--epochs", "60", "--save"]
    process = subprocess.Popen([*COMMAND, *options, str(tmp_path / "a")], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    for _ in range(4):                                           # the options, then three epochs
        process.stdout.readline()
    process.send_signal(how)
    _, err = process.communicate(timeout=60)
    assert process.returncode == (-9 if how == signal.SIGKILL else 130)
    if how == signal.SIGINT:
        assert err.startswith("chainrule: interrupted; ") and "--resume" in err and len(err.splitlines()) == 1
    done = len(losses(tmp_path / "a"))
    # the third epoch's line is printed before its checkpoint is written
    assert 2 * 46 <= done < 60 * 46 and not (tmp_path / "a" / "model.safetensors").exists()
    again = run("train", "--save", tmp_path / "a", "--resume")
    assert again.returncode == 0 and "mlp on digits: 60 epochs" in again.stdout
    run(*options, tmp_path / "b")
    assert losses(tmp_path / "a") == losses(tmp_path / "b")
    assert (tmp_path / "a/model.safetensors").read_bytes() == (tmp_path / "b/model.safetensors").read_bytes()


def test_help_is_quick_and_info_is_complete():
    start = time.perf_counter()
    done = run("--help")
    assert done.returncode == 0 and "train" in done.stdout and time.perf_counter() - start < 5
    out = run("info").stdout
    names = ("chainrule", "Python", "NumPy", "devices", "CUDA", "threads", "memory")
    assert all(f"\n{name} " in f"\n{out}" for name in names)


def test_without_typer_there_is_one_helpful_line(tmp_path):
    (tmp_path / "typer.py").write_text("raise ImportError('not here')")
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = run("info", env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 2
    assert done.stderr == "chainrule: the command line needs typer: pip install 'chainrule[cli]'\n"


def test_bench_runs_what_a_checkout_has():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    families = run("bench", "--list", cwd=root).stdout.split()
    files = {name.removesuffix(".py") for name in os.listdir(os.path.join(root, "benchmarks"))}
    assert "matmul" in families and set(families) <= files
    done = run("bench", "matmul", "--tiny", "--peers", "none", cwd=root)
    assert done.returncode == 0 and "GFLOP/s" in done.stdout
