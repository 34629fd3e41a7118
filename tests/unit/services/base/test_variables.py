"""One list of environment variables, and it is complete."""

from __future__ import annotations

from alphaforge_client import credentials

from services.base import variables
from services.cache.settings import CacheServiceSettings
from services.data.settings import DataServiceSettings
from services.execution.settings import ExecutionServiceSettings
from services.relay.settings import RelaySettings
from services.runtime.settings import ServerSettings, ServiceSettings

MODELS: tuple[type[ServerSettings], ...] = (
    CacheServiceSettings,
    DataServiceSettings,
    ExecutionServiceSettings,
    RelaySettings,
)


def test_every_setting_of_a_service_has_its_variable_and_no_other() -> None:
    own = {
        f"{model.service}_{name}".upper()
        for model in MODELS
        for name in model.model_fields.keys() - ServiceSettings.model_fields.keys()
    }
    assert own == set(variables.OWN)
    assert tuple(model.service.upper() for model in MODELS) == variables.SERVICES


def test_a_relay_takes_no_setting_of_engines() -> None:
    of_engines = ServiceSettings.model_fields.keys() - ServerSettings.model_fields.keys()
    assert {name.upper() for name in of_engines} == set(variables.OF_ENGINES)
    assert not of_engines & RelaySettings.model_fields.keys()
    assert not {f"ALPHAFORGE_RELAY_{name}" for name in variables.OF_ENGINES} & variables.KNOWN


def test_every_setting_is_documented() -> None:
    for model in MODELS:
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"


def test_the_clients_variables_are_known() -> None:
    assert {f"ALPHAFORGE_{name}" for name in variables.CLIENT} == set(credentials.VARIABLES.values())
    for service in variables.NOUNS:
        assert f"ALPHAFORGE_{service}_TARGET" in variables.KNOWN
