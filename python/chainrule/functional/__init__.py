"""Composites: functions written in ops. Their derivatives need no word, since those of the ops are known."""
# ruff: noqa: F401
from .attention import attention_weights, dropout, embedding, scaled_dot_product_attention
from .contraction import einsum
from .norm import batch_norm, group_norm, instance_norm, layer_norm, moments, rms_norm
from .products import inner, kron, matrix_power, outer, tensordot, vdot, vecdot
from .recurrent import gru, lstm, rnn
from .views import (
    broadcast_arrays,
    diag,
    flatten,
    matrix_transpose,
    meshgrid,
    moveaxis,
    pad,
    repeat,
    roll,
    split,
    swapaxes,
    tile,
    trace,
    tril,
    triu,
    unstack,
)

del attention, contraction, norm, products, recurrent, views  # noqa: F821  (the files' names, not for `import *`)
