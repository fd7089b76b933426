"""The package as a whole: what it imports, says about itself, and documents."""
import ast
import doctest
import importlib
import inspect
import pkgutil
import re
import sys
from pathlib import Path

import chainrule as cr
import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = (ROOT / "pyproject.toml").read_text()
SOURCES = sorted(Path(cr.__file__).parent.rglob("*.py"))
OPTIONAL = {"scipy", "sklearn", "pooch", "matplotlib", "typer", "rich", "PIL", "safetensors", "tensorboard"}


# ---- import
def test_importing_needs_numpy_alone(python):
    """Every package beyond NumPy costs a multiple of our own time to import."""
    out = python("import sys, numpy\nbefore = set(sys.modules)\nimport chainrule\n"
                 "print(*{name.partition('.')[0] for name in set(sys.modules) - before})")
    assert set(out.split()) <= {"chainrule", *sys.stdlib_module_names}


@pytest.mark.parametrize("name", "nn losses metrics optim models data train io random".split())
def test_subpackages_need_numpy_alone_too(python, name):
    out = python(f"import sys, chainrule\nchainrule.{name}\nprint(*sys.modules)")
    assert not OPTIONAL & {module.partition(".")[0] for module in out.split()}


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'chainrule' has no attribute 'nothing'"):
        cr.nothing  # noqa: B018


def test_star_import_brings_functions_and_no_stray_modules(python):
    out = python("from chainrule import *\nimport types\n"
                 "print(*(n for n, v in list(globals().items()) if isinstance(v, types.ModuleType)))")
    assert set(out.split()) & {"np", "math", "numpy"} == set()


# ---- what it says about itself
def test_the_version_is_that_of_the_project_file():
    assert cr.__version__ == re.search(r'^version = "(.*)"', PYPROJECT, re.MULTILINE)[1]


def test_the_changelog_has_this_version():
    assert f"## {cr.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_without_a_gpu_the_reason_is_told():
    if cr.cuda.is_available():
        assert cr.cuda.why() is None and cr.cuda.device_count() > 0
        return
    why = cr.cuda.why()
    assert why and "\n" not in why and cr.cuda.device_count() == 0
    for call, op in ((cr.cuda.synchronize, "synchronize"), (cr.cuda.memory, "memory"),
                     (lambda: cr.zeros(2).to("cuda"), ""), (lambda: cr.zeros(2, device="cuda"), "")):
        with pytest.raises(cr.DeviceError) as caught:
            call()
        assert why in str(caught.value) and str(caught.value).startswith(op)


def test_waiting_for_the_cpu_is_nothing_to_do():
    cr._core.synchronize("cpu")
    assert cr._core.cuda_unavailable() == cr.cuda.why()


# ---- optional packages
def extras():
    block = PYPROJECT.partition("[project.optional-dependencies]")[2].partition("\n[")[0]
    return {m[1]: ast.literal_eval(m[2]) for m in re.finditer(r"^(\w+) = (\[.*\])$", block, re.MULTILINE)}


WITHOUT = {
    "sklearn": ("cr.data.digits()", "data"),
    "matplotlib": ("cr.train.curves.draw(cr.train.History(), 'curve.png')", "plot"),
    "safetensors": ("cr.io.save('a.safetensors', {'a': cr.zeros(2)})", "io"),
    "tensorboard": ("cr.train.TensorBoard('folder')", "tensorboard"),
    "PIL": ("import chainrule.classify as c; c.read_picture('a.png', 'digits')", "cli"),
}


@pytest.mark.parametrize("package", WITHOUT)
def test_what_is_not_installed_is_asked_for_by_the_name_of_its_extra(python, package, tmp_path):
    call, extra = WITHOUT[package]
    out = python(f"""
import os, sys
os.chdir({str(tmp_path)!r})
sys.modules[{package!r}] = None
import chainrule as cr
try:
    {call}
except ModuleNotFoundError as error:
    print(error)
""")
    assert re.fullmatch(rf".*pip install 'chainrule\[{extra}\]'\n", out), out
    assert not list(tmp_path.iterdir())


def test_the_extras_that_messages_name_are_there():
    named = {extra for path in SOURCES for extra in re.findall(r"chainrule\[(\w+)\]", path.read_text())}
    assert named and named <= set(extras())


def test_all_holds_every_extra_that_a_user_needs():
    inside = set(re.search(r"\[(.*)\]", extras()["all"][0])[1].split(","))
    assert inside == set(extras()) - {"all", "test", "dev", "tensorboard"}


# ---- documentation
def modules():
    names = [module.name for module in pkgutil.walk_packages(cr.__path__, "chainrule.")]
    others = re.compile(r".*\.(__main__|_core|libchainrule_cuda)$|chainrule\.book(\..*)?$")
    return [cr, *(importlib.import_module(name) for name in names if not others.match(name))]


def public():
    """(dotted name, object) of the functions and classes that users see."""
    found = {}
    for module in [cr, *(m for m in modules() if m.__name__.count(".") == 1 and m is not cr.tree)]:
        for name, value in vars(module).items():
            own = inspect.isbuiltin(value) or getattr(value, "__module__", "").startswith("chainrule")
            if callable(value) and own and not name.startswith("_"):
                found.setdefault(id(value), (f"{module.__name__}.{name}", value))
    return sorted(found.values(), key=lambda pair: pair[0])


def documentation(value):
    """The docstring, without the signature that pybind11 puts before those of the core."""
    text = inspect.getdoc(value) or ""
    return re.sub(r"\A\w+\(.*\) -> .*\n+", "", text)


def test_every_public_name_says_what_it_is():
    """Commands are documented by --help."""
    names = [(name, value) for name, value in public() if not name.startswith("chainrule.cl")]
    assert len(names) > 200
    assert not [name for name, value in names if not documentation(value).split("\n")[0].strip()]


def test_fields_of_docstrings_come_in_their_order():
    order = ["Shapes", "Units", "Start", "Errors", "Cost", "Differs", "Example"]
    wrong = []
    for name, value in public():
        fields = re.findall(rf"^({'|'.join(order)})(?:$|  )", documentation(value), re.MULTILINE)
        if fields != sorted(fields, key=order.index):
            wrong.append((name, fields))
    assert not wrong


def examples():
    """Everything with a >>> in its docstring; doctest does not find the core's by itself."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    tests = [test for module in modules() for test in finder.find(module)]
    parser = doctest.DocTestParser()
    for name, value in vars(cr._core).items():
        text = getattr(value, "__doc__", None) or ""
        tests.append(parser.get_doctest(text, {}, f"chainrule.{name}", None, 0))
    return {test.name: test for test in tests if test.examples}


@pytest.mark.parametrize("name", examples())
def test_examples_in_docstrings_print_what_they_say(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    test = examples()[name]
    test.globs = {"cr": cr, "np": np, **test.globs}
    said = []
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=said.append)
    assert result.failed == 0, "".join(said)


def test_the_readme_names_files_and_folders_that_are_there():
    readme = (ROOT / "README.md").read_text()
    named = re.findall(r"`((?:csrc|cuda|python|tests|benchmarks|tools|\.ci)/[^`]*)`", readme)
    assert len(named) > 5
    assert not [path for path in named if not list(ROOT.glob(path.strip("/")))]
