"""From a spec to bytes in a storage and the body of a deployment."""

from flowpack.packaging.base import CompleteSpec, Package, Packager
from flowpack.packaging.script import ScriptPackager, SourcePackager

__all__ = ["CompleteSpec", "Package", "Packager", "ScriptPackager", "SourcePackager"]
