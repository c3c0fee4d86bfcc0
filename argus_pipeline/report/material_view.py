"""What a report says of lifecycles and of what could not be read, as plain text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from argus_pipeline.diagnosis.material import EcuLifecycles, Material
from argus_pipeline.diagnosis.model import RecordingState
from argus_pipeline.diagnosis.text import moment
from argus_pipeline.report.language import Words


@dataclass(frozen=True, slots=True)
class MaterialView:
    """The texts of the lists that stand beside the evidence."""

    material: Material
    words: Words

    def resumes(self, ecu: EcuLifecycles) -> str:
        """How often an ECU went on without a boot."""
        if not ecu.clock_changes:
            return f"{ecu.resumes:,}"
        times = self.words.amount(ecu.clock_changes, "time")
        return self.words("lifecycles.clock", resumes=f"{ecu.resumes:,}", times=times)

    def software(self, ecu: EcuLifecycles) -> str:
        """What an ECU ran: `v2.2.9; v2.3.1 from 2026-11-20 09:08:26 UTC`."""
        words, parts = self.words, []
        if ecu.software_omitted:
            parts.append(words("lifecycles.older", number=f"{ecu.software_omitted:,}"))
        for number, run in enumerate(ecu.software):
            version = run.version or words("lifecycles.untold")
            if number > 0 and run.since is not None:
                version = words("lifecycles.since", version=version, time=moment(run.since))
            parts.append(version)
        return words("list.separator").join(parts)

    def heard(self, time: datetime | None) -> str:
        """When an ECU was first or last heard of."""
        return self.words("time.unknown") if time is None else moment(time)

    @property
    def more_lifecycles(self) -> str:
        """What the table of lifecycles leaves out; empty when nothing."""
        material, words, parts = self.material, self.words, []
        if material.ecus_omitted:
            ecus = words.amount(material.ecus_omitted, "ecu")
            parts.append(words("lifecycles.unlisted", ecus=ecus))
        if material.lifecycles_omitted:
            older = words.amount(material.lifecycles_omitted, "lifecycle")
            parts.append(words("lifecycles.omitted", lifecycles=older))
        elsewhere = material.lost_messages - sum(ecu.lost_messages for ecu in material.ecus)
        if parts and elsewhere > 0:
            more = words.amount(elsewhere, "more_lost")
            parts.append(words("lifecycles.elsewhere", messages=more))
        return words("list.separator").join(parts)

    @property
    def unread(self) -> tuple[str, ...]:
        """What is missing, in numbers: of bytes, of compressed bytes and of messages."""
        material, words, sentences = self.material, self.words, []
        if material.quarantined_bytes:
            size = words.amount(material.decoded_bytes + material.quarantined_bytes, "byte")
            lost = f"{material.quarantined_bytes:,}"
            sentences.append(words("unread.quarantined", lost=lost, bytes=size))
        if material.unread_bytes:
            size = words.amount(material.unread_bytes, "byte")
            sentences.append(words("unread.compressed", bytes=size))
        if material.lost_messages:
            missing = words.amount(material.lost_messages, "missing")
            sentences.append(words("unread.lost", messages=missing))
        return tuple(sentences)

    def state(self, recording: RecordingState) -> str:
        """What became of a recording that was not decoded whole."""
        if recording.status == "quarantined":
            return self.words("state.unreadable")
        kind = "state.damaged" if recording.quarantined_bytes else "state.reservations"
        return self.words(kind)

    def saved(self, recording: RecordingState) -> str:
        """How much of a recording was saved."""
        share = recording.decoded_bytes / recording.size if recording.size else 0.0
        # Rounded down: "100 %" must not stand beside a loss.
        percent = int(share * 1000) / 10
        return self.words(
            "unread.share",
            messages=self.words.amount(recording.rows, "message"),
            decoded=f"{recording.decoded_bytes:,}",
            bytes=self.words.amount(recording.size, "byte"),
            percent=f"{percent:g}",
        )
