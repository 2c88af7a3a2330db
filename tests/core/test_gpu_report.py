"""`dev.py gpu`: what it does without a card, and with steps that fail."""

from __future__ import annotations

import pytest
import torch

from benchmarks import _gpu


def test_without_a_card_one_sentence_and_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_gpu, "card", lambda: None)
    assert _gpu.main() == 2
    assert capsys.readouterr().out.count("\n") == 1


def test_a_step_that_fails_is_in_the_report_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = _gpu.Run("cuda")

    def broken() -> str:
        raise RuntimeError("no kernel\nimage")

    run.step("one", broken)
    run.step("two", lambda: "fine")
    monkeypatch.setattr(_gpu, "SECONDS", -1.0)
    run.step("three", broken)
    assert run.lines == [
        "| one | **FAILED**: RuntimeError: no kernel |",
        "| two | fine |",
        "| three | left out: the ten minutes are over |",
    ]
    assert run.failed == 1


def test_what_it_asks_of_a_device_holds_on_the_processor() -> None:
    assert "distances within" in _gpu.neighbours_agree("cpu")
    assert "eigenvalues within" in _gpu.fits_agree("cpu")
    assert torch.isfinite(torch.from_numpy(_gpu.ball("points").data)).all()
