"""How a run is going: a bar with rate, loss and time left on a terminal, else a plain line an epoch."""
import sys
import time


def watcher(progress, run):
    """A listener of fit, also a context: the bar, the lines, or nothing."""
    if progress is False:
        return Silent()
    if sys.stdout.isatty():
        try:
            return Bar(run)
        except ImportError:
            pass
    return Lines()


class Silent:
    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def __call__(self, event, run):
        pass


class Lines(Silent):
    """One line an epoch: its losses, measures, seconds and samples a second."""

    def __init__(self):
        self.start, self.samples, self.busy = time.perf_counter(), 0, 0.0

    def __call__(self, event, run):
        if event == "step":
            self.samples += samples(run)
            self.busy = time.perf_counter() - self.start
        if event == "epoch":
            seconds = time.perf_counter() - self.start
            self.line(f"{describe(run)}  {seconds:.1f} s  {self.rate():,.0f} samples/s")
            self.start, self.samples, self.busy = time.perf_counter(), 0, 0.0

    def rate(self):
        """Training samples a second in this epoch, evaluation left out."""
        return self.samples / self.busy if self.busy > 0 else 0.0

    def line(self, text):
        print(text, flush=True)


class Bar(Lines):
    """The lines, and under them a bar over all epochs."""

    def __init__(self, run):
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        super().__init__()
        self.shown = 0.0                                         # when the bar was last drawn anew, s
        self.console = Console(highlight=False)
        columns = [TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"),
                   TextColumn("{task.fields[note]}"), TimeRemainingColumn(), TextColumn("left")]
        self.bar = Progress(*columns, console=self.console, transient=True)
        self.task = self.bar.add_task("", total=run.epochs * run.batches, note="", completed=run.step)

    def __enter__(self):
        self.bar.start()
        return self

    def __exit__(self, *error):
        self.bar.stop()

    def __call__(self, event, run):
        super().__call__(event, run)
        now = time.perf_counter()
        if event == "step" and (now - self.shown > 0.05 or run.position == run.batches):
            self.shown = now
            loss = f"loss {run.history.loss[-1]:.4f}  " if run.history.loss else ""
            self.bar.update(self.task, completed=run.step, note=f"{loss}{self.rate():,.0f} samples/s",
                            description=f"epoch {run.epoch + 1}/{run.epochs}")

    def line(self, text):
        self.console.print(text, markup=False, soft_wrap=True)


def samples(run):
    """Samples in the batch just done: the last of an epoch may be short."""
    return min(run.batch_size, len(run.train) - (run.position - 1) * run.batch_size)


def describe(run):
    row = run.history.epochs[-1]
    parts = [f"epoch {row['epoch']:{len(str(run.epochs))}}/{run.epochs}", f"loss {row['train_loss']:.4f}"]
    for name, value in row.items():
        if name.startswith("test_"):
            shown = f"{value:.2%}" if name == "test_accuracy" else f"{value:.4f}"
            parts.append(f"{name.replace('_', ' ')} {shown}")
    return "  ".join(parts)
