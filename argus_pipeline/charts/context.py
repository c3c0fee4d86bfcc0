"""What a chart is about, for the lines under its title."""

from __future__ import annotations

from dataclasses import dataclass

from argus_pipeline.batches.manifest import Manifest


@dataclass(frozen=True, slots=True)
class ChartContext:
    """The batch that a chart shows, and the vehicle and software that it comes from."""

    batch: str
    vehicle: str
    platform: str
    firmware: str
    firmware_from: str | None = None

    @classmethod
    def of(cls, manifest: Manifest) -> ChartContext:
        """The context that a manifest gives."""
        return cls(
            batch=manifest.batch,
            vehicle=manifest.vehicle,
            platform=manifest.platform,
            firmware=manifest.firmware,
            firmware_from=manifest.firmware_from,
        )

    def line(self) -> str:
        """One line of text: vehicle, platform, firmware (from and to) and batch."""
        firmware = f"firmware {self.firmware}"
        if self.firmware_from:
            firmware = f"firmware {self.firmware_from} → {self.firmware}"
        # The batch's name usually repeats the vehicle's: it comes last, where a long line is cut.
        return f"{self.vehicle} · {self.platform} · {firmware} · batch {self.batch}"
