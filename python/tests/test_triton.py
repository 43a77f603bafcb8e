"""Draws by Triton's kernels: interpreted, as they are compiled, and on a GPU where there is one."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest

torch = pytest.importorskip("torch")

import varscale.torch  # noqa: E402
from varscale import _torch_device  # noqa: E402
from varscale._core import Scheme  # noqa: E402

needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="triton is not installed"
)


@needs_triton
def test_interpreted():
    script = Path(__file__).with_name("interpreted_triton.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(script)]
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1800)
    assert shown.returncode == 0, shown.stdout + shown.stderr


LAWS = {
    "uniform": ("RandomUniform", -1.0, 1.0),
    "truncated normal": ("TruncatedNormal", 0.0, 1.0),
    "bounded": ("TruncatedNormal", 0.0, 1.0, None, None, 0.0, 1.0),
    "mirrored, with tails": ("TruncatedNormal", 0.0, 1.0, None, None, -9.0, 1.0),
    "normal": ("RandomNormal", 0.0, 1.0),
}


def compiled(law, target, isolated, monkeypatch):
    """What Triton compiles, for a GPU that is not here, of draws in each form that kernels have."""
    from triton.backends.compiler import GPUTarget
    from triton.runtime import driver, jit

    from varscale import _triton

    target = GPUTarget(*target)
    # A device by itself, since kernels are kept by devices.
    absent = SimpleNamespace(get_current_target=lambda: target, get_current_device=lambda: target)
    absent.get_current_stream = lambda device: 0
    monkeypatch.setattr(driver, "_active", absent)
    monkeypatch.setattr(_triton, "isolated", lambda: isolated)
    made, run = [], jit.JITFunction.run

    def compile_only(kernel, *arguments, warmup, enable_fp_fusion, **options):
        assert not enable_fp_fusion
        # What is isolated depends on no option.
        options |= {"warmup": True, "enable_fp_fusion": isolated}
        made.append(run(kernel, *arguments, **options).asm)

    monkeypatch.setattr(jit.JITFunction, "run", compile_only)
    draw = Scheme(*LAWS[law]).draw((100, 70), 1, "native")
    # Programs and what they leave, twice, and rows.
    for dtype, extent in [("float32", (100, 70)), ("bfloat16", (3, 5)), ("float16", (20, 70))]:
        transform = draw.native().transform(dtype)
        out = torch.empty(extent, dtype=getattr(torch, dtype))
        _triton.DeviceDraw(draw, draw.native(), transform).fill(out, (0, 0))
    assert len(made) == 5
    return made


@needs_triton
@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("isolated", [False, True])
def test_nothing_is_contracted(law, capability, isolated, monkeypatch):
    made = [asm["ptx"] for asm in compiled(law, ("cuda", capability, 32), isolated, monkeypatch)]
    for ptx in made:
        operations = {line.operation for line in instructions(ptx) if ARITHMETIC(line.operation)}
        if isolated:
            assert not any("fma" in one or "mad" in one for one in operations)
            assert not chained(ptx)
        else:
            allowed = {f"{name}.rn.f32" for name in ["add", "sub", "mul", "div", "sqrt"]}
            assert "mul.rn.f32" in operations and operations <= allowed
            assert chained(ptx)
    # Whole programs store 16 bytes at a time, and nothing by way of shared memory.
    whole = [ptx for ptx in made if "st.global.v4" in ptx]
    assert len(whole) == 2 and not any("bar.sync" in ptx for ptx in whole)


@needs_triton
@pytest.mark.parametrize("law", LAWS)
def test_nothing_is_contracted_on_amd(law, monkeypatch):
    whole = 0
    for asm in compiled(law, ("hip", "gfx942", 64), True, monkeypatch):
        operations = re.findall(r"^\s+(v_[a-z]+(?:_[a-z]+)*_f32)", asm["amdgcn"], re.MULTILINE)
        if "v_rcp_iflag_f32" in operations:
            # Of rows, integers are divided by way of floats.
            continue
        whole += 1
        divisions = operations.count("v_div_fixup_f32")
        fused = [one for one in operations if re.match("v_(fma|fmac|mad|pk_fma)", one)]
        # All of them in the divisions, which are no more than guesses.
        assert operations.count("v_mul_f32") + operations.count("v_pk_mul_f32") > 2
        assert len(fused) == 5 * divisions
    assert whole == 4


class Instruction(NamedTuple):
    operation: str
    result: str
    operands: list[str]


ARITHMETIC = re.compile(r"(add|sub|mul|mad|fma|div|sqrt|rsqrt|rcp)\.[a-z.]*f32").fullmatch


def instructions(ptx):
    for line in re.findall(r"^\s+(?:@!?%p\d+ )?([a-z][\w.]+) +\t?(%.*);", ptx, re.MULTILINE):
        result, *operands = re.findall(r"%\w+", line[1])
        yield Instruction(line[0], result, operands)


def chained(ptx):
    """Whether any float operation takes an operand from another, by selections or directly."""
    lines = list(instructions(ptx))
    came = {}
    for line in lines:
        came.setdefault(line.result, []).append(line)

    def of_arithmetic(register):
        for line in came.get(register, []):
            moved = line.operation.startswith(("mov.", "selp.", "neg.", "abs."))
            if ARITHMETIC(line.operation) or (moved and any(map(of_arithmetic, line.operands))):
                return True
        return False

    return any(
        ARITHMETIC(line.operation) and any(map(of_arithmetic, line.operands)) for line in lines
    )


def test_verify_names_what_is_missing(monkeypatch):
    with pytest.raises(ValueError, match="must be a GPU .*Received: 'cpu'"):
        varscale.torch.verify("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for device in [None, "cuda:0", 0]:
        with pytest.raises(RuntimeError, match="no GPU"):
            varscale.torch.verify(device)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(_torch_device, "kernels", lambda: None)
    with pytest.raises(RuntimeError, match="triton"):
        varscale.torch.verify()


def test_without_triton_values_are_copied(monkeypatch):
    monkeypatch.setattr(_torch_device, "GPUS", {"cpu"})
    monkeypatch.setattr(_torch_device, "kernels", lambda: None)
    draw = Scheme("RandomNormal", 0.0, 1.0).draw((3, 4), 1, "native")
    tensor = torch.zeros(3, 4)
    varscale._torch._fill_elsewhere(tensor, draw, (0, 0))
    assert torch.equal(tensor, varscale.torch.normal_(torch.empty(3, 4), seed=1))


@needs_triton
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_is_exact():
    found = varscale.torch.verify(every=64)
    assert found.exact, found
    draw = Scheme("RandomNormal", 0.0, 1.0).draw((3000, 4000), 1, "native")
    assert _torch_device.drawn(torch.empty(1, device="cuda"), draw) is not None
