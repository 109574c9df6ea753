"""What sections of a policy are made of: the frozen base and the types of settings. For `policy` and its parts."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Weight = Annotated[float, Field(ge=0.0, le=10.0)]
Signed = Annotated[float, Field(ge=-10.0, le=10.0)]
Seconds = Annotated[float, Field(ge=0.0, le=86_400.0)]
Days = Annotated[float, Field(ge=0.0, le=36_500.0)]


class Section(BaseModel):
    """Base of all sections: frozen, unknown fields refused, every field required."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
