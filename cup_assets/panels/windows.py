"""Windows of the genome that an amplicon can cover, and which CpGs share one.

Belongs here: distances and what fits. Does not belong here: which CpGs are wanted (assay).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Target:
    """A CpG to measure.

    Attributes
    ----------
    name
    chrom
        "1".."22", "X", "Y".
    start, end
        0-based, half-open: the C and the G.
    says
        What the CpG speaks for; where an amplicon gives one value, all its CpGs must say the same.
    """

    name: str
    chrom: str
    start: int
    end: int
    says: str = ""


@dataclass
class Window:
    """From the first to the last CpG of an amplicon, 0-based, half-open; it grows as CpGs join."""

    number: int
    chrom: str
    start: int
    end: int
    says: str
    members: list[str]

    def span(self, target: Target) -> tuple[int, int]:
        """Return the window as it would be with the target in it."""
        return min(self.start, target.start), max(self.end, target.end)


@dataclass
class Windows:
    """Disjoint windows, none longer than ``longest`` bp and no more than ``most``."""

    longest: int
    most: int
    by_chrom: dict[str, list[Window]] = field(default_factory=dict)
    count: int = 0

    def home(self, target: Target) -> Window | None:
        """Return the window that grows least by taking the target in; None where none can."""
        found = None
        for window in self.by_chrom.get(target.chrom, ()):
            start, end = window.span(target)
            if window.says != target.says or end - start > self.longest:
                continue
            if self.taken(target.chrom, start, end, window) is not None:
                continue
            growth = (end - start) - (window.end - window.start)
            if found is None or growth < found[0]:
                found = growth, window
        return found[1] if found else None

    def taken(self, chrom: str, start: int, end: int, but: Window | None = None) -> Window | None:
        """Return a window, other than ``but``, that overlaps a place."""
        for window in self.by_chrom.get(chrom, ()):
            if window is not but and start < window.end and window.start < end:
                return window
        return None

    @property
    def full(self) -> bool:
        """Whether no further window may be opened."""
        return self.count >= self.most

    def join(self, window: Window, target: Target) -> None:
        """Take a target into a window that `home` found for it."""
        window.start, window.end = window.span(target)
        window.members.append(target.name)

    def open(self, target: Target) -> None:
        """Open a window for a target where no other one lies."""
        self.count += 1
        new = Window(self.count, target.chrom, target.start, target.end, target.says, [target.name])
        self.by_chrom.setdefault(target.chrom, []).append(new)

    def in_order(self) -> list[Window]:
        """Return the windows in the order in which they were opened."""
        return sorted((w for some in self.by_chrom.values() for w in some), key=lambda w: w.number)
