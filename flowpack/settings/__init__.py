"""Where the API is and how to speak to it: flowpack's settings and Prefect's.

For each setting the first source that has it wins: an argument, ``FLOWPACK_*`` in
the environment, ``PREFECT_*`` in the environment, ``.env``, ``prefect.toml`` and
``[tool.prefect]`` of ``pyproject.toml`` in the working folder, the profile of
Prefect's ``profiles.toml`` that is in force, the default. A setting that is there
but empty counts: it has its default, whatever lower sources say.
"""

from __future__ import annotations

import functools
import os
from typing import Any, Callable, Dict, FrozenSet, List, Mapping, Optional, Tuple, Union

import attrs

from flowpack._tracebacks import HidesLocals, hides_locals
from flowpack.exceptions import SettingsError, quoted
from flowpack.settings import values
from flowpack.settings.sources import (
    Source,
    from_dot_env,
    from_environment,
    from_folder,
    from_profile,
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
            (name, values.shown(name, getattr(self, name), name in _SECRET), source)
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

    @property
    def names(self) -> Tuple[str, ...]:
        return (*self.variables, self.table) if self.table else self.variables


def _key(
    variable: str, table: str, parse: Callable[[object], Any], default: Any = None
) -> _Key:
    return _Key((f"FLOWPACK_{variable}", f"PREFECT_{variable}"), table, parse, default)


_SECRET = frozenset({"api_key", "api_auth_string", "custom_headers"})

_KEYS: Mapping[str, _Key] = {
    "api_url": _key("API_URL", "api.url", values.parse_url_text),
    "api_key": _key("API_KEY", "api.key", values.parse_secret),
    "api_auth_string": _key(
        "API_AUTH_STRING", "api.auth_string", values.parse_secret
    ),
    "request_timeout": _key(
        "API_REQUEST_TIMEOUT", "api.request_timeout", values.parse_number, 30.0
    ),
    "custom_headers": _key(
        "CLIENT_CUSTOM_HEADERS", "client.custom_headers", values.parse_headers, {}
    ),
    "tls_insecure_skip_verify": _key(
        "API_TLS_INSECURE_SKIP_VERIFY",
        "api.tls_insecure_skip_verify",
        values.parse_switch,
        False,
    ),
    "max_retries": _key("CLIENT_MAX_RETRIES", "client.max_retries", values.parse_count),
    "retry_extra_codes": _key(
        "CLIENT_RETRY_EXTRA_CODES",
        "client.retry_extra_codes",
        values.parse_statuses,
        frozenset(),
    ),
    "csrf_support_enabled": _key(
        "CLIENT_CSRF_SUPPORT_ENABLED",
        "client.csrf_support_enabled",
        values.parse_switch,
        True,
    ),
    "default_work_pool": _Key(
        (
            "FLOWPACK_DEFAULT_WORK_POOL_NAME",
            "PREFECT_DEPLOYMENTS_DEFAULT_WORK_POOL_NAME",
            "PREFECT_DEFAULT_WORK_POOL_NAME",
        ),
        "deployments.default_work_pool_name",
        values.parse_text,
    ),
    "require_server": _Key(
        ("FLOWPACK_REQUIRE_SERVER",), "", values.parse_switch, False
    ),
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
        SettingsError: Values that cannot be used, all of them at once, each with
            its source; or a source that cannot be read.
    """
    given = {"api_url": api, "home": home, "profile": profile}
    search = _Search(
        {name: value for name, value in given.items() if value is not None},
        _Environment(os.environ if environ is None else environ),
        _working_folder() if cwd is None else os.path.abspath(cwd),
    )
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


@attrs.frozen
class _Environment:
    """Keeps the environment out of the sight of those who print variables."""

    variables: Mapping[str, str] = attrs.field(repr=False)


class _Search:
    """Looks for each setting in source after source."""

    def __init__(
        self,
        given: Mapping[str, Any],
        environment: _Environment,
        cwd: Optional[str],
    ) -> None:
        self._given = given
        self._environ = environment.variables
        self._cwd = cwd
        self._problems: List[str] = []
        self._found: Dict[str, Any] = {}
        self._places: Dict[str, str] = {}
        self._environment = from_environment(self._environ, CA_VARIABLES)
        self._sources: List[Source] = [self._environment]

    def settings(self) -> Settings:
        """Return the settings.

        Raises:
            SettingsError: Something is wrong with them.
        """
        self._open_folder()
        self._find_folders()
        self._open_profile()
        for name, key in _KEYS.items():
            self._find(name, key, self._sources)
        self._find_certificates()
        if self._problems:
            raise SettingsError(_told(self._problems))
        order = [each.name for each in attrs.fields(Settings) if each.name != "sources"]
        places = {name: self._places[name] for name in order}
        return Settings(**self._found, sources=places)

    def _open_folder(self) -> None:
        """Add the sources that stand in the working folder."""
        if self._cwd is None:
            return
        try:
            dot_env = from_dot_env(self._cwd, self._environ)
            self._sources += [dot_env] if dot_env else []
        except SettingsError as exc:
            self._problems.append(str(exc))
        try:
            self._sources += from_folder(self._cwd)
        except SettingsError as exc:
            self._problems.append(str(exc))

    def _find_folders(self) -> None:
        path = functools.partial(
            values.parse_path, cwd=self._cwd, environ=self._environ
        )
        home = functools.partial(
            values.parse_home, cwd=self._cwd, environ=self._environ
        )
        own = _Key(("FLOWPACK_HOME",), "", home, "~/.flowpack")
        self._find("home", own, self._sources)
        prefect = _Key(("PREFECT_HOME",), "", path, "~/.prefect")
        self._find("prefect_home", prefect, [self._environment])
        folder = self._found.get("prefect_home")

        def profiles(value: object) -> str:
            if isinstance(value, str) and "${PREFECT_HOME}" in value:
                if folder is None:
                    raise ValueError(f"({quoted(value)}): PREFECT_HOME is not known")
                value = value.replace("${PREFECT_HOME}", folder)
            return path(value)

        default = None if folder is None else os.path.join(folder, "profiles.toml")
        names = ("FLOWPACK_PROFILES_PATH", "PREFECT_PROFILES_PATH")
        key = _Key(names, "profiles_path", profiles, default)
        self._find("profiles_path", key, self._sources)

    def _open_profile(self) -> None:
        """Add the profile in force, the last of the sources."""
        key = _Key(("FLOWPACK_PROFILE", "PREFECT_PROFILE"), "", values.parse_text)
        self._find("profile", key, [self._environment])
        name = self._found.get("profile")
        wanted = (name, self._places["profile"]) if name else None
        if self._problems:
            return  # The file of profiles may not even be known.
        path, place = self._found["profiles_path"], self._places["profiles_path"]
        try:
            profile = from_profile(path, wanted, "" if place == _DEFAULT else place)
        except SettingsError as exc:
            self._problems.append(str(exc))
            return
        self._found["profile"] = profile.name
        self._places["profile"] = profile.chosen_by
        self._sources.append(profile.source)

    def _find_certificates(self) -> None:
        path = functools.partial(
            values.parse_path, cwd=self._cwd, environ=self._environ
        )

        def file(value: object) -> Optional[str]:
            return path(value) if value else None

        key = _key("API_SSL_CERT_FILE", "api.ssl_cert_file", file)
        self._find("ssl_cert_file", key, self._sources)
        if self._places["ssl_cert_file"] == _DEFAULT:
            common = _Key(CA_VARIABLES, "", file)
            self._find("ssl_cert_file", common, [self._environment])

    def _find(self, name: str, key: _Key, sources: List[Source]) -> None:
        """Note the value of a setting and where it came from."""
        value, place = self._look_up(name, key, sources)
        self._places[name] = place
        if value is None or value == "":
            value = key.default
            if not isinstance(value, str):
                self._found[name] = value
                return
            self._places[name] = place = _DEFAULT
        try:
            self._found[name] = key.parse(value)
        except ValueError as exc:
            if place != _DEFAULT:
                self._problems.append(f"{place}: {name} {exc}")
                return
            # Whoever needs it says so.
            self._found[name], self._places[name] = None, f"{_DEFAULT} {exc}"

    def _look_up(
        self, name: str, key: _Key, sources: List[Source]
    ) -> Tuple[Any, str]:
        if name in self._given:
            return self._given[name], "argument"
        for source in sources:
            found = source.find(key.names)
            if found is not None:
                return found
        return None, _DEFAULT


_DEFAULT = "default"


def _told(problems: List[str]) -> str:
    if len(problems) == 1:
        return problems[0]
    lines = "".join(f"\n  - {problem}" for problem in problems)
    return f"{len(problems)} settings cannot be used:{lines}"
