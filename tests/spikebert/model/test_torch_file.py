"""Files of `torch.save`: they come back equal, and nothing that anybody else put into one is executed."""

import io
import os
import pickle
import pickletools
import tarfile
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch

from deploy.workbench.cli import train
from export.cli import main as export
from simulate.cli import main as simulate
from spikebert.core.errors import InputError
from spikebert.core.files import LIST
from spikebert.model.checkpoint import TrainedModel, save_model
from spikebert.model.torch_file import read_tensors
from tests.fuzz.readers import begin_with, resume
from tests.spikebert.model.test_model import TOKENIZER, small_model

PLAIN = [None, True, False, -5, 300, 70_000, 2**40, -(2**70), 1.5, "ä\ud800", (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)]
DTYPES = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]


def trained_once():
    """A module and its optimizer after a step: with a state for each weight."""
    module = torch.nn.TransformerEncoderLayer(8, 2)
    optimizer = torch.optim.AdamW(module.parameters())
    module(torch.zeros(2, 3, 8)).sum().backward()
    optimizer.step()
    return module, optimizer


def content():
    module, optimizer = trained_once()
    shared = torch.arange(12.0)
    return {
        "plain": PLAIN,
        "dtypes": [torch.tensor([0, 1, 1]).to(getattr(torch, name)) for name in DTYPES],
        "trained": module.state_dict(),
        "optimizer": optimizer.state_dict(),
        "random": torch.get_rng_state(),
        "views": [shared, shared[3:5], shared.view(3, 4).T, shared[:0], torch.tensor(3), torch.zeros(0, 4)],
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "empty": [{}, [], OrderedDict()],
        "twice": [PLAIN, PLAIN],
        "many": {f"name {i}": [i] for i in range(3000)},
    }


def same(a, b):
    if isinstance(a, torch.Tensor):
        assert (a.dtype, a.shape, a.stride()) == (b.dtype, b.shape, b.stride()) and torch.equal(a, b)
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            same(one, other)
    else:
        assert a == b
    assert isinstance(a, torch.Tensor) or type(a) is type(b)


def test_what_torch_saves_of_a_training_comes_back_as_torch_reads_it(tmp_path):
    torch.save(content(), tmp_path / "file")
    same(torch.load(tmp_path / "file", weights_only=True), read_tensors(tmp_path / "file", "model"))


def test_an_optimizer_goes_on_from_it(tmp_path):
    module, optimizer = trained_once()
    torch.save({"optimizer": optimizer.state_dict(), "trained": module.state_dict()}, tmp_path / "file")
    found = read_tensors(tmp_path / "file", "model")
    module.load_state_dict(found["trained"])
    optimizer.load_state_dict(found["optimizer"])
    optimizer.step()


class Writes(torch.nn.Module):
    """Writes a file named `executed` into the current folder as it is loaded."""

    def __init__(self):
        super().__init__()
        self.values = torch.zeros(1)

    @torch.jit.export
    def __getstate__(self):
        return self.values, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]):
        self.values = torch.from_file("executed", shared=True, size=4)
        self.training = state[1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.values


class Malicious:
    def __reduce__(self):
        return os.system, ("touch executed",)


def torchscript(path):
    torch.jit.script(Writes()).save(str(path))


def renamed(path):
    """As above under names in other letters, which zip readers of other kinds do not tell apart."""
    torchscript(path)
    with zipfile.ZipFile(path) as archive:
        members = {name.replace("constants", "CONSTANTS"): archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def zipped(path):
    torch.save({"format": Malicious()}, path)


def legacy(path):
    torch.save({"format": torch.ones(2)}, path, _use_new_zipfile_serialization=False)


def pickled(path):
    Path(path).write_bytes(pickle.dumps(Malicious()))


def archived(path):
    with tarfile.open(path, "w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            data = pickle.dumps(Malicious())
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


HOSTILE = [torchscript, renamed, zipped, legacy, pickled, archived]


@pytest.fixture(params=HOSTILE, ids=lambda make: make.__name__)
def hostile(request, tmp_path, monkeypatch):
    """A file that executes something where it is read carelessly, in a folder of its own that is the current one."""
    monkeypatch.chdir(tmp_path)
    request.param("evil.pt")
    yield Path("evil.pt")
    assert not Path("executed").exists()


def test_the_archive_of_these_tests_does_write_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torchscript("evil.pt")
    assert not Path("executed").exists()
    torch.jit.load("evil.pt")
    assert Path("executed").exists()


def test_code_is_refused_by_its_name(tmp_path):
    torchscript(tmp_path / "evil.pt")
    with pytest.raises(InputError, match=r"evil\.pt: holds code \(TorchScript\).* was not executed"):
        read_tensors(tmp_path / "evil.pt", "model")


@pytest.mark.parametrize(
    "command",
    [
        (export, "evil.pt --to nir -o out"),
        (export, "evil.pt --to onnx -o out"),
        (export, "evil.pt --to lava -o out"),
        (train, "qat evil.pt --task task.tsv --out out"),
        (simulate, "verify model.nir --data task.tsv --against evil.pt"),
        (begin_with, "student"),
        (resume, "evil.pt"),
    ],
    ids=lambda command: f"{command[0].__module__} {command[1]}",
)
def test_every_command_that_reads_tensors_refuses_it(hostile, command, capsys):
    Path("task.tsv").write_text("".join(f"{'ab'[i % 2]}\tfilm {i}\n" for i in range(40)))
    Path("student").mkdir()
    Path("student/student.pt").write_bytes(hostile.read_bytes())
    save_model(TrainedModel(small_model(), TOKENIZER, ["a", "b"], {}), Path("model.pt"))
    assert export(["model.pt", "--to", "nir", "-o", "model.nir"]) == 0
    capsys.readouterr()
    main, arguments = command
    assert main(arguments.split()) == 2
    error = capsys.readouterr().err
    assert "evil.pt: " in error or "student.pt: " in error
    assert error.splitlines()[-1].count("error: ") == 1 and "Traceback" not in error
    left = [path for path in Path("out").rglob("*")] if Path("out").is_dir() else []
    data = {"data", "train.jsonl", "dev.jsonl"}  # the task's own
    assert {path.name for path in left} <= {".lock", "settings.json", LIST, *data}  # which bind no later run


def changed(path, change):
    """The file with another pickle: `change` gets and gives its bytes."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, change(data) if name.endswith("/data.pkl") else data)


def twice_as_much(depth):
    """A pickle of lists within lists, each of which holds the one before it twice."""
    steps = b"".join(b"]" + b"(" + b"h%c" % i * 2 + b"e" + b"q%c" % (i + 1) for i in range(depth))
    return b"\x80\x02" + b"]q\x00" + steps + b"."


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02cposix\nsystem\nX\x07\x00\x00\x00echo hi\x85R.",
        b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R.",
        b"\x80\x02}}X\x01\x00\x00\x00ab\x85R.",
        b"\x80\x02N(X\x01\x00\x00\x00aK\x01e.",
        b"\x80\x02ccollections\nOrderedDict\n)RN}b.",
        b"\x80\x02K\x01)R.",
        b"\x80\x02}h\x05.",
        b"\x80\x02}r\xff\xff\xff\x7f0.",
        b"\x80\x02X\xff\xff\xff\x7fa.",
        b"\x80\x02\x85.",
        b"\x80\x02e.",
        b"\x80\x02.",
        b"",
        twice_as_much(60),
        b"\x80\x02" + b"(" * 10**5 + b".",
        b"\x80\x02" + b"]" * 10**5 + b"a" * (10**5 - 1) + b".",
    ],
    ids=range(16),
)
def test_a_pickle_that_does_anything_else_is_one_line(tmp_path, pickled):
    torch.save({"a": torch.ones(2)}, tmp_path / "file")
    changed(tmp_path / "file", lambda _: pickled)
    with pytest.raises(InputError) as error:
        read_tensors(tmp_path / "file", "model")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [((2**40,), (0,), 0), ((4,), (1,), 1), ((2,), (-1,), 1), ((2,), (1,), -1), ("x", (1,), 0)],
)
def test_a_tensor_beyond_its_storage_is_refused(tmp_path, size, stride, offset):
    class Tensor:
        def __reduce__(self):
            numbers = torch.storage.TypedStorage(
                wrap_storage=torch.ones(4).untyped_storage(), dtype=torch.float32, _internal=True
            )
            return torch._utils._rebuild_tensor_v2, (numbers, offset, size, stride, False, OrderedDict())

    torch.save({"a": Tensor()}, tmp_path / "file")
    with pytest.raises(InputError, match="not a readable model"):
        read_tensors(tmp_path / "file", "model")


def test_compressed_and_repeated_members_are_refused(tmp_path):
    torch.save({"a": torch.zeros(2**16)}, tmp_path / "file")
    with zipfile.ZipFile(tmp_path / "file") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "packed", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with zipfile.ZipFile(tmp_path / "twice", "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for name, data in [*members.items(), *members.items()]:
            archive.writestr(name, data)
    for name in ("packed", "twice"):
        with pytest.raises(InputError, match=name):
            read_tensors(tmp_path / name, "model")


def test_the_pickle_of_these_tests_is_of_the_instructions_that_are_read(tmp_path):
    torch.save(content(), tmp_path / "file")
    with zipfile.ZipFile(tmp_path / "file") as archive:
        pickled = archive.read("file/data.pkl")
    assert len({instruction.name for instruction, _, _ in pickletools.genops(pickled)}) > 25
