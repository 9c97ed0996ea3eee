"""How many reference samples of each class the preset cohorts hold.

Belongs here: class sizes, and sharing out a number of samples. Does not belong here: the other
fields of a design.
"""

from __future__ import annotations

ClassSizes = tuple[tuple[str, int], ...]

TINY: ClassSizes = (
    ("adenoid cystic carcinoma", 9),
    ("hpv-negative squamous cell carcinoma", 9),
    ("hpv-positive squamous cell carcinoma", 9),
    ("olfactory neuroblastoma", 9),
)
DEMO: ClassSizes = (
    ("hpv-negative squamous cell carcinoma", 28),
    ("adenoid cystic carcinoma", 22),
    ("hpv-positive squamous cell carcinoma", 18),
    ("olfactory neuroblastoma", 16),
    ("pleomorphic adenoma", 15),
    ("lung squamous cell carcinoma", 14),
    ("mucoepidermoid carcinoma", 12),
    ("salivary duct carcinoma", 12),
    ("acinic cell carcinoma", 10),
    ("mucosal melanoma", 9),
    ("sinonasal undifferentiated carcinoma", 8),
    ("secretory carcinoma", 7),
)
HOSPITAL: ClassSizes = (
    ("hpv-negative squamous cell carcinoma", 60),
    ("hpv-positive squamous cell carcinoma", 45),
    ("lung squamous cell carcinoma", 40),
    ("adenoid cystic carcinoma", 36),
    ("pleomorphic adenoma", 24),
    ("olfactory neuroblastoma", 22),
    ("nasopharyngeal carcinoma", 20),
    ("mucoepidermoid carcinoma", 18),
    ("salivary duct carcinoma", 16),
    ("acinic cell carcinoma", 14),
    ("intestinal-type adenocarcinoma", 12),
    ("mucosal melanoma", 12),
    ("warthin tumour", 10),
    ("sinonasal undifferentiated carcinoma", 10),
    ("secretory carcinoma", 9),
    ("epithelial-myoepithelial carcinoma", 8),
    ("smarcb1-deficient carcinoma", 7),
    ("polymorphous adenocarcinoma", 6),
    ("nut carcinoma", 6),
    ("alveolar rhabdomyosarcoma", 5),
    ("myoepithelial carcinoma", 5),
    ("biphenotypic sinonasal sarcoma", 4),
)


def share_out(classes: ClassSizes, n: int) -> ClassSizes:
    """Share n samples out in proportion (largest remainder), at least 3 a class.

    Classes that would have fewer are left out, the smallest first.
    """
    kept = classes[: max(1, min(len(classes), n // 3))]
    total = sum(size for _, size in kept)
    exact = [3 + (n - 3 * len(kept)) * size / total for _, size in kept]
    if n < 3 * len(kept):
        exact = [float(n)]
    sizes = [int(value) for value in exact]
    by_remainder = sorted(range(len(kept)), key=lambda i: sizes[i] - exact[i])
    for i in by_remainder[: n - sum(sizes)]:
        sizes[i] += 1
    return tuple((name, size) for (name, _), size in zip(kept, sizes, strict=True))
