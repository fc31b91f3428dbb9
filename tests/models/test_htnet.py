"""HTNet: the published counts, the weights that cannot learn, and the network without them."""

import pytest
import torch
import torch.nn.functional as F

from openmer.errors import ConfigError
from openmer.models import create_model
from openmer.models.htnet import without_dead_weights
from openmer.training import forward_flops

# It has four tokens in a block: where it has one, as at 28x28, some weights are dead.
FACTS = {
    "htnet": {
        "parameters": 139_582_982,
        "size": 56,
        "published": {"size": 28},
        "small": {"dim": 12, "repeats": "1,1,2"},
    }
}

PRINTED_WEIGHTS, PRINTED_MACS = 139.58e6, 214.3e6
QUERIES_AND_KEYS = 2 * (2 * 256 * 255 + 2 * 512 * 510 + 10 * 1024 * 1020)


def small(**changes):
    """Published but for its width and its depth at the last level."""
    torch.manual_seed(0)
    return create_model("htnet", **({"dim": 16, "repeats": "2,2,3"} | changes))


def flow(clips=3, size=28, channels=3):
    return 255 * torch.rand(clips, channels, size, size, generator=torch.manual_seed(1))


def weights(model):
    return sum(p.numel() for p in model.parameters())


def counted(**changes):
    with torch.device("meta"):
        return weights(create_model("htnet", **changes))


def of_queries_and_keys(model):
    return {name: p for name, p in model.named_parameters() if ".query_key." in name}


def learn(model, clips):
    loss = F.cross_entropy(model(clips), torch.arange(len(clips)) % 3)
    model.zero_grad()
    loss.backward()
    return loss


def test_as_many_weights_and_operations_as_the_paper_that_counted_them_prints():
    assert counted() == pytest.approx(PRINTED_WEIGHTS, rel=1e-4)
    with torch.device("meta"):
        macs = forward_flops(create_model("htnet"), (3, 28, 28)) / 2  # counted, not computed
    assert macs == pytest.approx(PRINTED_MACS, rel=1e-3)


def test_a_seventh_of_the_weights_is_dead():
    dead = counted() - counted(dead_weights=False)
    assert dead == QUERIES_AND_KEYS + 1 == 22_195_201  # one more is the last level's position
    assert 0.15 < dead / counted() < 0.17


def test_at_the_published_size_no_query_and_no_key_ever_gets_a_gradient():
    model = small()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for _ in range(3):
        learn(model, flow(6))
        gradients = [p.grad for p in of_queries_and_keys(model).values()]
        assert len(gradients) == 7
        assert all(torch.equal(each, torch.zeros_like(each)) for each in gradients)
        optimizer.step()
    moved = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
    assert not moved & set(of_queries_and_keys(model))
    others = set(before) - set(of_queries_and_keys(model)) - {"levels.2.position"}
    assert others <= moved


def test_the_last_position_changes_no_logit_at_any_size():
    for size in (28, 56):
        model = small(size=size).double().eval()
        logits = model(flow(size=size).double())
        with torch.no_grad():
            model.levels[-1].position += 5 * torch.randn(model.levels[-1].position.shape)
        torch.testing.assert_close(model(flow(size=size).double()), logits, rtol=0, atol=1e-10)


def test_any_queries_and_keys_give_the_same_logits():
    model = small().eval()
    logits = model(flow())
    with torch.no_grad():
        for weight in of_queries_and_keys(model).values():
            weight.normal_(std=10)
    assert torch.equal(model(flow()), logits)


def test_with_more_tokens_in_a_block_they_matter():
    model = small(size=56)
    learn(model, flow(6, 56))
    assert all(p.grad.abs().sum() > 0 for p in of_queries_and_keys(model).values())


@pytest.mark.parametrize(("double", "tolerance"), [(True, 1e-10), (False, 1e-5)])
def test_without_dead_weights_it_is_the_same_function(double, tolerance):
    full, lean = small(), small(dead_weights=False)
    lean.load_state_dict(without_dead_weights(full.state_dict()))
    if double:
        full, lean = full.double(), lean.double()
    for clips in (flow(5), -flow(2), 1e-3 * flow(1)):
        clips = clips.double() if double else clips
        torch.testing.assert_close(lean(clips), full(clips), rtol=0, atol=tolerance)
        torch.testing.assert_close(lean.features(clips), full.features(clips), rtol=0, atol=1e-4)
    assert (
        weights(full) - weights(lean)
        == sum(p.numel() for p in of_queries_and_keys(full).values()) + 1
    )


def test_without_dead_weights_it_learns_the_same():
    full, lean = small().double(), small(dead_weights=False).double()
    lean.load_state_dict(without_dead_weights(full.state_dict()))
    steps = [torch.optim.SGD(model.parameters(), lr=0.01) for model in (full, lean)]
    for _ in range(5):
        losses = [learn(model, flow(6).double()) for model in (full, lean)]
        torch.testing.assert_close(*losses, rtol=1e-9, atol=0)
        for step in steps:
            step.step()
    live = without_dead_weights(full.state_dict())
    for name, weight in lean.named_parameters():
        torch.testing.assert_close(weight.detach(), live[name], rtol=0, atol=1e-9)


@pytest.mark.slow
def test_the_published_network_without_dead_weights_is_the_same_function():
    torch.manual_seed(0)
    full, lean = create_model("htnet").eval(), create_model("htnet", dead_weights=False).eval()
    lean.load_state_dict(without_dead_weights(full.state_dict()))
    with torch.no_grad():
        logits = full(flow(4))
        torch.testing.assert_close(lean(flow(4)), logits, rtol=0, atol=1e-5)
        torch.testing.assert_close(full.for_inference()(flow(4)), logits, rtol=0, atol=1e-5)


@pytest.mark.parametrize("arguments", [{}, {"dead_weights": False}, {"size": 56}])
def test_the_network_for_inference_is_the_same_function(arguments):
    model = small(**arguments).double().eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    twin, clips = model.for_inference(), flow(size=arguments.get("size", 28)).double()
    torch.testing.assert_close(twin(clips), model(clips), rtol=0, atol=1e-10)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert weights(twin) < weights(model) or "size" in arguments


def test_one_level_attends_within_blocks_by_the_formula():
    """One layer, 2x2 tokens: what the modules do, written out for one clip."""
    model = small(size=14, repeats="1").double().eval()
    clip = flow(1, 14).double()
    tokens = model.patches(clip).flatten(2).transpose(1, 2) + model.levels[0].position[:, None]
    layer = model.levels[0].layers[0]
    norm, attention = layer.attend
    query, key = attention.query_key(norm(tokens)).chunk(2, dim=-1)
    value = attention.value(norm(tokens))
    heads = []
    for head in range(3):
        own = slice(5 * head, 5 * head + 5)  # 16 channels in three heads
        shares = torch.softmax(query[..., own] @ key[..., own].mT / 5**0.5, dim=-1)
        heads.append(shares @ value[..., own])
    tokens = tokens + attention.out(torch.cat(heads, dim=-1))
    tokens = tokens + layer.feed(tokens)
    torch.testing.assert_close(model.features(clip), model.norm(tokens).mean(1))


def test_areas_meet_only_between_levels():
    """A block sees nothing of another one before the first convolution."""
    model = small().eval()
    seen = {}
    model.levels[0].register_forward_hook(lambda *call: seen.update(made=call[2]))
    clips = flow(1)
    changed = clips.clone()
    changed[..., :7, :7] += 50  # the first patch
    made = []
    for each in (clips, changed):
        model(each)
        made.append(seen["made"])
    assert made[0].shape == (16, 1, 16)  # blocks, tokens, channels
    differs = (made[0] != made[1]).flatten(1).any(1)
    assert differs[0] and not differs[1:].any()
    assert (model(clips) != model(changed)).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 30}, "multiple of 28"),
        ({"patch": 0}, "patches of 0x0"),
        ({"heads": 300}, "heads 300"),
        ({"repeats": "2,2,ten"}, "'2,2,10'"),
        ({"repeats": "2,0"}, "'2,0'"),
        ({"size": 56, "dead_weights": False}, "4 tokens"),
    ],
)
def test_a_wrong_request_is_one_clear_error(arguments, message):
    with pytest.raises(ConfigError, match=message):
        create_model("htnet", **arguments)


def test_no_weight_is_left_out_where_blocks_have_more_tokens():
    with pytest.raises(ConfigError, match="4 tokens"):
        without_dead_weights(small(size=56).state_dict())
