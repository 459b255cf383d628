"""`deploy/container/`: what the files name is there, and each service has what it needs and no more."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands

ROOT = Path(settings.ROOT)
FOLDER = ROOT / "deploy" / "container"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
OURS = ("roles", "migrate", "web", "worker")
GUIDE = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
#: Files that an operator makes, and that no commit or image may hold.
OPERATORS_FILES = (
    ".env",
    "peps.env",
    "owner.env",
    "administrator.env",
    "relay.env",
    "proxy.env",
    "relay_password",
    "certificates",
)


def read_instructions(path=FOLDER / "Containerfile"):
    """Return the instructions of the file, each with its lines joined and the name of its stage."""
    text = re.sub(r"(?m)^#.*\n", "", path.read_text(encoding="utf-8")).replace("\\\n", " ")
    stage, instructions = "", []
    for line in filter(str.strip, text.splitlines()):
        name, value = line.split(maxsplit=1)
        if name == "FROM":
            stage = value.split()[-1]
        instructions.append((stage, name, " ".join(value.split())))
    return instructions


INSTRUCTIONS = read_instructions()
#: Of an image that is not ours: the variable that names another, and the image without it.
VARIABLE = re.compile(r"\$\{(\w+):-([^}]+)\}")


def list_values(stage, name):
    return [value for one, kind, value in INSTRUCTIONS if (one, kind) == (stage, name)]


# --- The images -------------------------------------------------------------------------------------------------------


def list_foreign_images():
    """Return the images that are not built here, by the variable that names another in their place."""
    named = [service["image"] for service in SERVICES.values() if "build" not in service]
    arguments = SERVICES["web"]["build"]["args"]
    assert SERVICES["relay"]["build"]["args"] == arguments
    return dict(VARIABLE.fullmatch(text).groups() for text in [*named, *arguments.values()])


def test_images_are_named_without_a_host():
    assert set(list_foreign_images()) == {"DEBIAN_IMAGE", "POSTGRES_IMAGE", "CADDY_IMAGE"}
    assert [image for image in list_foreign_images().values() if "/" in image] == []


def test_every_stage_begins_with_a_stage_or_an_image_that_may_be_pinned():
    stages = {stage for stage, name, _ in INSTRUCTIONS if name == "FROM"}
    bases = {value.split()[0] for _, name, value in INSTRUCTIONS if name == "FROM"} - stages
    assert bases == {"$DEBIAN_IMAGE"}
    # Before the first stage, or the others would not know it.
    assert INSTRUCTIONS[0] == ("", "ARG", f"DEBIAN_IMAGE={list_foreign_images()['DEBIAN_IMAGE']}")


def test_every_image_has_a_version_and_is_pinned_by_the_guide():
    for variable, image in list_foreign_images().items():
        assert re.fullmatch(r"[a-z]+:(\d+(\.\d+)*|[a-z]+-slim)", image), image
        assert f"pin {variable} {image}" in GUIDE


def test_what_the_images_copy_from_the_project_is_there():
    sources = {
        source
        for _, name, value in INSTRUCTIONS
        if name == "COPY" and not value.startswith("--from")
        for source in value.split()[:-1]
    }
    assert "requirements" in sources
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_the_image_serves_as_nobody_in_particular_with_the_command_of_the_guide():
    assert list_values("peps", "USER") == ["900:900"]
    [command] = list_values("peps", "CMD")
    assert shlex.join(json.loads(command)).replace("0.0.0.0", "127.0.0.1") in GUIDE  # noqa: S104 - in its container
    [check] = list_values("peps", "HEALTHCHECK")
    assert "/sante/" in check


def test_the_image_has_no_tool_with_which_it_was_built():
    installed = " ".join(list_values("base", "RUN") + list_values("peps", "RUN"))
    assert [tool for tool in ("make", "python3-venv", "npm", "git") if re.search(rf"\b{tool}\b", installed)] == []


def test_no_file_of_an_operator_enters_an_image_or_a_commit(tmp_path):
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for name in OPERATORS_FILES:
        path = f"deploy/container/{name}"
        assert path in ignored or (name.endswith(".env") and "deploy/container/*.env" in ignored), name
        command = [
            "git",
            "check-ignore",
            "--quiet",
            "--no-index",
            f"{path}/privkey.pem" if name == "certificates" else path,
        ]
        assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0, name  # noqa: S603 - our own command


# --- The services -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_writes_nowhere_but_where_it_must_and_has_no_power_that_it_does_not_need(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert bool(service.get("cap_add")) == (name in ("relay", "proxy"))
    assert bool(service.get("ports")) == (name == "proxy")
    assert ("outside" in service["networks"]) == (name not in ("database", "roles", "migrate"))


def test_only_what_ends_and_the_database_know_more_than_the_application():
    with_files = {name: set(service["env_file"]) - {"peps.env"} for name, service in SERVICES.items()}
    assert with_files == {
        "database": {"administrator.env"},
        "roles": {"administrator.env", "owner.env"},
        "migrate": {"owner.env"},
        "web": set(),
        "worker": set(),
        "relay": {"relay.env"},
        "proxy": {"proxy.env"},
    }


def test_the_files_that_services_read_have_an_example_or_are_there():
    for service in SERVICES.values():
        for name in service["env_file"]:
            assert (FOLDER / f"{name}.example").exists()
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or source == "./certificates" or (FOLDER / source).exists(), volume
        for secret in service.get("secrets", []):
            assert COMPOSE["secrets"][secret]["file"] in OPERATORS_FILES
    assert (FOLDER / COMPOSE["x-service"]["build"]["context"]).resolve() == ROOT
    assert (ROOT / COMPOSE["x-service"]["build"]["dockerfile"]).exists()


def test_each_command_is_one_of_the_project_and_each_dependency_a_service():
    for name in OURS:
        command = SERVICES[name].get("command")
        if command is not None:
            assert command[:2] == ["python", "manage.py"]
            assert command[2] in get_commands()
        assert SERVICES[name]["image"] == "peps"
    for service in SERVICES.values():
        assert set(service.get("depends_on", [])) <= SERVICES.keys()
        assert set(service["networks"]) <= COMPOSE["networks"].keys()
    targets = {service["build"]["target"] for service in SERVICES.values() if "build" in service}
    assert targets == {"peps", "relay"} <= {stage for stage, *_ in INSTRUCTIONS}


def test_the_urls_of_the_examples_lead_to_the_services():
    text = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.example"))
    hosts = set(re.findall(r"@(\w+):5432|^SMTP_HOST=(\w+)|^PEPS_WEB=(\w+)", text, re.MULTILINE))
    assert {host for found in hosts for host in found if host} == {"database", "relay", "web"}
