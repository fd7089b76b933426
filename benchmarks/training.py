"""Whole training steps with Adam: batch in, loss, gradients, update."""
import chainrule as cr

from .harness import Case


def cases(peers, rng, tiny):
    batch = 8 if tiny else 64
    x, y = cr.normal((batch, 784), rng=rng), cr.randint(10, shape=(batch,), rng=rng)
    yield step("MLP 784-300-100-10", peers, cr.nn.MLP(784, 300, 100, 10, rng=rng), x, y, torch_mlp)
    image = x.reshape((batch, 1, 28, 28))
    yield step("LeNet 28x28", peers, cr.models.LeNet(10, channels=1, size=28, rng=rng), image, y, torch_lenet)


def step(name, peers, model, x, y, torch_model):
    adam = cr.optim.Adam(model, alpha=1e-3)
    both = cr.value_and_grad(lambda model, x, y: cr.losses.cross_entropy(model(x), y))

    def ours():
        value, grads = both(model, x, y)
        adam.update(grads)
        return value
    case = Case(f"training step {name}, batch {x.shape[0]}", ours)
    if torch := peers.torch:
        theirs, s, t = torch_model(torch), torch.from_numpy(x.numpy()), torch.from_numpy(y.numpy())
        case.peers["torch"] = torch_step(torch, theirs, s, t)
        if peers.compiles:
            again = torch_model(torch)
            case.peers["torch-compile"] = torch_step(torch, torch.compile(again), s, t)
    return case


def torch_step(torch, model, x, y):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def run():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss
    return run


def torch_mlp(torch):
    nn = torch.nn
    return nn.Sequential(nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10))


def torch_lenet(torch):
    """The layers of chainrule.models.LeNet."""
    nn = torch.nn
    return nn.Sequential(nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 5), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, 10))
