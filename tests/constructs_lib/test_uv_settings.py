"""What of an importing app's uv settings the bundle follows, and what it does not."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from constructs_lib import _uv_settings


class App:
    """A folder of an app, with the files that uv would read there, and for its user and machine."""

    def __init__(self, around: Path) -> None:
        self.folder = around / "app"
        self.variables = {
            "HOME": str(around / "home"),
            "XDG_CONFIG_HOME": str(around / "user"),
            "XDG_CONFIG_DIRS": str(around / "system"),
        }
        self._around = around
        self.folder.mkdir()

    def write(self, file: str, text: str) -> Path:
        path = self._around / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def configuration(self, folder: str = "app") -> dict[str, Any]:
        return tomllib.loads(_uv_settings.configuration(self._around / folder, self.variables))


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(tmp_path)


def test_private_indexes_stay_and_the_rest_goes(app: App) -> None:
    app.write(
        "app/pyproject.toml",
        """
        [tool.uv]
        exclude-newer = "2020-01-01"
        no-binary = true
        constraint-dependencies = ["numpy<1"]
        keyring-provider = "subprocess"
        [[tool.uv.index]]
        name = "ours"
        url = "https://packages.example/simple?a=b"
        default = true
        [tool.uv.sources]
        numpy = { index = "ours" }
        [tool.uv.pip]
        prefix = "elsewhere"
        extra-index-url = ["https://more.example/simple"]
        """,
    )
    assert app.configuration() == {
        "index": [{"name": "ours", "url": "https://packages.example/simple?a=b", "default": True}],
        "keyring-provider": "subprocess",
        "extra-index-url": ["https://more.example/simple"],
    }


def test_the_nearest_folder_with_settings_decides_and_its_own_file_before_the_projects(app: App) -> None:
    app.write("uv.toml", 'index-url = "https://far.example"')
    app.write("app/pyproject.toml", '[tool.uv]\nindex-url = "https://project.example"')
    app.write("app/infra/pyproject.toml", "[project]\nname = 'infra'")
    assert app.configuration("app/infra") == {"index-url": "https://project.example"}
    app.write("app/uv.toml", 'index-url = "https://own.example"')
    assert app.configuration("app/infra") == {"index-url": "https://own.example"}


def test_project_goes_before_user_and_user_before_machine(app: App) -> None:
    app.write("app/uv.toml", 'extra-index-url = ["https://a.example"]\nindex-url = "https://project.example"')
    app.write("user/uv/uv.toml", 'extra-index-url = ["https://b.example"]\nindex-url = "https://user.example"')
    app.write("system/uv/uv.toml", 'extra-index-url = ["https://c.example"]\nallow-insecure-host = ["a.example"]')
    assert app.configuration() == {
        "extra-index-url": ["https://a.example", "https://b.example", "https://c.example"],
        "index-url": "https://project.example",
        "allow-insecure-host": ["a.example"],
    }


def test_a_folder_of_packages_is_found_from_where_the_file_is(app: App) -> None:
    app.write("app/uv.toml", 'find-links = ["wheels", "https://links.example"]\ncache-dir = "cache"')
    assert app.configuration() == {
        "find-links": [str(app.folder / "wheels"), "https://links.example"],
        "cache-dir": str(app.folder / "cache"),
    }


def test_a_file_named_by_the_environment_replaces_all_others(app: App) -> None:
    app.write("app/uv.toml", 'index-url = "https://project.example"')
    app.variables["UV_CONFIG_FILE"] = str(app.write("chosen.toml", 'index-url = "https://chosen.example"'))
    assert app.configuration() == {"index-url": "https://chosen.example"}


def test_no_file_is_read_where_the_environment_says_so(app: App) -> None:
    app.write("app/uv.toml", 'index-url = "https://project.example"')
    app.variables["UV_NO_CONFIG"] = "1"
    assert app.configuration() == {}


def test_variables_that_say_where_packages_come_from_stay() -> None:
    kept = {
        "PATH": "/bin",
        "SSL_CERT_FILE": "ca.pem",
        "HTTPS_PROXY": "http://proxy.example",
        "UV_INDEX_OURS_USERNAME": "a",
        "UV_INDEX_OURS_PASSWORD": "b",
        "UV_DEFAULT_INDEX": "https://packages.example",
        "UV_KEYRING_PROVIDER": "subprocess",
        "UV_NATIVE_TLS": "1",
        "UV_CACHE_DIR": "/cache",
        "UV_OFFLINE": "1",
    }
    gone = dict.fromkeys(
        ("UV_EXCLUDE_NEWER", "UV_NO_BINARY", "UV_CONSTRAINT", "UV_OVERRIDE", "UV_PRERELEASE", "UV_PYTHON", "UV_TARGET"),
        "1",
    )
    coloured = {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}
    assert _uv_settings.environment({**kept, **gone, **coloured}) == {**kept, "NO_COLOR": "1"}
