"""Where the API is and how to speak to it: flowpack's settings and Prefect's.

For each setting the first source that has it wins: an argument, ``FLOWPACK_*`` in the
environment, ``PREFECT_*`` in the environment, ``.env``, ``prefect.toml`` and
``[tool.prefect]`` of ``pyproject.toml`` in the working folder, the profile of Prefect's
``profiles.toml`` that is in force, the default. A setting that is there but empty counts:
it has its default, whatever lower sources have.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Tuple, Union

import attrs

from flowpack._files import absolute_path
from flowpack._tracebacks import HidesLocals, hides_locals
from flowpack.exceptions import SettingsError, quoted
from flowpack.settings import values
from flowpack.settings.sources import Source, load_dot_env, load_environment, load_profile
from flowpack.settings.sources import load_toml
from flowpack.urls import CA_VARIABLES, URL

__all__ = ["Settings", "load_settings"]


class _Setting(NamedTuple):
    """How one setting is found and read."""

    names: Tuple[str, ...]  # Variables, of which the first that is set wins; the name in TOML.
    parse: Callable[[Any], Any]  # Raises ValueError; is given paths made absolute.
    default: Any  # Where there is no value; is parsed too.
    is_path: bool


def _setting(names: str, parse: Any, default: Any = None, *, is_path: bool = False) -> Any:
    secret = parse in (values.parse_secret, values.parse_headers)
    setting = _Setting(tuple(names.split()), parse, default, is_path)
    return attrs.field(repr=not secret, metadata={"setting": setting})


def _path(names: str, default: Optional[str] = None, parse: Any = values.parse_text) -> Any:
    return _setting(names, parse, default, is_path=True)


def _prefect(name: str, parse: Callable[[Any], Any], default: Any = None) -> Any:
    """Return a setting that is ``api.url`` in TOML and ``PREFECT_API_URL`` elsewhere."""
    variable = name.replace(".", "_").upper()
    return _setting(f"FLOWPACK_{variable} PREFECT_{variable} {name}", parse, default)


@attrs.frozen(kw_only=True)
class Settings(HidesLocals):
    """All settings, each with its source.

    Attributes:
        api_url: The API's root, without a slash at its end, and as an
            :class:`~flowpack.urls.Address` where it has credentials; None for no server.
        api_key: Key for the API, sent as a bearer token.
        api_auth_string: ``user:password`` for the API; wins over the key.
        home: Folder of flowpack's own database and storage. It and the two below are None where
            the user has no home folder.
        prefect_home: Folder of Prefect's files.
        profiles_path: Prefect's file of profiles.
        profile: Name of the profile in force.
        request_timeout: Longest wait for each network step, in seconds.
        custom_headers: Sent with each request to the API.
        ssl_cert_file: CA certificates to trust; None for those that are bundled.
        tls_insecure_skip_verify: Whether certificates are not checked.
        max_retries: How often a request is repeated; None for flowpack's default.
        retry_extra_codes: Statuses that are retried beside the usual ones.
        csrf_support_enabled: Whether CSRF tokens are fetched where a server wants them.
        ui_url: Address of the user interface; None for that which follows from *api_url*.
        default_work_pool: Work pool of deployments that name none.
        require_server: Whether the embedded API is refused.
        sources: Name of a setting to where its value came from.
    """

    api_url: Optional[URL] = _prefect("api.url", values.parse_api_url)
    api_key: Optional[str] = _prefect("api.key", values.parse_secret)
    api_auth_string: Optional[str] = _prefect("api.auth_string", values.parse_secret)
    home: Optional[str] = _path("FLOWPACK_HOME", "~/.flowpack", values.check_utf8)
    prefect_home: Optional[str] = _path("PREFECT_HOME", "~/.prefect")
    profiles_path: Optional[str] = _path(
        "FLOWPACK_PROFILES_PATH PREFECT_PROFILES_PATH profiles_path",
        "${PREFECT_HOME}/profiles.toml",
    )
    profile: str = _setting("FLOWPACK_PROFILE PREFECT_PROFILE", values.parse_text)
    request_timeout: float = _prefect("api.request_timeout", values.parse_seconds, 30.0)
    custom_headers: Mapping[str, str] = _prefect("client.custom_headers", values.parse_headers, {})
    ssl_cert_file: Optional[str] = _path(
        "FLOWPACK_API_SSL_CERT_FILE PREFECT_API_SSL_CERT_FILE api.ssl_cert_file"
        f" {' '.join(CA_VARIABLES)}"
    )
    tls_insecure_skip_verify: bool = _prefect(
        "api.tls_insecure_skip_verify", values.parse_switch, False
    )
    max_retries: Optional[int] = _prefect("client.max_retries", values.parse_count)
    retry_extra_codes: FrozenSet[int] = _prefect(
        "client.retry_extra_codes", values.parse_statuses, ""
    )
    csrf_support_enabled: bool = _prefect("client.csrf_support_enabled", values.parse_switch, True)
    ui_url: Optional[URL] = _setting("FLOWPACK_UI_URL PREFECT_UI_URL ui_url", values.parse_ui_url)
    default_work_pool: Optional[str] = _setting(
        "FLOWPACK_DEFAULT_WORK_POOL_NAME PREFECT_DEPLOYMENTS_DEFAULT_WORK_POOL_NAME"
        " PREFECT_DEFAULT_WORK_POOL_NAME deployments.default_work_pool_name",
        values.parse_text,
    )
    require_server: bool = _setting("FLOWPACK_REQUIRE_SERVER", values.parse_switch, False)
    sources: Mapping[str, str] = attrs.field(repr=False, eq=False)

    @property
    def verify(self) -> Union[bool, str]:
        """False for no checks of certificates, True, or the CA certificates to trust."""
        return not self.tls_insecure_skip_verify and (self.ssl_cert_file or True)

    def known_home(self) -> str:
        """Return *home*; where it is not known, raise a ``SettingsError``."""
        if self.home is None:
            problem = f"flowpack's own folder is not known ({self.sources['home']})"
            raise SettingsError(f"{problem}; set FLOWPACK_HOME to the absolute path of a folder")
        return self.home

    def describe(self) -> Tuple[Tuple[str, str, str], ...]:
        """Return name, value and source of each setting, secrets masked."""
        rows = ((name, getattr(self, name), source) for name, source in self.sources.items())
        return tuple((name, values.format_value(value), source) for name, value, source in rows)


_SETTINGS: Mapping[str, _Setting] = {
    field.name: field.metadata["setting"] for field in attrs.fields(Settings) if field.metadata
}
_DEFAULT = "default"


@hides_locals
def load_settings(
    *,
    environ: Optional[Mapping[str, str]] = None,
    cwd: Optional[str] = None,
    profile: Optional[str] = None,
    api: Optional[URL] = None,
) -> Settings:
    """Read the settings from all their sources.

    Args:
        environ: The environment; this process's own by default. Likewise the working folder *cwd*.
        profile: Name of the profile to use.
        api: The API's root; an empty text means no server.

    Raises:
        SettingsError: Values that cannot be used and sources that cannot be read, all at once.

    Example:
        >>> from flowpack.settings import load_settings
        >>> settings = load_settings(environ={"PREFECT_API_URL": "http://127.0.0.1:4200/api"})
        >>> settings.api_url
        'http://127.0.0.1:4200/api'
    """
    environ = os.environ if environ is None else environ
    cwd = _working_folder() if cwd is None else os.path.abspath(cwd)
    given = {"FLOWPACK_API_URL": api, "FLOWPACK_PROFILE": profile}
    arguments = {name: (value, "argument") for name, value in given.items() if value is not None}
    search = _Search([arguments, load_environment(environ)], cwd, environ)
    # Only the environment decides where Prefect's files are, and which profile counts.
    search.find("prefect_home", "profile")
    if cwd is not None:
        search.add(load_dot_env, os.path.join(cwd, ".env"), environ)
        search.add(load_toml, os.path.join(cwd, "prefect.toml"))
        search.add(load_toml, os.path.join(cwd, "pyproject.toml"), "tool", "prefect")
    search.find("home", "profiles_path")
    if not search.problems:  # Else the file of profiles may not even be known.
        search.add(search.load_profile)
    search.add(load_environment, environ, CA_VARIABLES)
    search.find(*_SETTINGS)
    problems = search.problems
    if problems:
        head = [f"{len(problems)} settings cannot be used:"] if len(problems) > 1 else []
        raise SettingsError("\n  - ".join([*head, *problems]))
    return Settings(**search.values, sources={name: search.places[name] for name in _SETTINGS})


def _working_folder() -> Optional[str]:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None  # It was deleted, so it holds no settings.
    except OSError as exc:
        problem = f"the working folder, which may hold settings, is not known: {exc.strerror}"
        raise SettingsError(f"{problem}; go to another one") from exc


class _Search:
    """Looks for each setting in source after source, and collects all problems."""

    def __init__(
        self, sources: List[Source], cwd: Optional[str], environ: Mapping[str, str]
    ) -> None:
        self._sources, self._cwd, self._environ = sources, cwd, environ
        self.values: Dict[str, Any] = {}
        self.places: Dict[str, str] = {}
        self.problems: List[str] = []

    def add(self, load: Callable[..., Optional[Source]], *arguments: Any) -> None:
        """Add the source that *load* returns, if it returns one."""
        try:
            self._sources.append(load(*arguments) or {})
        except SettingsError as exc:
            self.problems.append(str(exc))

    def load_profile(self) -> Source:
        """Return the settings of the profile in force, and set its name."""
        name, place = self.values["profile"], self.places["profiles_path"]
        asked = (name, self.places["profile"]) if name else None
        named_by = "" if place == _DEFAULT else place
        found = load_profile(self.values["profiles_path"], asked, named_by)
        self.values["profile"], self.places["profile"], source = found
        return source

    def find(self, *names: str) -> None:
        """Find values and places of the settings that are not found yet."""
        for name in names:
            if name not in self.places:
                self.places[name] = self._find(name, _SETTINGS[name])

    def _find(self, name: str, setting: _Setting) -> str:
        """Set the value of a setting, or add a problem; return the place."""
        pairs = ((source, each) for source in self._sources for each in setting.names)
        found = (source[each] for source, each in pairs if each in source)
        value, place = next(found, (None, _DEFAULT))
        if value is None or value == "":
            value = setting.default
            if setting.is_path and value:  # It may be missing, for nobody named it.
                place = _DEFAULT
        try:
            if setting.is_path and value is not None:
                value = self._parse_path(value)
            self.values[name] = None if value is None else setting.parse(value)
        except ValueError as exc:
            if place == _DEFAULT:  # Whoever needs it reports why it is not known.
                self.values[name] = None
                return f"{_DEFAULT} {exc}"
            self.problems.append(f"{place}: {name} {exc}")
        return place

    def _parse_path(self, value: object) -> str:
        """Return an absolute path; ``~`` is the home of whoever runs this."""
        if not isinstance(value, str):
            raise ValueError("must be a path")
        try:
            if "${PREFECT_HOME}" in value:
                folder = self.values.get("prefect_home")
                if folder is None:
                    raise ValueError("PREFECT_HOME is not known")
                value = value.replace("${PREFECT_HOME}", folder)
            return absolute_path(value, cwd=self._cwd, environ=self._environ)
        except ValueError as exc:
            raise ValueError(f"({quoted(value)}): {exc}") from None
