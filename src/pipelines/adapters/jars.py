"""The jars Spark and the embedded broker need: resolved once a user by Ivy, then read from a cache.

Ivy comes inside pyspark; Spark's own `spark.jars.packages` would ask a second repository, and ask again at every start.
"""

import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from pipelines.adapters.java import find_java
from pipelines.adapters.jvm_network import network_options
from pipelines.errors import MissingDependencyError, ServiceUnavailableError

Group = Literal["spark", "broker", "nlp", "s3"]
REGISTRY_VARIABLE = "LAKEHOUSE_MAVEN_URL"
DEFAULT_REGISTRY = "https://repo1.maven.org/maven2/"
RESOLVE_SECONDS = 1_200.0
# The logger prints what the broker says; without one it would be silent about its own failures.
BROKER = ("org.apache.kafka:kafka_2.13:3.9.1", "org.slf4j:slf4j-simple:1.7.36")
# What only ZooKeeper over TLS, the command-line tools or a compiler would load: a third of the download.
BROKER_EXCLUSIONS = (
    "audience-annotations", "commons-beanutils", "commons-collections", "commons-digester", "commons-logging",
    "error_prone_annotations", "netty-handler", "netty-transport-native-epoll",
)  # fmt: skip
# Spark NLP, and of the 400 MB it declares only what its rule-based annotators load: they are asked for one by one.
NLP = {
    "2.12": (
        "com.johnsnowlabs.nlp:spark-nlp_2.12:5.5.3",
        "com.typesafe:config:1.4.2",
        # An error class that every annotator's class refers to.
        "com.amazonaws:aws-java-sdk-core:1.12.500",
    ),
    "2.13": (),
}
# Hadoop's S3A, of the Hadoop inside pyspark. It declares Amazon's bundle of every service, 280 MB, and loads this much
# of it; of the version that Spark NLP needs too, since both may be in one session.
S3 = {
    "2.12": (
        "org.apache.hadoop:hadoop-aws:3.3.4",
        "com.amazonaws:aws-java-sdk-s3:1.12.500",
        "com.amazonaws:aws-java-sdk-core:1.12.500",
        "com.amazonaws:aws-java-sdk-kms:1.12.500",
        "com.amazonaws:aws-java-sdk-sts:1.12.500",
        # Error classes that S3A compares each failure with.
        "com.amazonaws:aws-java-sdk-dynamodb:1.12.500",
        "com.amazonaws:jmespath-java:1.12.500",
        "org.wildfly.openssl:wildfly-openssl:1.0.7.Final",
    ),
    "2.13": (),
}
ONE_BY_ONE = ("nlp", "s3")
"""Groups of which only what is named is fetched, and nothing that these name."""
# Spark's Kafka source needs spark-token-provider-kafka of the same version; only these are in the registry whole.
SPARK_LINES = {
    "2.12": ("3.3.2", ("3.5.3", "3.5.4", "3.5.5", "3.5.7")),
    "2.13": ("4.0.0", ("4.0.0",)),
}
# What Ivy says when it fails, the most telling first: a registry that is not reached also counts as "not found".
FAILURES = (
    r"Server access error at url \S+ \((.+)\)",
    r"(Host \S+ not found)",
    r":: (\S+#\S+: not found)",
    r"(no end after .+)",
)
SETTINGS_XML = """<ivysettings>
  <settings defaultResolver="central"/>
  <resolvers><ibiblio name="central" m2compatible="true" root="{registry}"/></resolvers>
</ivysettings>
"""
MODULE_XML = """<ivy-module version="2.0">
  <info organisation="intent-lakehouse" module="{group}"/>
  <configurations><conf name="default"/></configurations>
  <dependencies>
{dependencies}
{exclusions}
  </dependencies>
</ivy-module>
"""
NO_JARS = (
    "no {group} jars are made for the Scala of the installed pyspark. "
    "Type: pip install 'pyspark==3.5.7' 'delta-spark==3.3.2'"
)
DEPENDENCY_XML = '    <dependency org="{}" name="{}" rev="{}" conf="default->default" transitive="{}"/>'
EXCLUSION_XML = '    <exclude module="{}"/>'


def coordinates(pyspark_version: str) -> dict[Group, tuple[str, ...]]:
    """Name every jar we ask for, as org:module:version, for one version of pyspark.

    Raises:
        MissingDependencyError: when no set of jars is known to fit that version.
    """
    for scala, (delta, versions) in SPARK_LINES.items():
        if pyspark_version in versions:
            return {
                "spark": (
                    f"io.delta:delta-spark_{scala}:{delta}",
                    f"org.apache.spark:spark-sql-kafka-0-10_{scala}:{pyspark_version}",
                ),
                "broker": BROKER,
                "nlp": NLP[scala],
                "s3": S3[scala],
            }
    known = ", ".join(version for _, versions in SPARK_LINES.values() for version in versions)
    raise MissingDependencyError(
        f"pyspark {pyspark_version} is installed; jars are known for {known}. "
        "Type: pip install 'pyspark==3.5.7' 'delta-spark==3.3.2'"
    )


def resolve_jars(group: Group, progress: Callable[[str], None]) -> list[Path]:
    """Give the jars of a group, fetching them the first time; later calls only list a folder.

    Raises:
        MissingDependencyError: when Java or a fitting pyspark is missing, or the group has no jars for it.
        ServiceUnavailableError: when the jars are not in the cache and the registry cannot give them.
    """
    folder = jar_folder(group)
    if not group_coordinates(group):
        raise MissingDependencyError(NO_JARS.format(group=group))
    if not folder.is_dir():
        progress(f"Fetching the {group} jars, once")
        fetch(group, folder)
        jars = list_jars(folder)
        megabytes = sum(jar.stat().st_size for jar in jars) / 1e6
        progress(f"Fetched {len(jars)} {group} jars, {megabytes:.0f} MB, into {folder}")
    return list_jars(folder)


def cached_jars(group: Group) -> list[Path]:
    """Give the jars of a group that may be missing: none when they were never fetched."""
    return list_jars(jar_folder(group)) if jars_cached(group) else []


def jars_cached(group: Group) -> bool:
    """Tell whether a group's jars can be used without the network."""
    return bool(group_coordinates(group)) and jar_folder(group).is_dir()


def jar_folder(group: Group) -> Path:
    """Say where a group's jars stand: a folder a set of coordinates, shared by all of a user's workspaces."""
    digest = hashlib.sha256("\n".join(group_coordinates(group)).encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "intent-lakehouse" / "jars" / f"{group}-{digest}"


def group_coordinates(group: Group) -> tuple[str, ...]:
    """Coordinates of a group for the installed pyspark."""
    from pyspark import __version__

    return coordinates(__version__)[group]


def list_jars(folder: Path) -> list[Path]:
    """List a folder's jars by name, so that the class path is always in the same order."""
    return sorted(folder.glob("*.jar"))


def fetch(group: Group, folder: Path) -> None:
    """Resolve a group aside and rename it into place, so that a folder that is there is complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{group}-") as aside:
        retrieved = Path(aside) / "retrieved"
        run_ivy(group, Path(aside), retrieved)
        try:
            retrieved.rename(folder)
        except OSError:
            # Another process resolved the same coordinates meanwhile: its folder is as good as ours.
            if not folder.is_dir():
                raise


def run_ivy(group: Group, aside: Path, retrieved: Path) -> None:
    """Run Ivy once over a module file that names the group's coordinates."""
    registry = os.environ.get(REGISTRY_VARIABLE) or DEFAULT_REGISTRY
    settings, module = aside / "ivysettings.xml", aside / "ivy.xml"
    settings.write_text(SETTINGS_XML.format(registry=registry.rstrip("/") + "/"), encoding="utf-8")
    module.write_text(module_xml(group), encoding="utf-8")
    command = [
        str(find_java().executable), f"-Divy.home={aside / 'ivy'}", *network_options(aside, registry),
        "-jar", str(find_ivy()), "-settings", str(settings), "-ivy", str(module),
        "-retrieve", f"{retrieved}/[artifact]-[revision](-[classifier]).[ext]",
    ]  # fmt: skip
    succeeded, output = run_command(command)
    if not succeeded or not list_jars(retrieved):
        raise ServiceUnavailableError(explain_failure(group, registry, output))


def run_command(command: list[str]) -> tuple[bool, str]:
    """Run a command to its end; give whether it succeeded and all it said."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=RESOLVE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False, f"no end after {RESOLVE_SECONDS:.0f} seconds"
    return done.returncode == 0, done.stdout + done.stderr


def explain_failure(group: Group, registry: str, output: str) -> str:
    """Say in one sentence why jars did not come, from Ivy's own words."""
    causes = (match for pattern in FAILURES for match in re.findall(pattern, output))
    cause = next(causes, "Ivy gave no reason")
    return (
        f"The {group} jars could not be fetched from {registry} ({cause}). "
        f"Check the network (HTTPS_PROXY is honoured), or set {REGISTRY_VARIABLE} to a Maven mirror you can reach, "
        "and type: lakehouse setup"
    )


def module_xml(group: Group) -> str:
    """Write the module file: the coordinates, less what pyspark brings itself."""
    whole = str(group not in ONE_BY_ONE).lower()
    dependencies = (DEPENDENCY_XML.format(*name.split(":"), whole) for name in group_coordinates(group))
    unneeded = BROKER_EXCLUSIONS if group == "broker" else spark_artifacts()
    exclusions = (EXCLUSION_XML.format(name) for name in unneeded)
    return MODULE_XML.format(group=group, dependencies="\n".join(dependencies), exclusions="\n".join(exclusions))


def spark_artifacts() -> Iterable[str]:
    """Names, without versions, of the jars inside pyspark: Spark would load its own copy anyway."""
    return sorted({re.sub(r"-\d.*$", "", jar.stem) for jar in spark_jars_folder().glob("*.jar")})


def find_ivy() -> Path:
    """Find the Ivy that pyspark brings."""
    found = sorted(spark_jars_folder().glob("ivy-*.jar"))
    if not found:
        raise MissingDependencyError(
            "The installed pyspark holds no Ivy. Type: pip install --force-reinstall 'pyspark==3.5.7'"
        )
    return found[0]


def spark_jars_folder() -> Path:
    """The folder of jars inside the installed pyspark."""
    import pyspark

    return Path(pyspark.__file__).parent / "jars"
