"""Learning curves: the loss of each step and epoch, and the measures on test data.   Book: Fig. 4.4"""
from ..io import atomic


def draw(history, path):
    """Write the learning curves of a History to a .png file."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ModuleNotFoundError("draw: needs matplotlib: pip install 'chainrule[plot]'") from None
    names = {name for row in history.epochs for name in row if name.startswith("test_")}
    measures = sorted(names - {"test_loss"})
    figure = Figure(figsize=(5 * (1 + bool(measures)), 3.6), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots(1, 1 + bool(measures), squeeze=False)[0]
    draw_loss(axes[0], history)
    if measures:
        draw_measures(axes[1], history, measures)
    for axis in axes:
        axis.xaxis.get_major_locator().set_params(integer=True)
    atomic.replace(path, lambda temporary: canvas.print_png(temporary))


def draw_loss(axis, history):
    ends, epochs = history.steps, [row["epoch"] for row in history.epochs]
    if ends:
        a_pass = ends[0]                                         # steps in an epoch
        axis.plot([(i + 1) / a_pass for i in range(len(history.loss))], history.loss,
                  color="0.8", linewidth=0.7, label="each step")
    axis.plot(epochs, history.column("train_loss"), marker=".", label="training, mean over the epoch")
    if any("test_loss" in row for row in history.epochs):
        axis.plot(epochs, history.column("test_loss"), marker=".", label="test")
    axis.set(xlabel="epoch", ylabel="loss", title="Loss")
    if history.loss and min(history.loss) > 0:
        axis.set_yscale("log")
    if epochs:
        axis.legend()


def draw_measures(axis, history, measures):
    epochs = [row["epoch"] for row in history.epochs]
    for name in measures:
        axis.plot(epochs, history.column(name), marker=".", label=name.removeprefix("test_"))
    axis.set(xlabel="epoch", ylabel=measures[0].removeprefix("test_") if len(measures) == 1 else "measure",
             title="On test data")
    if len(measures) > 1:
        axis.legend()
