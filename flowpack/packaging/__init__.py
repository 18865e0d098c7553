"""From a spec to bytes in a storage and the body of a deployment."""

from flowpack._lazy import TYPE_CHECKING, hand_on
from flowpack.packaging.base import CompleteSpec, Package, Packager
from flowpack.packaging.script import ScriptPackager, SourcePackager

__all__ = ["CompleteSpec", "Package", "Packager", "ProjectPackager", "ScriptPackager"]
__all__ += ["SourcePackager"]

if TYPE_CHECKING:
    from flowpack.packaging.project import ProjectPackager
else:  # Few deployments have one, and it is slow to load.
    __getattr__, __dir__ = hand_on(__name__, {"flowpack.packaging.project": "ProjectPackager"})
