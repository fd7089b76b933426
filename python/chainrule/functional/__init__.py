"""Composites: functions written in ops. Their derivatives need no word, since those of the ops are known."""
from .attention import (
    attention_weights,
    dropout,
    embedding,
    scaled_dot_product_attention,
    self_attention,
)
from .contraction import einsum
from .convolution import convolve
from .index import (
    gather,
    index_add,
    index_select,
    isin,
    nonzero,
    one_hot,
    scatter_add,
    unique,
    unique_all,
    unique_counts,
    unique_inverse,
    unique_values,
)
from .norm import batch_norm, group_norm, instance_norm, layer_norm, moments, rms_norm
from .order import median, quantile
from .products import inner, kron, matrix_power, outer, tensordot, vdot, vecdot
from .recurrent import gru, lstm, rnn
from .segment import segment_mean, segment_softmax, segment_sum
from .special import log_normal_cdf, logit
from .statistics import correlation, covariance
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

# Without the names of the files: `norm` is a function of the core.
__all__ = [name for name, f in globals().items() if getattr(f, "__module__", "").startswith(__name__)]
