import torch

from spikebert.optimizer import CHUNK, ChunkedAdamW


def test_pieces_are_updated_to_the_same_bits_and_the_same_state_as_wholes():
    torch.manual_seed(0)
    begin = [torch.randn(3, CHUNK // 2 + 7), torch.randn(5), torch.randn(7, CHUNK).T]
    gradients = [[torch.randn_like(p) for p in begin] for _ in range(3)]
    ends = []
    for kind in (torch.optim.AdamW, ChunkedAdamW):
        params = [p.clone().requires_grad_() for p in begin]
        optimizer = kind(params, lr=1e-2, weight_decay=0.01)
        for step in gradients:
            for param, gradient in zip(params, step, strict=True):
                param.grad = gradient
            optimizer.step()
        ends.append((params, optimizer.state_dict()["state"]))
    (plain, plain_state), (chunked, chunked_state) = ends
    assert all(torch.equal(a, b) for a, b in zip(plain, chunked, strict=True))
    for state, other in zip(plain_state.values(), chunked_state.values(), strict=True):
        assert state.keys() == other.keys()
        assert all(torch.equal(state[name], other[name]) for name in state)


def test_a_step_without_gradients_changes_nothing():
    param = torch.ones(2 * CHUNK, requires_grad=True)
    ChunkedAdamW([param]).step()
    assert torch.equal(param, torch.ones(2 * CHUNK))
