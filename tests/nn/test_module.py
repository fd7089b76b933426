"""The tree of tensors: names, copies, freezing, saving."""
import chainrule as cr
import numpy as np
import pytest

from .oracle import assert_close, draw, torch


class Tied(cr.nn.Module):
    """One table, used twice."""
    buffers = ("count",)

    def __init__(self, rng):
        self.table = cr.nn.Embedding(5, 3, rng=rng)
        self.blocks = [cr.nn.Linear(3, 3, rng=rng), cr.nn.Linear(3, 3, rng=rng)]
        self.heads = {"a": cr.nn.Linear(3, 2, rng=rng)}
        self.out = self.table.weight
        self.count = cr.zeros((2,))
        self.words = ["not", "tensors"]

    def __call__(self, index):
        x = self.table(index)
        for block in self.blocks:
            x = x + block(x)
        return x @ self.out.T


@pytest.fixture
def model():
    return Tied(cr.Rng(0))


def test_names_are_dotted_paths_and_a_shared_parameter_comes_once(model):
    assert list(model.named_parameters()) == [
        "table.weight", "blocks.0.weight", "blocks.0.bias", "blocks.1.weight", "blocks.1.bias",
        "heads.a.weight", "heads.a.bias"]
    assert list(model.named_buffers()) == ["count"]
    assert set(model.state_dict()) == {*model.named_parameters(), "out", "count"}
    assert model.parameter_count() == 15 + 12 + 12 + 8


def test_gradients_have_the_names_of_the_parameters_and_add_up_over_shared_uses(model):
    index = cr.tensor([0, 2, 2])
    grads = cr.grad(lambda m: cr.sum(m(index)))(model)
    assert list(grads) == list(model.named_parameters())
    free = cr.grad(lambda out: cr.sum((lambda x: x + 0)(model.table(index)) @ out.T))(model.out)
    assert grads["table.weight"].shape == free.shape
    assert np.abs(np.asarray(grads["table.weight"])[1]).sum() > 0     # row 1 is used by the output alone


def test_parameters_are_untouched_by_a_transform(model):
    before = {name: np.array(p) for name, p in model.named_parameters().items()}
    cr.grad(lambda m: cr.sum(m(cr.tensor([1]))))(model)
    assert all(np.array_equal(before[name], p) for name, p in model.named_parameters().items())
    assert not any(p.recorded for p in model.named_parameters().values())


def test_frozen_parameters_have_no_gradient_and_do_not_move(model):
    model.freeze("blocks.0")
    assert "blocks.0.weight" not in model.named_parameters()
    assert "blocks.0.weight" in model.named_parameters(frozen=True)
    opt = cr.optim.SGD(model, alpha=0.1)
    before = np.array(model.blocks[0].weight), np.array(model.blocks[1].weight)
    opt.update(cr.grad(lambda m: cr.sum(m(cr.tensor([1, 2])) ** 2))(model))
    assert np.array_equal(before[0], model.blocks[0].weight)
    assert not np.array_equal(before[1], model.blocks[1].weight)
    model.unfreeze("blocks.*.weight")
    assert "blocks.0.weight" in model.named_parameters() and "blocks.0.bias" not in model.named_parameters()
    with pytest.raises(ValueError, match="freeze: no parameter matches 'blocs'"):
        model.freeze("blocs")


def test_train_and_eval_are_properties_of_each_instance(model):
    assert model.training and model.blocks[1].training
    model.eval()
    assert not model.training and not model.blocks[1].training and not model.heads["a"].training
    assert cr.nn.Linear(1, 1, rng=cr.Rng(0)).training
    model.blocks[0].train()
    assert model.blocks[0].training and not model.training


def test_loading_copies_in_place_and_checks_before_it_writes(model):
    other = Tied(cr.Rng(1))
    weight = model.blocks[0].weight
    model.load_state_dict(other.state_dict())
    assert model.blocks[0].weight is weight and np.array_equal(weight, other.blocks[0].weight)
    assert model.out is model.table.weight

    before = np.array(model.table.weight)
    bad = {**Tied(cr.Rng(2)).state_dict(), "heads.a.bias": cr.zeros((3,))}
    with pytest.raises(cr.ShapeError, match=r"load_state_dict: heads.a.bias is \(3,\), .* needs \(2,\)"):
        model.load_state_dict(bad)
    state = model.state_dict()
    del state["count"]
    with pytest.raises(ValueError, match=r"load_state_dict: missing \['count'\], unexpected \['more'\]"):
        model.load_state_dict({**state, "more": cr.zeros(())})
    assert model.load_state_dict({**state, "more": 1}, strict=False) == (["count"], ["more"])
    assert np.array_equal(before, model.table.weight)


def test_to_changes_the_dtype_of_floating_tensors_and_keeps_sharing(model):
    model.steps = cr.zeros((), dtype=cr.int64)
    model.to(dtype=cr.float64)
    assert model.blocks[0].weight.dtype == model.count.dtype == cr.float64
    assert model.steps.dtype == cr.int64
    assert model.out is model.table.weight


def test_a_sequential_has_pytorchs_names_and_is_a_list_of_layers():
    t = torch()
    rng = cr.Rng(0)
    ours = cr.nn.Sequential(cr.nn.Linear(4, 8, rng=rng), cr.nn.ReLU(), cr.nn.Linear(8, 2, rng=rng))
    theirs = t.nn.Sequential(t.nn.Linear(4, 8), t.nn.ReLU(), t.nn.Linear(8, 2))
    ours.load_state_dict(theirs.state_dict())
    x = draw(3, 4)
    assert_close(ours(cr.tensor(x)), theirs(t.tensor(x)).detach())
    assert len(ours) == 3 and isinstance(ours[1], cr.nn.ReLU) and len(ours[:2]) == 2
    assert [type(layer).__name__ for layer in ours] == ["Linear", "ReLU", "Linear"]
    named = cr.nn.Sequential(first=cr.nn.Linear(1, 1, rng=rng))
    assert list(named.named_parameters()) == ["first.weight", "first.bias"]


def test_the_summary_lists_layers_in_order_with_exact_sums():
    model = cr.models.LeNet(channels=1, size=28, rng=cr.Rng(0))
    text = model.summary((1, 28, 28))
    lines = text.splitlines()
    assert lines[0].split() == ["layer", "output", "shape", "parameters", "multiply-adds"]
    convolution = next(line for line in lines if "0: Conv2d" in line)
    assert convolution.split()[2:] == ["(16,", "24,", "24)", "416", "230,400"]
    assert f"{model.parameter_count():,} parameters" in lines[-1]
    dense = next(line for line in lines if "1: Linear" in line)
    assert dense.split()[-2:] == ["65,664", "65,536"]
    assert model.training
    assert "frozen" in model.freeze("trunk").summary((1, 28, 28))


def test_the_summary_shows_the_books_nets():
    """Figure 5.1: 31 and 61 parameters."""
    for sizes, count in [((4, 5, 1), 31), ((4, 4, 3, 5, 1), 61)]:
        model = cr.nn.MLP(*sizes, rng=cr.Rng(0), activation="sigmoid")
        assert f"{count} parameters" in model.summary(sizes[:1])


def test_a_module_that_sets_attributes_inside_a_transform_leaves_no_trace():
    class Counter(cr.nn.Module):
        buffers = ("calls",)

        def __init__(self):
            self.w, self.calls = cr.ones((1,)), cr.zeros(())

        def __call__(self, x):
            self.last = x * self.w
            self.calls[...] = self.calls + 1
            return self.last

    model = Counter()
    cr.grad(lambda m: cr.sum(m(cr.ones((1,)))))(model)
    assert not hasattr(model, "last") and model.calls.item() == 1


def test_a_module_without_call_says_so():
    with pytest.raises(NotImplementedError, match="Module: needs a __call__"):
        cr.nn.Module()(1)
