"""The `chainrule` command: train, predict, info, bench."""
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np

import chainrule as cr

from . import classify
from .book import command as book

DEFAULTS = {"data": "digits", "model": "lenet", "seed": 0}
OPTIONS = {"batch_size": "--batch-size"}


class Refused(Exception):
    """A wrong option: one line, exit code 2."""


class Interrupted(Exception):
    """Control-C during training: one line, exit code 130."""


def main(arguments=None):
    """Run the command with `arguments` (the process's own by default); returns the exit code."""
    try:
        import typer  # noqa: F401
    except ImportError:
        return complain("the command line needs typer: pip install 'chainrule[cli]'", 2)
    try:
        given = arguments or sys.argv[1:] or ["--help"]
        code = app()(given, standalone_mode=False, prog_name="chainrule")
        return code if isinstance(code, int) else 0
    except KeyboardInterrupt:
        return complain("interrupted", 130)
    except Interrupted as error:
        return complain(error, 130)
    except BrokenPipeError:                                      # as in `chainrule info | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Refused as error:
        return complain(error, 2)
    except (OSError, ValueError, ArithmeticError, RuntimeError, ImportError, MemoryError) as error:
        return on_error(error)
    except Exception as error:
        if not hasattr(error, "format_message"):                 # the option parser has its own errors
            raise
        return complain(error.format_message(), getattr(error, "exit_code", 2))


def on_error(error):
    """Errors that say in one line what is wrong; the parser's own aborts and exits are RuntimeErrors too."""
    kind = type(error).__name__
    if kind == "Abort":
        return complain("interrupted", 130)
    if kind == "Exit":
        return getattr(error, "exit_code", 0)
    if isinstance(error, OSError) and error.filename and error.strerror:
        return complain(f"{error.filename}: {error.strerror}", 1)
    return complain(error, 1)


def complain(message, code):
    print(f"chainrule: {' '.join(str(message).split())}", file=sys.stderr)
    return code


def app():
    """The option parser, as a function of the arguments."""
    from typing import Annotated

    from typer import Argument, Context, Exit, Option, Typer
    from typer.main import get_command

    commands = Typer(add_completion=False, rich_markup_mode=None,
                     help="Deep learning by hand: train small models, use them, and see what is here.")
    data = f"What to learn: {', '.join(classify.SHAPES)}. Default: digits."
    model = f"What learns: {', '.join(classify.MODELS)}. Default: lenet."

    @commands.command("train")
    def train_command(
        data: Annotated[str | None, Option(help=data)] = None,
        model: Annotated[str | None, Option(help=model)] = None,
        epochs: Annotated[int | None, Option(help="Passes through the data.")] = None,
        batch_size: Annotated[int | None, Option(help="Pictures in a step.")] = None,
        alpha: Annotated[float | None, Option(help="Learning rate at the start; it falls to zero.")] = None,
        seed: Annotated[int | None, Option(help="Of all chance: start and order. Default: 0.")] = None,
        save: Annotated[Path, Option(help="Folder for model, checkpoint and curve.")] = Path("chainrule-run"),
        resume: Annotated[bool, Option("--resume", help="Go on from the checkpoint in that folder.")] = False,
        device: Annotated[str, Option(help="cpu or cuda.")] = "cpu",
    ):
        """Train a classifier of pictures; writes model.safetensors, checkpoint.safetensors and curve.png."""
        given = dict(data=data, model=model, epochs=epochs, batch_size=batch_size, alpha=alpha, seed=seed)
        train(given, save, resume, device)

    @commands.command("predict")
    def predict_command(
        picture: Annotated[Path | None, Argument(help="A picture file (PNG, JPEG, ...).")] = None,
        index: Annotated[int | None, Option(help="Instead of a file: this sample of the test data.")] = None,
        save: Annotated[Path, Option(help="Folder that `train` wrote.")] = Path("chainrule-run"),
    ):
        """Classify a picture with a trained model; prints the probability of each class."""
        predict(picture, index, save)

    @commands.command("info")
    def info_command():
        """Say which version this is and what it found on this machine."""
        for name, value in info():
            print(f"{name:16} {value}")

    @commands.command("bench", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
    def bench_command(context: Context):
        """Run the benchmarks of a checkout: all, or the families named; --list names them, --tiny is quick.

        Other options are those of `python -m benchmarks`: --peers, --out FILE, --compare OLD.json.
        """
        raise Exit(bench(context.args))

    gallery = Typer(rich_markup_mode=None, no_args_is_help=True,
                    help="The book's figures, tables and worked numbers, made here and compared.")
    commands.add_typer(gallery, name="book")
    full = Option("--full", help="The training runs as long as the book's.")
    pages = Option(help="Folder for the pictures and pages.")

    @gallery.command("list")
    def list_command(chapter: Annotated[str | None, Option(help="1 ... 8, A or B.")] = None):
        """List the entries: id and title."""
        book.show_list(chapter)

    @gallery.command("run")
    def run_command(ids: Annotated[list[str], Argument(help="Ids, as `list` prints them.")],
                    out: Annotated[Path | None, pages] = None, whole: Annotated[bool, full] = False):
        """Run entries and print their numbers beside the book's."""
        agree(lambda: book.by_name(ids), out, whole)

    @gallery.command("all")
    def all_command(chapter: Annotated[str | None, Option(help="1 ... 8, A or B; all by default.")] = None,
                    out: Annotated[Path, pages] = Path("book-pages"), whole: Annotated[bool, full] = False):
        """Run a chapter or everything, and write the pages."""
        agree(lambda: book.chosen(chapter), out, whole)

    return get_command(commands)


def agree(choose, out, full):
    """Run entries of the gallery; exit code 1 when a number is off."""
    try:
        entries = choose()
    except (KeyError, ValueError) as error:
        raise Refused(error.args[0]) from None
    if out is not None:
        check_folder(out, "--out")
    if not book.run(entries, out, full):
        raise RuntimeError("book: some numbers are off; their rows are marked ✗")


def train(given, folder, resume, device):
    """Check every option before the first number is computed, then train."""
    config = settings(given, folder, resume)
    check_device(device)
    check_folder(folder)
    print(f"{config['model']} on {config['data']}: {config['epochs']} epochs, batches of "
          f"{config['batch_size']}, "
          f"alpha {config['alpha']:g}, seed {config['seed']}, {device}", flush=True)
    try:
        history = classify.train(folder, config, resume=resume, device=device)
    except KeyboardInterrupt:
        raise Interrupted(left_behind(folder)) from None
    if history.epochs:
        print(f"test accuracy {history.epochs[-1]['test_accuracy']:.2%}")
    print(f"wrote {folder / classify.MODEL} and {folder / classify.CURVE}")


def left_behind(folder):
    """What an interrupted training leaves."""
    if not (folder / classify.CHECKPOINT).is_file():
        return f"interrupted; there is no checkpoint in {folder} yet"
    return f"interrupted; go on from the last checkpoint with: chainrule train --save {folder} --resume"


def settings(given, folder, resume):
    """The options, completed by those of the run that goes on, or by the recipe."""
    given = {name: value for name, value in given.items() if value is not None}
    choice("--data", given.get("data", "digits"), classify.SHAPES)
    choice("--model", given.get("model", "lenet"), classify.MODELS)
    for name, least in (("epochs", 0), ("batch_size", 1), ("seed", 0)):
        if given.get(name, least) < least:
            raise Refused(f"{OPTIONS.get(name, '--' + name)} must be at least {least}, got {given[name]}")
    if not 0 < given.get("alpha", 1) < float("inf"):
        raise Refused(f"--alpha must be positive and finite, got {given['alpha']}")
    if not resume:
        start = {**DEFAULTS, **given}
        return {**DEFAULTS, **vars(classify.recipe(start["data"], start["model"])), **given}
    try:
        before = cr.train.read_config(folder / classify.CHECKPOINT)
    except FileNotFoundError:
        raise Refused(f"--resume: {folder} has no {classify.CHECKPOINT}; "
                      "leave --resume out to begin anew") from None
    for name, value in given.items():
        if name != "epochs" and value != before.get(name):
            option = OPTIONS.get(name, f"--{name}")
            raise Refused(f"--resume: {folder} was trained with {option} {before.get(name)}, "
                          f"got {value}")
    return {**before, **given}


def choice(option, value, choices):
    if value not in choices:
        raise Refused(f"{option} must be one of {', '.join(choices)}, got '{value}'")


def check_device(device):
    choice("--device", device, ("cpu", "cuda"))
    if device == "cuda" and not cr.cuda.is_available():
        raise Refused(f"--device cuda: {cr.cuda.why()}")


def check_folder(folder, option="--save"):
    """Can files be made there? Asked before minutes of training, not after."""
    probe = folder / f".{os.getpid()}.probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Refused(f"{option} {folder}: cannot write there: {error.strerror}") from None


def predict(picture, index, folder):
    if (picture is None) == (index is None):
        raise Refused("predict needs a picture file or --index, one of the two")
    if not (folder / classify.MODEL).is_file():
        raise Refused(f"--save {folder}: has no {classify.MODEL}; "
                      f"write one with: chainrule train --save {folder}")
    model, notes = classify.restore(folder)
    classes = tuple("0123456789")
    if index is None:
        x, title = classify.read_picture(picture, notes["data"]), str(picture)
        if notes["data"] in ("fashion-mnist", "cifar10"):
            classes = cr.data.images.CLOTHES if notes["data"] == "fashion-mnist" else cr.data.images.THINGS
    else:
        test = classify.load(notes["data"])[1]
        if not 0 <= index < len(test):
            raise Refused(f"--index must lie in 0 ... {len(test) - 1}, got {index}")
        x, y = test[index]
        classes = test.classes
        title = f"test sample {index} of {notes['data']}, which is {classes[int(y.item())]}"
    p = classify.probabilities(model, notes, x)
    print(f"{title}: {classes[int(p.argmax())]}, probability {p.max():.2%}")
    for k in np.argsort(-p, kind="stable"):
        print(f"{classes[k]:>12}  {p[k]:8.3%}  {'#' * round(40 * float(p[k]))}")


def info():
    """(name, value) rows about the library and the machine."""
    yield "chainrule", f"{cr.__version__}  {Path(cr.__file__).parent}"
    yield "Python", f"{platform.python_version()}  {sys.executable}"
    yield "NumPy", np.__version__
    yield "system", f"{platform.system()} {platform.machine()}"
    yield "devices", "cpu, cuda" if cr.cuda.is_available() else "cpu"
    yield "CUDA", cr.cuda.why() or f"{cr.cuda.backend()}: {cr.cuda.properties()['name']}"
    yield "instructions", cr.instruction_set()
    yield "threads", str(cr.num_threads())
    yield "memory", memory()


def memory():
    """Of the machine, in GiB."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        total, free = (page * os.sysconf(name) for name in ("SC_PHYS_PAGES", "SC_AVPHYS_PAGES"))
    except (ValueError, OSError, AttributeError):
        return "unknown"
    return f"{total / 2**30:.1f} GiB, {free / 2**30:.1f} GiB free"


def bench(arguments):
    """Exit code of `python -m benchmarks` in the checkout around this package, or the current folder."""
    for root in (Path.cwd(), Path(cr.__file__).resolve().parents[2]):
        if (root / "benchmarks" / "__main__.py").is_file() and (root / "pyproject.toml").is_file():
            break
    else:
        raise Refused("bench: the benchmarks are in the repository, not in the installed package: "
                      "run `chainrule bench` from a checkout")
    here = str(Path(cr.__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    return subprocess.call([sys.executable, "-m", "benchmarks", *arguments], cwd=root,
                           env={**os.environ, "PYTHONPATH": path})
