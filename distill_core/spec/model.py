"""Named models: a registry key, its params, and where the weights come from."""

from __future__ import annotations

from pydantic import Field

from distill_core.spec.config import Config, Name, Params


class FileWeights(Config):
    """Weights from a file below the configured weights folder."""

    file: str = Field(min_length=1, max_length=512, description="Path of a .safetensors file, relative, without '..'.")


class ArtifactWeights(Config):
    """Weights from an artifact of an earlier job."""

    artifact: str = Field(pattern=r"^art_[0-9A-HJKMNP-TV-Z]{26}$", description="Id of the artifact.")


class JobWeights(Config):
    """Weights of the student that another job makes; the service waits for it."""

    job: str = Field(pattern=r"^job_[0-9A-HJKMNP-TV-Z]{26}$", description="Id of the job.")


class UploadWeights(Config):
    """Weights from a file that a person has uploaded."""

    upload: str = Field(pattern=r"^upl_[0-9A-HJKMNP-TV-Z]{26}$", description="Id of the upload.")


class ModelSpec(Config):
    """A model of the registry."""

    model: Name = Field(description="Key of the model in the registry.")
    params: Params = Field(
        default_factory=dict,
        description="Options of the model; classes, channels and image size follow from the data where left out.",
    )
    weights: ArtifactWeights | JobWeights | UploadWeights | FileWeights | None = Field(
        default=None, description="Where the weights come from; left out, they are drawn from the run's seed."
    )
