"""Chapter 1, §1.1: how large a deep net and its data are, and how long one prediction takes."""
from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

import chainrule as cr

from ..models import VGG, vgg19
from .draw import COLOURS, panels
from .registry import book
from .result import Result, fact, near, shown

STAGES = ("pixels", "stage 1", "stage 2", "stage 3", "stage 4", "stage 5", "dense")


@book("1.1-training-size-arithmetic")
def sizes() -> Result:
    """Numbers in the data against numbers in the model.   Book: §1.1

    ImageNet has 1.5 million pictures of 3 · 224 · 224 values each, and VGG19 learns 144 million parameters
    from them. Where VGG19 keeps its numbers is counted on a model of shapes alone, which takes no memory.
    """
    model = vgg19(rng=cr.nn.init.Outline())
    pixels, parameters, images = 3 * 224 * 224, model.parameter_count(), 1_500_000
    values, million = images * pixels, round(parameters / 1e6)
    weights, activations, _ = by_stage(model)
    figure, axis = panels(width=6.4)
    place = np.arange(len(STAGES))
    for shift, counts, label in ((-0.2, weights, "parameters"), (0.2, activations, "values of one picture")):
        axis.bar(place + shift, counts, 0.4, label=label)
    axis.set(yscale="log", ylabel="count", xlabel="part of VGG19", ylim=(1e3, 1e9))
    axis.set_xticks(place, STAGES)
    axis.legend()
    return Result(
        [near("values of one picture, 3 · 224 · 224", 150_528, pixels, 0),
         near("millions of parameters", 144, million, 0),
         near("parameters", 143_667_240, parameters, 0),
         near("rounded as in the book, 1.5e6 pictures · 1.5e5 values", 2.25e11, images * 1.5e5, 0),
         shown("values of the data, not rounded", values, 2.25e11),
         near("values of the data for each parameter, rounded", 1560, 2.25e11 / 1.44e8, 5),
         near("the same, not rounded", 1560, values / parameters, 15),
         near("megabytes of the weights in float32", 575, 4 * parameters / 1e6, 1),
         near("parameters of the parts add up", parameters, sum(weights), 0),
         fact("more than 8 of 10 parameters are in the three dense layers", weights[-1] > 0.8 * parameters)],
        {"What VGG19 stores and what it computes for one picture": figure},
        ["The training set of ILSVRC 2012 has 1,281,167 pictures; the book says about 1.5 million."])


def by_stage(model: VGG) -> tuple[list[int], list[int], int]:
    """Parameters, and outputs of the layers that have some, for the input, the five stages and the rest.

    The third is the number of products that one picture takes.
    """
    weights, outputs, side, products = [0] * 7, [3 * 224 * 224] + [0] * 6, 224, 0
    stage = 1
    for layer in model.features:
        if isinstance(layer, cr.nn.MaxPool2d):
            stage, side = stage + 1, side // 2
        elif isinstance(layer, cr.nn.Conv2d):
            weights[stage] += layer.parameter_count()
            outputs[stage] += layer.weight.shape[0] * side * side
            products += layer.weight.size * side * side
    dense = [layer.weight for layer in model.classifier if isinstance(layer, cr.nn.Linear)]
    weights[6], outputs[6] = model.classifier.parameter_count(), sum(w.shape[0] for w in dense)
    return weights, outputs, products + sum(w.size for w in dense)


@book("1.1-latency-benchmark", slow=True)
def latency(full: bool = False) -> Result:
    """Seconds of one prediction by VGG19, one picture at a time.   Book: §1.1

    The weights are drawn, not learnt: the time is the same. The fastest run is the one least disturbed by
    whatever else the machine does; no claim is made, since machines differ.
    """
    model = vgg19(rng=cr.Rng(0)).eval()
    x = cr.uniform((1, 3, 224, 224), rng=cr.Rng(1))
    runs = 20 if full else 3
    rows = [shown("processors of this machine", os.cpu_count() or 1),
            shown("threads used", cr.num_threads())]
    times = {"CPU": seconds(model, x, runs)}
    a = model.probabilities(x)
    if cr.cuda.is_available() and cr.cuda.backend() == "cuda":
        times["GPU"] = seconds(model.to("cuda"), x.to("cuda"), runs)
    for device, measured in times.items():
        rows += [shown(f"seconds per picture, {device}, fastest of {runs}", round(min(measured), 4),
                       "about 0.2" if device == "CPU" else ""),
                 shown(f"seconds per picture, {device}, median", round(float(np.median(measured)), 4))]
    products = by_stage(model)[2] / 1e9
    rows += [shown("billions of products for one picture", round(products, 2)),
             shown("billions of products a second, CPU", round(products / min(times["CPU"]), 1)),
             fact("1000 probabilities that sum to 1",
                  a.shape == (1, 1000) and abs(cr.sum(a).item() - 1) < 1e-6)]
    figure, axis = panels(width=5)
    for (device, measured), colour in zip(times.items(), COLOURS, strict=False):
        axis.plot(range(1, runs + 1), measured, "o-", color=colour, label=device)
    axis.axhline(0.2, color="0.5", linestyle=":", label="the book's fifth of a second")
    axis.set(xlabel="run", ylabel="seconds per picture", ylim=(0, None), xticks=range(1, runs + 1))
    axis.legend()
    remarks = [] if "GPU" in times else ["No GPU here: its time is not measured."]
    return Result(rows, {"Time of a forward pass of VGG19, batch of one": figure}, remarks)


def seconds(model: VGG, x: Any, runs: int) -> list[float]:
    """Times of `runs` predictions after one that fills the caches."""
    def once() -> float:
        start = time.perf_counter()
        model(x)[0, 0].item()                            # waits for the device
        return time.perf_counter() - start

    once()
    return [once() for _ in range(runs)]
