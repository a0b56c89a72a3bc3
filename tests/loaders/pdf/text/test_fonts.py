"""Heavy fonts by their names."""

from __future__ import annotations

import pytest

from mmrerank.loaders.pdf.text.fonts import is_heavy


@pytest.mark.parametrize(
    "font",
    [
        "Helvetica-Bold", "ABCDEF+Inter-Medium", "MyriadPro-Semibold", "Gotham-Black", "CMBX10",
        "NimbusRomNo9L-Medi", "AvenirNext-DemiBold", "AdvTTaf7f9f4f.B", "LinLibertineTB", "Foo-Bd",
    ],
)  # fmt: skip
def test_heavy(font):
    assert is_heavy(font)


@pytest.mark.parametrize(
    "font", ["Helvetica", "CMR10", "Medici", "NimbusRomNo9L-Regu", "ABCDEB+Inter", "LinLibertineT"]
)
def test_not_heavy(font):
    assert not is_heavy(font)
