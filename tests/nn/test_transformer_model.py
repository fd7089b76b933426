"""The encoder-decoder transformer translates numbers into words."""
import chainrule as cr
import numpy as np
import pytest

from .oracle import assert_close

ONES = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen eighteen nineteen").split()
TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()
LEXICON = ["<pad>", "<start>", "<stop>", "hundred", "and", *ONES, *TENS[2:]]
PAD, START, STOP = 0, 1, 2


def in_words(n):
    """Of 0 to 999, in English."""
    if n < 20:
        return [ONES[n]]
    if n < 100:
        return [TENS[n // 10]] + ([ONES[n % 10]] if n % 10 else [])
    return [ONES[n // 100], "hundred"] + (["and", *in_words(n % 100)] if n % 100 else [])


def padded(rows, length):
    return np.array([row + [PAD] * (length - len(row)) for row in rows])


def pairs(numbers):
    """Digits as words 1 to 10, and the number's name between <start> and <stop>."""
    source = padded([[int(d) + 1 for d in str(n)] for n in numbers], 3)
    target = padded([[START, *map(LEXICON.index, in_words(n)), STOP] for n in numbers], 7)
    return source, target


def small(**options):
    settings = {"p": 32, "heads": 4, "hidden": 64, "layers": 1, "padding": PAD, "rng": cr.Rng(0)}
    return cr.models.Transformer(11, len(LEXICON), **{**settings, **options})


@pytest.mark.book("1.2-transformer")
@pytest.mark.cpu("takes long on the emulator")
def test_it_learns_the_names_of_numbers_and_names_unseen_ones():
    order = np.random.default_rng(0).permutation(1000)
    train, test = order[:800], order[800:]
    source, target = pairs(train)
    model = small()
    adam = cr.optim.Adam(model, alpha=cr.optim.schedules.Cosine(5e-3, 40 * 13))
    step = cr.value_and_grad(lambda m, x, y: m.loss(x, y))
    for epoch in range(40):
        shuffled = np.random.default_rng(epoch).permutation(800)
        for i in range(0, 800, 64):
            rows = shuffled[i:i + 64]
            adam.update(step(model, cr.tensor(source[rows]), cr.tensor(target[rows]))[1])
    said = model.eval().translate(cr.tensor(pairs(test)[0]), START, STOP, 8)
    right = [[LEXICON[w] for w in row] == in_words(n) for row, n in zip(said, test, strict=True)]
    assert np.mean(right) > 0.95


def test_padding_and_later_words_change_nothing():
    model = small(layers=2, norm_first=True)
    source, target = pairs([7, 345])
    z = model(cr.tensor(source), cr.tensor(target)).numpy()
    assert z.shape == (2, 7, len(LEXICON))
    assert_close(model(cr.tensor(source[:1, :1]), cr.tensor(target[:1, :2])), z[:1, :2], 1e-5, 1e-5)
    alone, together = model.encode(cr.tensor(source[:1, :1])), model.encode(cr.tensor(source))
    assert_close(alone[0, 0], together[0, 0], 1e-5, 1e-5)
    assert_close(model(cr.tensor(source[1]), cr.tensor(target[1])), z[1], 1e-5, 1e-5)


@pytest.mark.book("1.2-transformer")
def test_translation_feeds_its_own_words_back():
    """Each word is the best one after the words before it."""
    model = small(rng=cr.Rng(5))
    source = cr.tensor(pairs([7, 345, 60])[0])
    for row, words in enumerate(model.translate(source, START, STOP, 5)):
        prefix = [START, *words]
        z = model(source[row:row + 1], cr.tensor([prefix])).numpy()[0]
        best = z.argmax(1).tolist()
        assert best[:len(words)] == words
        assert len(words) == 5 or best[-1] == STOP


def test_one_step_lowers_the_loss_and_reaches_every_parameter():
    model = small()
    x, y = map(cr.tensor, pairs(range(90, 110)))
    step = cr.value_and_grad(lambda m: m.loss(x, y))
    before, grads = step(model)
    silent = [name for name, g in grads.items() if not np.abs(g.numpy()).any()]
    assert silent == []
    cr.optim.Adam(model, alpha=1e-3).update(grads)
    assert step(model)[0].item() < before.item()


def test_it_names_what_is_wrong():
    model = small(longest=4)
    with pytest.raises(cr.ShapeError, match="Transformer: 5 words are more than longest 4"):
        model.encode(cr.zeros((1, 5), dtype=cr.int64))
    with pytest.raises(ValueError, match="temperature above 0 needs rng="):
        model.translate(cr.zeros((1, 3), dtype=cr.int64), START, STOP, 3, temperature=1.0)
    with pytest.raises(cr.ShapeError, match=r"translate: source \(3,\) needs shape \(N, S\)"):
        model.translate(cr.zeros((3,), dtype=cr.int64), START, STOP, 3)
