"""A run as TensorBoard events: scalars by step and by epoch."""
import time


class TensorBoard:
    """A callback of fit that writes losses and measures to `folder` for `tensorboard --logdir folder`."""

    def __init__(self, folder):
        try:
            from tensorboard.compat.proto import event_pb2, summary_pb2
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ImportError:
            raise ModuleNotFoundError("TensorBoard: pip install 'chainrule[tensorboard]'") from None
        self.event, self.summary = event_pb2.Event, summary_pb2.Summary
        self.writer = EventFileWriter(str(folder))
        self.written = None

    def __call__(self, event, run):
        losses = run.history.loss
        if self.written is None:                                 # a resumed run goes on where it was
            self.written = max(len(losses) - 1, 0) if event == "step" else len(losses)
        for step in range(self.written, len(losses)):
            self.scalar("loss", losses[step], step + 1)
        self.written = len(losses)
        if event == "epoch":
            for name, value in run.history.epochs[-1].items():
                if name != "epoch":
                    self.scalar(name.replace("_", "/", 1), value, run.step)
            self.writer.flush()
        if event == "end":
            self.writer.close()

    def scalar(self, tag, value, step):
        """One point of curve `tag`."""
        entry = self.summary(value=[self.summary.Value(tag=tag, simple_value=value)])
        self.writer.add_event(self.event(wall_time=time.time(), step=step, summary=entry))
