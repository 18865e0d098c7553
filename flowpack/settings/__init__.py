"""Where the API is and how to speak to it: flowpack's settings and Prefect's.

For each setting the first source that has it wins: an argument, ``FLOWPACK_*`` in the
environment, ``PREFECT_*`` in the environment, ``.env``, ``prefect.toml`` and
``[tool.prefect]`` of ``pyproject.toml`` in the working folder, the profile of Prefect's
``profiles.toml`` that is in force, the default. A setting that is there but empty counts:
it has its default, whatever lower sources say.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any, Callable, Dict, FrozenSet, List, Mapping, Optional, Tuple, Union

import attrs

from flowpack._tracebacks import HidesLocals, hides_locals
from flowpack.exceptions import SettingsError, quoted
from flowpack.settings import values
from flowpack.settings.sources import (
    Source,
    from_dot_env,
    from_environment,
    from_prefect_toml,
    from_profile,
    from_pyproject,
)
from flowpack.urls import CA_VARIABLES, URL

__all__ = ["Settings", "load_settings"]


@attrs.frozen(kw_only=True)
class Settings(HidesLocals):
    """All settings, each with the place it came from.

    Attributes:
        api_url: The API's root, without a slash at its end, and as an
            :class:`~flowpack.urls.Address` where it has credentials; None for no
            server.
        api_key: Sent as a bearer token.
        api_auth_string: ``user:password``; wins over the key.
        home: Folder of flowpack's own database and storage; None where the user has
            no home folder. See :meth:`known_home`.
        prefect_home: Folder of Prefect's files; None likewise.
        profiles_path: Prefect's file of profiles; None likewise.
        profile: Name of the profile in force.
        request_timeout: Longest wait for each network step, in seconds.
        custom_headers: Sent with each request to the API.
        ssl_cert_file: CA certificates to trust; None for those that are bundled.
        tls_insecure_skip_verify: Whether certificates are not checked.
        max_retries: How often a request is repeated; None for flowpack's default.
        retry_extra_codes: Statuses that are retried beside the usual ones.
        csrf_support_enabled: Whether CSRF tokens are fetched where a server wants
            them.
        default_work_pool: Where deployments go that name no work pool.
        require_server: Whether to do without the embedded API.
        sources: Name of a setting to where its value came from.
    """

    api_url: Optional[URL]
    api_key: Optional[str] = attrs.field(repr=False)
    api_auth_string: Optional[str] = attrs.field(repr=False)
    home: Optional[str]
    prefect_home: Optional[str]
    profiles_path: Optional[str]
    profile: str
    request_timeout: float
    custom_headers: Mapping[str, str] = attrs.field(repr=False)
    ssl_cert_file: Optional[str]
    tls_insecure_skip_verify: bool
    max_retries: Optional[int]
    retry_extra_codes: FrozenSet[int]
    csrf_support_enabled: bool
    default_work_pool: Optional[str]
    require_server: bool
    sources: Mapping[str, str] = attrs.field(repr=False, eq=False)

    @property
    def verify(self) -> Union[bool, str]:
        """Whether certificates are checked, or the CA certificates to trust."""
        if self.tls_insecure_skip_verify:
            return False
        return self.ssl_cert_file or True

    def known_home(self) -> str:
        """Return *home*.

        Raises:
            SettingsError: It is not known.
        """
        if self.home is None:
            raise SettingsError(
                f"flowpack's own folder is not known ({self.sources['home']}); set"
                " FLOWPACK_HOME to the absolute path of a folder"
            )
        return self.home

    def describe(self) -> Tuple[Tuple[str, str, str], ...]:
        """Return name, value and source of each setting, secrets masked."""
        return tuple(
            (name, values.format_value(name, getattr(self, name), name in _SECRET), source)
            for name, source in self.sources.items()
        )


@attrs.frozen
class _Key:
    """How one setting is found and read.

    Attributes:
        variables: In the environment, ``.env`` and profiles; the first one wins.
        table: In TOML files; empty for none.
        parse: Returns the value, or raises ValueError.
        default: The value where there is none; text is given to *parse*.
    """

    variables: Tuple[str, ...]
    table: str
    parse: Callable[[object], Any]
    default: Any = None


def _key(variable: str, parse: Callable[[object], Any], default: Any = None) -> _Key:
    """Return the key of a setting of Prefect's, whose table follows from its variable."""
    section, _, name = variable.lower().partition("_")
    variables = (f"FLOWPACK_{variable}", f"PREFECT_{variable}")
    return _Key(variables, f"{section}.{name}", parse, default)


_SECRET = frozenset({"api_key", "api_auth_string", "custom_headers"})

_POOL_VARIABLES = (
    "FLOWPACK_DEFAULT_WORK_POOL_NAME",
    "PREFECT_DEPLOYMENTS_DEFAULT_WORK_POOL_NAME",
    "PREFECT_DEFAULT_WORK_POOL_NAME",
)
_POOL_TABLE = "deployments.default_work_pool_name"

#: Paths aside, which depend on the working folder and on each other.
_KEYS: Mapping[str, _Key] = {
    "api_url": _key("API_URL", values.parse_api_url),
    "api_key": _key("API_KEY", values.parse_secret),
    "api_auth_string": _key("API_AUTH_STRING", values.parse_secret),
    "request_timeout": _key("API_REQUEST_TIMEOUT", values.parse_seconds, 30.0),
    "custom_headers": _key("CLIENT_CUSTOM_HEADERS", values.parse_headers, {}),
    "tls_insecure_skip_verify": _key("API_TLS_INSECURE_SKIP_VERIFY", values.parse_switch, False),
    "max_retries": _key("CLIENT_MAX_RETRIES", values.parse_count),
    "retry_extra_codes": _key("CLIENT_RETRY_EXTRA_CODES", values.parse_statuses, frozenset()),
    "csrf_support_enabled": _key("CLIENT_CSRF_SUPPORT_ENABLED", values.parse_switch, True),
    "default_work_pool": _Key(_POOL_VARIABLES, _POOL_TABLE, values.parse_text),
    "require_server": _Key(("FLOWPACK_REQUIRE_SERVER",), "", values.parse_switch, False),
}


@hides_locals
def load_settings(
    *,
    environ: Optional[Mapping[str, str]] = None,
    cwd: Optional[str] = None,
    profile: Optional[str] = None,
    api: Optional[URL] = None,
    home: Optional[str] = None,
) -> Settings:
    """Read the settings from all their sources.

    Args:
        environ: The environment; None for this process's own.
        cwd: The working folder; None for this process's own.
        profile: Name of the profile to use.
        api: The API's root; an empty text means no server.
        home: Folder of flowpack's own database and storage.

    Raises:
        SettingsError: Values that cannot be used, all of them at once, each with its
            source; or a source that cannot be read.
    """
    environ = os.environ if environ is None else environ
    cwd = _working_folder() if cwd is None else os.path.abspath(cwd)
    given = {"api_url": api, "home": home, "profile": profile}
    search = _Search(
        {name: value for name, value in given.items() if value is not None},
        from_environment(environ, CA_VARIABLES),
    )
    path = partial(values.parse_path, cwd=cwd, environ=environ)
    if cwd is not None:
        search.add_folder(cwd, environ)
    search.find_folders(path)
    search.add_profile()
    search.find_certificates(path)
    for name, key in _KEYS.items():
        search.find(name, key)
    return search.settings()


def _working_folder() -> Optional[str]:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None  # It was deleted. No settings stand there.
    except OSError as exc:
        raise SettingsError(
            "the working folder, which may hold settings, is not known:"
            f" {exc.strerror}; go to another one"
        ) from exc


_DEFAULT = "default"


class _Search:
    """Looks for each setting in source after source, and collects what is wrong."""

    def __init__(self, given: Mapping[str, Any], environment: Source) -> None:
        self._given = given
        self._sources: List[Source] = [environment]
        self._problems: List[str] = []
        self._found: Dict[str, Any] = {}
        self._places: Dict[str, str] = {}

    def add_folder(self, folder: str, environ: Mapping[str, str]) -> None:
        """Add the sources that stand in the working folder."""
        for read in (from_dot_env, from_prefect_toml, from_pyproject):
            try:
                source = read(folder, environ)
            except SettingsError as exc:
                self._problems.append(str(exc))
            else:
                self._sources += [source] if source else []

    def find_folders(self, path: Callable[[object], str]) -> None:
        """Find the homes and the file of profiles, none of which a profile can name."""

        def home(value: object) -> str:
            return values.check_home(path(value))

        self.find("home", _Key(("FLOWPACK_HOME",), "", home, "~/.flowpack"))
        prefect_home = _Key(("PREFECT_HOME",), "", path, "~/.prefect")
        self.find("prefect_home", prefect_home, self._sources[:1])
        folder = self._found.get("prefect_home")

        def profiles_path(value: object) -> str:
            if isinstance(value, str) and "${PREFECT_HOME}" in value:
                if folder is None:
                    raise ValueError(f"({quoted(value)}): PREFECT_HOME is not known")
                value = value.replace("${PREFECT_HOME}", folder)
            return path(value)

        default = None if folder is None else os.path.join(folder, "profiles.toml")
        variables = ("FLOWPACK_PROFILES_PATH", "PREFECT_PROFILES_PATH")
        self.find("profiles_path", _Key(variables, "profiles_path", profiles_path, default))

    def find_certificates(self, path: Callable[[object], str]) -> None:
        """Find the file of CA certificates; that of other programs where none is set."""
        certificates = _key("API_SSL_CERT_FILE", path)
        self.find("ssl_cert_file", certificates)
        if self._places.get("ssl_cert_file") == _DEFAULT:
            common = attrs.evolve(certificates, variables=CA_VARIABLES)
            self.find("ssl_cert_file", common, self._sources[:1])

    def add_profile(self) -> None:
        """Add the profile in force, the last of the sources."""
        key = _Key(("FLOWPACK_PROFILE", "PREFECT_PROFILE"), "", values.parse_text)
        self.find("profile", key, self._sources[:1])
        name = self._found.get("profile")
        wanted = (name, self._places["profile"]) if name else None
        if self._problems:
            return  # The file of profiles may not even be known.
        path, place = self._found["profiles_path"], self._places["profiles_path"]
        try:
            name, chosen_by, source = from_profile(path, wanted, "" if place == _DEFAULT else place)
        except SettingsError as exc:
            self._problems.append(str(exc))
            return
        self._found["profile"], self._places["profile"] = name, chosen_by
        self._sources.append(source)

    def find(self, name: str, key: _Key, sources: Optional[List[Source]] = None) -> None:
        """Find the value of a setting and its place, in all sources or in some."""
        names = (*key.variables, key.table) if key.table else key.variables
        found = filter(None, (source.find(names) for source in sources or self._sources))
        given = (self._given[name], "argument") if name in self._given else None
        value, place = given or next(found, (None, _DEFAULT))
        if value is None or value == "":
            if not isinstance(key.default, str):
                self._found[name], self._places[name] = key.default, place
                return
            value, place = key.default, _DEFAULT
        try:
            self._found[name], self._places[name] = key.parse(value), place
        except ValueError as exc:
            if place != _DEFAULT:
                self._problems.append(f"{place}: {name} {exc}")
                return
            # Unknown: whoever needs it says so.
            self._found[name], self._places[name] = None, f"{_DEFAULT} {exc}"

    def settings(self) -> Settings:
        """Return the settings.

        Raises:
            SettingsError: Something is wrong with them.
        """
        if self._problems:
            raise SettingsError(_join_problems(self._problems))
        order = [each.name for each in attrs.fields(Settings) if each.name != "sources"]
        places = {name: self._places[name] for name in order}
        return Settings(**self._found, sources=places)


def _join_problems(problems: List[str]) -> str:
    if len(problems) == 1:
        return problems[0]
    lines = "".join(f"\n  - {problem}" for problem in problems)
    return f"{len(problems)} settings cannot be used:{lines}"
