"""Names that the schemas of parameters rest on: types, limits, options, and Prefect's blocks.

Schemas of types are those that pydantic writes for the official client.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Mapping, Tuple

Json = Dict[str, Any]
_Schema = Mapping[str, Any]

NULL: _Schema = {"type": "null"}


def _at(types: str, schema: _Schema) -> Dict[str, _Schema]:
    return dict.fromkeys(types.split(), schema)


def _by_name(table: str) -> Dict[str, str]:
    """Return the first word of each line of *table*, by each of the line's other words."""
    lines = map(str.split, table.strip().splitlines())
    return {name: first for first, *names in lines for name in names}


_STRING: _Schema = {"type": "string"}
_INTEGER: _Schema = {"type": "integer"}
_NUMBER: _Schema = {"type": "number"}
_PASSWORD: _Schema = {"type": "string", "format": "password", "writeOnly": True}
_URL: _Schema = {"type": "string", "format": "uri", "minLength": 1}
_SIGNS = {
    **{"Positive": "exclusiveMinimum", "NonNegative": "minimum"},
    **{"Negative": "exclusiveMaximum", "NonPositive": "maximum"},
}

#: Types that are text of a format in JSON, below the format.
_FORMATS = _by_name("""
    base64 pydantic.Base64Bytes pydantic.Base64Str
    binary builtins.bytes pydantic.StrictBytes
    date datetime.date pydantic.FutureDate pydantic.PastDate
    date-time datetime.datetime pydantic.AwareDatetime pydantic.NaiveDatetime
    date-time pydantic.FutureDatetime pydantic.PastDatetime
    directory-path pydantic.DirectoryPath
    duration datetime.timedelta
    email pydantic.EmailStr
    file-path pydantic.FilePath
    ipv4 ipaddress.IPv4Address
    ipv6 ipaddress.IPv6Address
    path os.PathLike pathlib.Path pathlib.PosixPath pathlib.PurePath pathlib.PurePosixPath
    path pydantic.NewPath
    regex re.Pattern typing.Pattern
    """)
#: Such types that have their own name in lower case as format.
_NAMED_AS_FORMATS = """
    datetime.time ipaddress.IPv4Interface ipaddress.IPv4Network ipaddress.IPv6Interface
    ipaddress.IPv6Network pydantic.IPvAnyAddress pydantic.UUID1 pydantic.UUID3 pydantic.UUID4
    pydantic.UUID5 uuid.UUID zoneinfo.ZoneInfo
    """.split()

#: Full names of types, and their schema.
SCHEMAS: Mapping[str, _Schema] = {
    **{name: {"type": "string", "format": form} for name, form in _FORMATS.items()},
    **{
        name: {"type": "string", "format": name.rpartition(".")[2].lower()}
        for name in _NAMED_AS_FORMATS
    },
    **_at("builtins.object typing.Any", {}),
    **_at("builtins.str builtins.complex typing.Text", _STRING),
    **_at("pydantic.StrictStr pydantic.ImportString", _STRING),
    **_at("builtins.int pydantic.StrictInt", _INTEGER),
    **_at("builtins.float pydantic.StrictFloat pydantic.FiniteFloat", _NUMBER),
    **_at("builtins.bool pydantic.StrictBool", {"type": "boolean"}),
    **_at("types.NoneType", NULL),
    **_at("decimal.Decimal", {"anyOf": [_NUMBER, _STRING]}),
    **_at("fractions.Fraction", {"anyOf": [_NUMBER, {**_STRING, "format": "fraction"}]}),
    **_at("typing.AnyStr", {"anyOf": [{**_STRING, "format": "binary"}, _STRING]}),
    **{
        f"pydantic.{sign}{name}": {**schema, limit: 0}
        for name, schema in (("Int", _INTEGER), ("Float", _NUMBER))
        for sign, limit in _SIGNS.items()
    },
    **_at("pydantic.SecretStr pydantic.SecretBytes", _PASSWORD),
    **_at("pydantic.HttpUrl pydantic.WebsocketUrl", {**_URL, "maxLength": 2083}),
    **_at("pydantic.AnyUrl pydantic.AnyHttpUrl pydantic.FileUrl pydantic.FtpUrl", _URL),
    **_at("pydantic.RedisDsn", _URL),
    **_at("pydantic.PostgresDsn", {**_URL, "format": "multi-host-uri"}),
}

#: Types of which JSON schema has no notion; a parameter that holds one anywhere gets no type.
WITHOUT_SCHEMA = frozenset("typing.Callable collections.abc.Callable builtins.callable".split())

#: Generic types by what they are in JSON and in annotations.
GENERICS = _by_name("""
    list builtins.list typing.List typing.Sequence collections.abc.Sequence
    list typing.MutableSequence collections.abc.MutableSequence typing.Iterable
    list collections.abc.Iterable typing.Generator collections.abc.Generator
    list collections.deque typing.Deque
    set builtins.set builtins.frozenset typing.Set typing.FrozenSet typing.AbstractSet
    set collections.abc.Set typing.MutableSet collections.abc.MutableSet
    mapping builtins.dict typing.Dict typing.Mapping collections.abc.Mapping
    mapping typing.MutableMapping collections.abc.MutableMapping collections.OrderedDict
    mapping typing.OrderedDict collections.defaultdict typing.DefaultDict
    counter collections.Counter typing.Counter
    tuple builtins.tuple typing.Tuple
    union typing.Union
    optional typing.Optional
    literal typing.Literal
    annotated typing.Annotated
    inner typing.Final typing.Required typing.NotRequired typing.ReadOnly dataclasses.InitVar
    """)

_LIMITED = "int float str bytes list set frozenset".split()
#: The types that functions of pydantic limit.
LIMITED_TYPES: Mapping[str, str] = {
    **{f"pydantic.con{name}": f"builtins.{name}" for name in _LIMITED},
    "pydantic.condecimal": "decimal.Decimal",
}

#: Limits beside a type in ``Annotated``, and the options of their positional arguments.
LIMITS: Mapping[str, Tuple[str, ...]] = {
    "dataclasses.field": (),
    "pydantic.Field": ("default",),
    "pydantic.StringConstraints": (),
    "annotated_types.Interval": (),
    **{f"annotated_types.{name.title()}": (name,) for name in ("ge", "gt", "le", "lt")},
    "annotated_types.MultipleOf": ("multiple_of",),
    "annotated_types.Len": ("min_length", "max_length"),
    "annotated_types.MinLen": ("min_length",),
    "annotated_types.MaxLen": ("max_length",),
}

_NUMBERS = {
    **{"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"},
    "multiple_of": "multipleOf",
}

#: What limits are called in JSON schema, by the ``type`` that they limit.
KEYWORDS: Mapping[str, Mapping[str, str]] = {
    "integer": _NUMBERS,
    "number": _NUMBERS,
    "string": {"min_length": "minLength", "max_length": "maxLength", "pattern": "pattern"},
    "array": {"min_length": "minItems", "max_length": "maxItems"},
    "object": {"min_length": "minProperties", "max_length": "maxProperties"},
}

#: Parts of the standard library and their like: as types their classes are mere classes, and
#: as bases, decorators or metadata they do not change what JSON a class or a type takes.
_STANDARD = frozenset("""
    abc annotated_types argparse asyncio attr attrs builtins collections concurrent contextlib
    contextvars csv ctypes dataclasses datetime decimal email enum functools http inspect io
    itertools json logging multiprocessing numbers operator os pathlib queue random re shutil socket
    sqlite3 ssl string subprocess sys tempfile threading time types typing unittest uuid warnings
    weakref
    """.split())

#: Names of pydantic and Prefect that do not change it either: bases, decorators and metadata.
_HARMLESS = frozenset("""
    pydantic.AfterValidator pydantic.AllowInfNan pydantic.BaseModel pydantic.Discriminator
    pydantic.FailFast pydantic.Field pydantic.PlainSerializer pydantic.PrivateAttr
    pydantic.SerializeAsAny pydantic.Strict pydantic.StringConstraints pydantic.Tag
    pydantic.UrlConstraints pydantic.WrapSerializer pydantic.computed_field pydantic.dataclass
    pydantic.field_serializer pydantic.model_serializer pydantic.validate_call
    prefect.blocks.core.Block prefect.filesystems.ReadableDeploymentStorage
    prefect.filesystems.ReadableFileSystem prefect.filesystems.WritableDeploymentStorage
    prefect.filesystems.WritableFileSystem prefect.flow prefect.task
    prefect.utilities.asyncutils.sync_compatible
    """.split())


def is_standard(name: str) -> bool:
    """Return True if *name* is one of the standard library, or as harmless."""
    return name.partition(".")[0] in _STANDARD


def is_harmless(name: str) -> bool:
    """Return True if a class or a type with *name* beside it takes the same JSON as without."""
    return name in _HARMLESS or is_standard(name) or name.startswith("prefect.blocks.abstract.")


#: Options of models that do not change what JSON a model takes.
HARMLESS_OPTIONS = frozenset("""
    allow_inf_nan allow_mutation anystr_strip_whitespace arbitrary_types_allowed
    copy_on_model_validation defer_build frozen from_attributes hide_input_in_errors
    json_dumps json_encoders json_loads keep_untouched loc_by_alias orm_mode protected_namespaces
    regex_engine revalidate_instances ser_json_bytes ser_json_inf_nan ser_json_timedelta
    serialize_by_alias smart_union str_strip_whitespace str_to_lower str_to_upper strict
    underscore_attrs_are_private use_attribute_docstrings use_enum_values val_json_bytes
    validate_all validate_assignment validate_default validate_return
    """.split())

#: Blocks that come with Prefect and its integrations, by package; with their slug where that is
#: not the name in lower case.
_BLOCKS = """
prefect Azure DateTime DockerContainer DockerRegistry GCS GitHub=github JSON KubernetesJob
prefect LocalFileSystem Process RemoteFileSystem S3 SMB Secret String Webhook
prefect CustomWebhookNotificationBlock=custom-webhook DiscordWebhook MattermostWebhook
prefect MicrosoftTeamsWebhook=ms-teams-webhook OpsgenieWebhook PagerDutyWebHook=pager-duty-webhook
prefect SendgridEmail SlackWebhook TwilioSMS
prefect_aws AwsCredentials AwsSecret LambdaFunction MinIOCredentials=minio-credentials S3Bucket
prefect_azure AzureBlobStorageContainer AzureBlobStorageCredentials AzureCosmosDbCredentials
prefect_azure AzureContainerInstanceCredentials AzureMlCredentials=azureml-credentials
prefect_bitbucket BitBucketCredentials=bitbucket-credentials
prefect_bitbucket BitBucketRepository=bitbucket-repository
prefect_databricks DatabricksCredentials
prefect_dbt BigQueryTargetConfigs=dbt-cli-bigquery-target-configs DbtCliProfile
prefect_dbt DbtCloudCredentials DbtCoreOperation GlobalConfigs=dbt-cli-global-configs
prefect_dbt PostgresTargetConfigs=dbt-cli-postgres-target-configs
prefect_dbt SnowflakeTargetConfigs=dbt-cli-snowflake-target-configs
prefect_dbt TargetConfigs=dbt-cli-target-configs
prefect_docker DockerHost DockerRegistryCredentials
prefect_email EmailServerCredentials
prefect_gcp BigQueryWarehouse=bigquery-warehouse GcpCredentials GcpSecret=gcpsecret GcsBucket
prefect_github GitHubCredentials=github-credentials GitHubRepository=github-repository
prefect_gitlab GitLabCredentials=gitlab-credentials GitLabRepository=gitlab-repository
prefect_kubernetes KubernetesClusterConfig KubernetesCredentials
prefect_shell ShellOperation
prefect_slack SlackCredentials SlackWebhook
prefect_snowflake SnowflakeConnector SnowflakeCredentials
prefect_sqlalchemy DatabaseCredentials SqlAlchemyConnector=sqlalchemy-connector
"""


def block_slug(name: str) -> str:
    """Return the slug of the known type of block that the class *name* makes, else nothing."""
    package, title = name.partition(".")[0], name.rpartition(".")[2]
    if name.startswith("prefect.types."):  # They have a DateTime of their own.
        return ""
    for listed, *blocks in map(str.split, _BLOCKS.strip().splitlines()):
        for block in blocks if listed == package else ():
            known, _, slug = block.partition("=")
            if known == title:
                return slug or slugify(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", title))
    return ""


def slugify(text: str) -> str:
    """Return *text* as Prefect writes it in a slug."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
