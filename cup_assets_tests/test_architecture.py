"""The rules of the house: what imports what, how large a file may be, what every asset says."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

import cup_assets
from cup_assets.definitions import defs

HOUSE = Path(cup_assets.__file__).parent
DOMAIN = (
    *("methylome", "copynumber", "cohort", "classify", "panels", "landscape", "simulate"),
    *("report", "compute", "public", "audit"),
)
HEAVY = (
    "dagster",
    "duckdb",
    "sklearn",
    "torch",
    "skorch",
    "xgboost",
    "matplotlib",
    "umap",
    "openTSNE",
    "pyspark",
)
SOURCES = sorted(HOUSE.rglob("*.py"))

# Asset -> group, what it is made from, whether it has a partition per batch.
CHAIN = {
    "raw/idats": ("raw", [], True),
    "normalised/betas": ("normalised", ["raw/idats"], True),
    "cnv/controls": ("cnv", ["normalised/betas", "raw/idats"], False),
    "cnv/profiles": ("cnv", ["cnv/controls", "normalised/betas", "raw/idats"], True),
    "datasets/reference": ("datasets", ["normalised/betas", "raw/idats"], False),
    "datasets/balanced": ("datasets", ["datasets/reference"], False),
    "evaluation/cv/logistic_regression": (
        "evaluation",
        ["datasets/balanced", "datasets/reference"],
        False,
    ),
    "evaluation/cv/neural_network": (
        "evaluation",
        ["datasets/balanced", "datasets/reference"],
        False,
    ),
    "evaluation/cv/random_forest": (
        "evaluation",
        ["datasets/balanced", "datasets/reference"],
        False,
    ),
    "evaluation/cv/svm": ("evaluation", ["datasets/balanced", "datasets/reference"], False),
    "evaluation/cv/xgboost": ("evaluation", ["datasets/balanced", "datasets/reference"], False),
    "evaluation/leaderboard": (
        "evaluation",
        [
            "datasets/reference",
            "evaluation/cv/logistic_regression",
            "evaluation/cv/neural_network",
            "evaluation/cv/random_forest",
            "evaluation/cv/svm",
            "evaluation/cv/xgboost",
        ],
        False,
    ),
    "evaluation/ablations": (
        "evaluation",
        ["cnv/profiles", "datasets/balanced", "datasets/reference"],
        False,
    ),
    "evaluation/explanations": (
        "evaluation",
        [
            "datasets/reference",
            "evaluation/cv/logistic_regression",
            "evaluation/cv/neural_network",
            "evaluation/cv/random_forest",
            "evaluation/cv/svm",
            "evaluation/cv/xgboost",
        ],
        False,
    ),
    "evaluation/learning_curve": ("evaluation", ["datasets/reference"], False),
    "evaluation/novelty": (
        "evaluation",
        ["datasets/reference", "evaluation/leaderboard"],
        False,
    ),
    "evaluation/landscape": (
        "evaluation",
        ["cnv/profiles", "datasets/reference", "normalised/betas"],
        False,
    ),
    "evaluation/concordance": (
        "evaluation",
        ["datasets/reference", "evaluation/landscape", "evaluation/leaderboard"],
        False,
    ),
    "evaluation/report": (
        "evaluation",
        [
            *("datasets/reference", "diagnosis/classifier", "evaluation/ablations"),
            *("evaluation/concordance", "evaluation/landscape", "evaluation/leaderboard"),
            *("evaluation/learning_curve", "panels/cpg"),
        ],
        False,
    ),
    "panels/importance": ("panels", ["datasets/reference"], False),
    "panels/gene_sets": ("panels", ["panels/importance"], False),
    "panels/cpg": ("panels", ["datasets/reference"], False),
    "panels/assays": ("panels", ["datasets/reference", "panels/cpg"], False),
    "panels/release": ("panels", ["datasets/reference", "panels/assays"], False),
    "diagnosis/classifier": (
        "diagnosis",
        ["datasets/reference", "evaluation/leaderboard"],
        False,
    ),
    "diagnosis/predictions": (
        "diagnosis",
        ["diagnosis/classifier", "normalised/betas", "raw/idats"],
        True,
    ),
    "diagnosis/reports": (
        "diagnosis",
        ["cnv/profiles", "diagnosis/predictions", "evaluation/landscape"],
        True,
    ),
}
# The checks of the issue: pairs, sheet, array, quality, identity, class sizes stop what follows.
CHECKS = {
    "raw/idats": {"pairs_complete": True, "sheet_valid": True, "array_known": True},
    "normalised/betas": {"quality": True, "masks": False},
    "datasets/reference": {
        "identities": True,
        "class_sizes": True,
        "arrays": False,
        "recorded_sex": False,
    },
}


def modules() -> Iterator[tuple[str, Path]]:
    for path in SOURCES:
        parts = path.relative_to(HOUSE.parent).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), path


def imported(path: Path) -> set[str]:
    """Return every module that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def is_below(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("package", [*DOMAIN, "warehouse", "settings", "parameters"])
def test_importing_a_package_is_cheap_and_brings_no_dagster(package: str) -> None:
    names = [name for name, _ in modules() if is_below(name, f"cup_assets.{package}")]
    assert names
    program = (
        "import importlib, sys\n"
        f"for name in {names}: importlib.import_module(name)\n"
        f"print(*[name for name in {HEAVY} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == []


def test_only_orchestration_knows_dagster() -> None:
    users = {
        name for name, path in modules() if any(is_below(m, "dagster") for m in imported(path))
    }
    assert users
    strangers = {
        name
        for name in users
        if not is_below(name, "cup_assets.orchestration") and name != "cup_assets.definitions"
    }
    assert strangers == set()


def test_only_the_warehouse_opens_the_database() -> None:
    users = {name for name, path in modules() if any(is_below(m, "duckdb") for m in imported(path))}
    assert {name for name in users if not is_below(name, "cup_assets.warehouse")} == set()


@pytest.mark.parametrize(
    ("package", "others"),
    [
        *((package, ("orchestration", "warehouse", "console")) for package in DOMAIN),
        ("warehouse", (*DOMAIN, "orchestration", "console")),
        ("orchestration", ("console",)),
    ],
)
def test_arrows_run_from_orchestration_to_the_rest_and_never_back(
    package: str, others: tuple[str, ...]
) -> None:
    back = [
        f"{name} imports {module}"
        for name, path in modules()
        if is_below(name, f"cup_assets.{package}")
        for module in imported(path)
        for other in others
        if is_below(module, f"cup_assets.{other}")
    ]
    assert back == []


def test_a_file_has_one_subject_and_is_read_in_one_sitting() -> None:
    lines = {name: len(path.read_text().splitlines()) for name, path in modules()}
    assert {name: n for name, n in lines.items() if n > 330} == {}


def test_every_module_says_what_belongs_there() -> None:
    silent = []
    for name, path in modules():
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        if not said:
            silent.append(name)
    assert silent == []


def test_nothing_reads_a_pickle() -> None:
    readers = [
        name
        for name, path in modules()
        if {"pickle", "cloudpickle", "dill", "joblib.load"} & imported(path)
    ]
    # It carries functions and results between the processes of one run, and no pickle to a file.
    assert readers == ["cup_assets.compute.parcel"]


def test_the_definitions_load() -> None:
    dg.Definitions.validate_loadable(defs)


def test_the_chain_is_as_drawn() -> None:
    graph = defs.resolve_asset_graph()
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    found = {
        node.key.to_user_string(): (
            node.group_name,
            sorted(key.to_user_string() for key in node.parent_keys),
            node.partitions_def is not None,
        )
        for node in nodes
    }
    assert found == CHAIN


def test_every_asset_says_what_it_is_who_keeps_it_and_which_code_made_it() -> None:
    for assets in defs.resolve_all_asset_specs():
        name = assets.key.to_user_string()
        assert len(assets.description or "") > 40, name
        assert assets.owners, name
        assert assets.kinds, name
        assert assets.group_name == assets.key.path[0], name
        assert assets.code_version, name


def test_every_asset_takes_its_turn_in_a_pool() -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        pools = graph.get(key).pools
        assert pools in ({"warehouse"}, {"compute"}), key


def test_the_checks_that_must_stop_a_run_do_stop_it() -> None:
    graph = defs.resolve_asset_graph()
    found: dict[str, dict[str, bool]] = {}
    for key in graph.asset_check_keys:
        spec = graph.get_check_spec(key)
        assert spec.description
        found.setdefault(key.asset_key.to_user_string(), {})[key.name] = spec.blocking
    assert found == CHECKS
