"""The tumour classes that can be simulated: head-and-neck vocabulary, families, likeness.

Belongs here: names, the hierarchy, each class' copy-number events. Does not belong here: which
probes make a signature (`methylation`), drawing events for a tumour (`copy_number`).
"""

from __future__ import annotations

from dataclasses import dataclass

NORMAL = "normal"


@dataclass(frozen=True)
class Event:
    """A recurrent copy-number event of a class.

    Attributes
    ----------
    region
        A chromosome arm ("3q") or a gene of `genes.GENES` (a focal event around it).
    copies
        Copies in the tumour cells.
    frequency
        Fraction of the class' tumours that carry it.
    """

    region: str
    copies: int
    frequency: float


@dataclass(frozen=True)
class TumourClass:
    """A class of the simulated vocabulary.

    Attributes
    ----------
    diagnosis
        Term in the sample sheets.
    family
        ``salivary``, ``sinonasal`` or ``squamous``.
    near
        The class whose signature this one shares in part (`CohortDesign.closeness`), if any.
    events
        Copy-number events. They follow what is known of each entity, in simplified form.
    """

    diagnosis: str
    family: str
    near: str | None = None
    events: tuple[Event, ...] = ()


def _class(family: str, diagnosis: str, near: str | None = None, events: str = "") -> TumourClass:
    """Read events from a line such as ``3q+2@.7 CDKN2A-2@.4`` (change of copies @ frequency)."""
    parsed = []
    for word in events.split():
        change, frequency = word.split("@")
        sign = "+" if "+" in change else "-"
        region, amount = change.split(sign)
        parsed.append(Event(region, 2 + int(sign + amount), float(frequency)))
    return TumourClass(diagnosis, family, near, tuple(parsed))


_ALL = (
    _class("salivary", "adenoid cystic carcinoma", None, "6q-1@.5 12q-1@.35 MYB+2@.45 14q-1@.25"),
    _class("salivary", "acinic cell carcinoma", None, "9p+1@.25 21q-1@.2"),
    _class("salivary", "mucoepidermoid carcinoma", None, "CDKN2A-2@.25 18q-1@.3 8q+1@.2"),
    _class(
        "salivary",
        "salivary duct carcinoma",
        None,
        "ERBB2+8@.4 17p-1@.6 8q+1@.45 PTEN-2@.2 1q+1@.4 6q-1@.4",
    ),
    _class("salivary", "secretory carcinoma", "acinic cell carcinoma", "12p+1@.15"),
    _class("salivary", "pleomorphic adenoma", None, "PLAG1+1@.2 HMGA2+6@.15"),
    _class(
        "salivary",
        "myoepithelial carcinoma",
        "pleomorphic adenoma",
        "PLAG1+1@.3 8q+1@.4 9p-1@.3 17p-1@.3",
    ),
    _class(
        "salivary",
        "epithelial-myoepithelial carcinoma",
        "adenoid cystic carcinoma",
        "17p-1@.3 9q-1@.25 6q-1@.2",
    ),
    _class("salivary", "polymorphous adenocarcinoma", None, "14q-1@.15"),
    _class("salivary", "warthin tumour"),
    _class(
        "sinonasal",
        "olfactory neuroblastoma",
        None,
        "5q+1@.5 7q+1@.45 20q+1@.5 11p+1@.3 1p-1@.4 3p-1@.3",
    ),
    _class(
        "sinonasal",
        "sinonasal undifferentiated carcinoma",
        "olfactory neuroblastoma",
        "1q+1@.5 8q+1@.4 17p-1@.4 5q-1@.3 13q-1@.3",
    ),
    _class(
        "sinonasal",
        "intestinal-type adenocarcinoma",
        None,
        "7p+1@.4 8q+1@.5 20q+1@.5 5q-1@.4 17p-1@.5 18q-1@.5",
    ),
    _class("sinonasal", "nut carcinoma", None, "9q+1@.1"),
    _class("sinonasal", "smarcb1-deficient carcinoma", None, "SMARCB1-2@.8 22q-1@.4"),
    _class(
        "sinonasal",
        "mucosal melanoma",
        None,
        "1q+1@.6 6p+1@.6 8q+1@.45 CDK4+6@.3 CCND1+6@.2 10q-1@.3 6q-1@.4",
    ),
    _class("sinonasal", "biphenotypic sinonasal sarcoma", None, "2q+1@.1"),
    _class("sinonasal", "alveolar rhabdomyosarcoma", None, "MYCN+6@.3 CDK4+6@.3 2p+1@.2 16q-1@.2"),
    _class(
        "squamous",
        "hpv-positive squamous cell carcinoma",
        None,
        "3q+1@.65 11q-1@.4 13q-1@.35 16q-1@.35 PIK3CA+3@.2 8q+1@.3",
    ),
    _class(
        "squamous",
        "hpv-negative squamous cell carcinoma",
        None,
        "3q+1@.65 3p-1@.7 8q+1@.55 9p-1@.5 CDKN2A-2@.35 CCND1+6@.35 18q-1@.45 8p-1@.4 "
        "EGFR+5@.15 5q-1@.3 FAT1-2@.15",
    ),
    _class(
        "squamous",
        "lung squamous cell carcinoma",
        "hpv-negative squamous cell carcinoma",
        "3q+2@.7 3p-1@.7 5q-1@.5 9p-1@.5 CDKN2A-2@.3 FGFR1+5@.25 SOX2+5@.35 8q+1@.4 "
        "4q-1@.4 17p-1@.5",
    ),
    _class(
        "squamous",
        "nasopharyngeal carcinoma",
        "hpv-positive squamous cell carcinoma",
        "3p-1@.6 9p-1@.5 CDKN2A-2@.3 11q-1@.4 12p+1@.5 14q-1@.4 1q+1@.4",
    ),
)
CLASSES = {entry.diagnosis: entry for entry in _ALL}
FAMILIES = tuple(dict.fromkeys(entry.family for entry in _ALL))
