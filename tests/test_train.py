"""Training: the loop, and that an interrupted run goes on as if it had not been interrupted."""
import math
import os
import subprocess
import sys
import time

import chainrule as cr
import numpy as np
import pytest

pytest.importorskip("safetensors")


def blobs(n=150, seed=0):
    """Three classes of points in the plane, not quite apart."""
    draw = np.random.default_rng(seed)
    y = np.arange(n) % 3
    x = draw.normal(size=(n, 2)) + 2 * np.stack([np.cos(2.1 * y), np.sin(2.1 * y)], axis=1)
    return cr.data.Dataset(x.astype(np.float32), y)


class Net(cr.nn.Module):
    """A small net with everything that has state: parameters, buffers and chance of its own."""
    def __init__(self, rng):
        self.first = cr.nn.Linear(2, 16, rng=rng)
        self.norm = cr.nn.BatchNorm1d(16)
        self.drop = cr.nn.Dropout(0.2, rng=rng.split())
        self.last = cr.nn.Linear(16, 3, rng=rng)

    def __call__(self, x):
        return self.last(self.drop(cr.relu(self.norm(self.first(x)))))


def fit(epochs, *, seed=0, batch_size=16, kind=None, **options):
    """(model, history) of a run that depends on nothing but its arguments."""
    rng = cr.Rng(seed)
    model = Net(rng)
    optimizer = (kind or cr.optim.Adam)(model, alpha=0.01)
    history = cr.train.fit(model, blobs(), optimizer=optimizer, epochs=epochs, batch_size=batch_size, rng=rng,
                           **{"progress": False, "test": blobs(60, 1)} | options)
    return model, history


def state(model):
    return {name: np.asarray(t).copy() for name, t in model.state_dict().items()}


def same(a, b):
    return set(a) == set(b) and all(np.array_equal(a[name], b[name]) for name in a)


def test_fitting_lowers_the_loss_and_counts_its_steps():
    model, history = fit(8)
    assert len(history.loss) == 8 * 10 and history.steps == list(range(10, 81, 10))
    assert [row["epoch"] for row in history.epochs] == list(range(1, 9))
    assert history.column("train_loss")[-1] < 0.6 * history.column("train_loss")[0]
    assert history.epochs[-1]["test_accuracy"] > 0.85
    assert history.epochs[0]["train_loss"] == pytest.approx(np.mean(history.loss[:10]))
    assert math.isnan(history.column("nonsense")[0])


def test_the_same_seed_gives_the_same_run():
    (a, one), (b, two) = fit(2), fit(2)
    assert one.loss == two.loss and same(state(a), state(b))


def stop_at(step):
    def callback(event, run):
        if event == "step" and run.step == step:
            raise KeyboardInterrupt
    return callback


def test_three_epochs_and_three_more_are_six_bit_by_bit(tmp_path):
    path = tmp_path / "run.safetensors"
    whole, history = fit(6)
    fit(3, checkpoint=path)
    again, resumed = fit(6, checkpoint=path, resume=True)
    """Where checkpoints are written after every step, one holds the place in the data and each Rng."""
    assert same(state(whole), state(again))


@pytest.mark.parametrize("step", [1, 5, 9, 10, 11, 17])
def test_a_run_stopped_amid_an_epoch_goes_on_bit_by_bit(tmp_path, step):
    """The checkpoint after every step (every=0) holds the place in the data and the state of each Rng."""
    path = tmp_path / "run.safetensors"
    whole, history = fit(3)
    with pytest.raises(KeyboardInterrupt):
        fit(3, checkpoint=path, every=0, callbacks=[stop_at(step + 1)])
    again, resumed = fit(3, checkpoint=path, resume=True, prefetch=2)
    assert resumed.loss == history.loss and resumed.epochs == history.epochs
    assert same(state(whole), state(again))


def test_a_schedule_goes_on_where_it_was(tmp_path):
    path, schedule = tmp_path / "run", lambda step: 0.02 / (1 + step)
    history = fit(4, schedule=schedule)[1]
    fit(2, schedule=schedule, checkpoint=path)
    assert fit(4, schedule=schedule, checkpoint=path, resume=True)[1].loss == history.loss


def test_early_stopping_goes_on_and_returns_the_same_best_model(tmp_path):
    best, history = fit(40, patience=3, clip=1.0)
    assert len(history.epochs) < 40
    fit(4, patience=3, clip=1.0, checkpoint=tmp_path / "run")
    again, resumed = fit(40, patience=3, clip=1.0, checkpoint=tmp_path / "run", resume=True)
    assert resumed.loss == history.loss and same(state(best), state(again))


@pytest.mark.book("4.2-performance-proxy")
def test_the_history_has_the_loss_that_is_minimised_and_the_measures_that_matter():
    _, history = fit(3)
    assert len(history.loss) == 3 * history.steps[0] and len(history.epochs) == 3
    for row in history.epochs:
        assert {"train_loss", "test_loss", "test_accuracy"} <= set(row) and 0 <= row["test_accuracy"] <= 1


@pytest.mark.book("4.2-early-stopping")
def test_patience_returns_the_parameters_of_the_best_epoch():
    """A scripted measure: best at epoch 3, so with patience 2 the run ends after epoch 5.   Book: Fig. 4.4"""
    values = iter([5.0, 4.0, 1.0, 2.0, 3.0, 0.0])
    states = []
    model, history = fit(
        6, patience=2, watch="score", metrics={"score": lambda z, y: -current[0]},
        callbacks=[lambda event, run: states.append(state(run.model)) if event == "epoch" else None,
                   lambda event, run: current.__setitem__(0, next(values, 9)) if event == "epoch" else None],
    ) if (current := [next(values)]) else None
    assert len(history.epochs) == 5 and same(state(model), states[2])


def test_checkpoints_of_other_runs_are_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    fit(1, checkpoint=path)
    with pytest.raises(ValueError, match="had batch size 16, this one has 8"):
        fit(2, checkpoint=path, resume=True, batch_size=8)
    with pytest.raises(ValueError, match="had optimizer Adam, this one has"):
        fit(2, checkpoint=path, resume=True, kind=lambda model, alpha: cr.optim.RMSprop(model, alpha=alpha))
    with pytest.raises(FileNotFoundError, match="there is no checkpoint to continue from"):
        fit(2, checkpoint=tmp_path / "none", resume=True)
    cr.io.save(tmp_path / "other", {"a": cr.ones(2)})
    with pytest.raises(ValueError, match="a safetensors file, but not a checkpoint"):
        fit(2, checkpoint=tmp_path / "other", resume=True)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="cut off or not a safetensors file"):
        fit(2, checkpoint=path, resume=True)


KILLED = """
import sys
sys.path.insert(0, sys.argv[1])
from test_train import fit
fit(1000, checkpoint=sys.argv[2], every=0,
    callbacks=[lambda event, run: print("step", flush=True) if run.step == 25 else None])
"""


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
@pytest.mark.cpu("the run that is killed is another process, on the CPU")
def test_a_killed_run_goes_on_from_its_last_checkpoint(tmp_path):
    path = tmp_path / "run.safetensors"
    command = [sys.executable, "-c", KILLED, os.path.dirname(__file__), str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    process.stdout.readline()
    time.sleep(0.02)
    process.kill()
    process.wait()
    process.stdout.close()
    done = len(cr.io.load(path)["loss"]) if path.exists() else 0
    assert done >= 24
    epochs = done // 10 + 1
    assert fit(epochs, checkpoint=path, resume=True)[1].loss == fit(epochs)[1].loss


def test_evaluation_does_not_depend_on_batches_and_leaves_the_mode_alone():
    model, _ = fit(1)
    model.norm.training = False                                  # as if this layer were frozen
    model.drop.training = True
    few, many = (cr.train.evaluate(model, blobs(50, 2), size) for size in (7, 50))
    assert few["accuracy"] == pytest.approx(many["accuracy"])
    assert few["loss"] == pytest.approx(many["loss"], rel=1e-5)
    assert (model.norm.training, model.drop.training) == (False, True)


def test_a_loss_that_is_not_finite_ends_the_run():
    data = cr.data.Dataset(np.full((20, 2), 1e38, np.float32), np.zeros(20, np.int64))
    model = cr.nn.Linear(2, 3, rng=cr.Rng(0))
    adam = cr.optim.Adam(model, alpha=1)
    with pytest.raises(FloatingPointError, match="fit: the loss is .* at step 1, epoch 1; try a smaller"):
        cr.train.fit(model, data, optimizer=adam, epochs=1, rng=cr.Rng(0), progress=False,
                     loss=lambda z, y: cr.mean(z * z))


def test_a_plateau_lowers_the_rate_and_is_saved(tmp_path):
    def plateau():
        return cr.optim.schedules.ReduceOnPlateau(0.05, q=0.5, patience=0, threshold=0.5)

    schedule = plateau()
    history = fit(6, schedule=schedule)[1]
    assert schedule.alpha < 0.05
    fit(3, schedule=plateau(), checkpoint=tmp_path / "run")
    assert fit(6, schedule=plateau(), checkpoint=tmp_path / "run", resume=True)[1].loss == history.loss


def test_regression_has_no_accuracy():
    x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    data = cr.data.Dataset(x, x @ np.array([[1.0], [2.0], [-1.0]], np.float32))
    model = cr.nn.Linear(3, 1, rng=cr.Rng(0))
    adam = cr.optim.Adam(model, alpha=0.1)
    history = cr.train.fit(model, data, test=data, optimizer=adam, epochs=30, batch_size=16,
                           rng=cr.Rng(1), loss=lambda z, y: cr.mean((z - y) ** 2), progress=False)
    assert set(history.epochs[-1]) == {"epoch", "train_loss", "test_loss"}
    assert history.epochs[-1]["test_loss"] < 1e-2


def test_a_callback_can_end_the_run():
    def enough(event, run):
        run.stop = run.epoch == 2
    assert len(fit(9, callbacks=[enough])[1].epochs) == 2


def test_without_a_terminal_there_is_a_line_an_epoch(capsys):
    fit(2, progress=None)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].startswith("epoch 2/2  loss 0.") and lines[1].endswith(" samples/s")
    assert "test accuracy" in lines[0] and "\x1b" not in lines[0]


def test_learning_curves_are_a_picture(tmp_path):
    pytest.importorskip("matplotlib")
    fit(3, curve=tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    cr.train.draw(cr.train.History(), tmp_path / "empty.png")


def test_tensorboard_reads_the_events(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    _, history = fit(2, callbacks=[cr.train.TensorBoard(tmp_path)])
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [e.step for e in events.Scalars("loss")] == list(range(1, 21))
    assert [e.value for e in events.Scalars("loss")] == pytest.approx(history.loss)
    assert events.Scalars("test/accuracy")[-1].value == pytest.approx(history.epochs[-1]["test_accuracy"])


@pytest.mark.parametrize("options, message", [
    ({"epochs": -1}, "fit: epochs must not be negative, got -1"),
    ({"epochs": 1, "patience": 2, "test": None}, "fit: patience needs test="),
    ({"epochs": 1, "resume": True}, "fit: resume needs checkpoint="),
    ({"epochs": 1, "batch_size": 0}, "batches: size must be a positive integer, got 0"),
    ({"epochs": 1, "patience": 1, "watch": "f1"}, "fit: watch='f1' is not measured; there are loss,"),
])
def test_errors_say_what_is_needed(options, message):
    with pytest.raises(ValueError, match=message):
        fit(**options)
