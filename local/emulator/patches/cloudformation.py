"""CloudFormation: the resource types that this project's stacks use.

* ``Ref`` of a secret is its name in MiniStack, its ARN on AWS: without it no policy of a CDK grant matches.
* A secret declared without a value has an empty value in MiniStack, none on AWS (``ResourceNotFoundException`` until
  somebody sets one).
* Templates write addresses with ``https`` and ``wss``. The emulator's own speak plain HTTP, so that a function or an
  output would name an address at which nothing answers.
* An alarm on a metric expression fails in MiniStack. Nothing here publishes metrics, so it is recorded only.
"""

import os
from typing import Any

from ministack.services import secretsmanager
from ministack.services.cloudformation import changesets, engine, handlers, provisioners, stacks

Properties = dict[str, Any]


def apply() -> None:
    """Apply what this module describes."""
    _identify_secrets_by_arn()
    _record_alarms_on_expressions()
    _name_own_addresses_without_tls()


def _identify_secrets_by_arn() -> None:
    secret = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
    create, update, delete = secret["create"], secret["update"], secret["delete"]

    def create_secret(logical_id: str, properties: Properties, stack: str) -> tuple[str, Properties]:
        name, attributes = create(logical_id, properties, stack)
        if "SecretString" not in properties and "GenerateSecretString" not in properties:
            secretsmanager._secrets[name]["Versions"].clear()
        return attributes["Arn"], attributes

    def update_secret(arn: str, old: Properties, new: Properties, stack: str, logical_id: str | None = None) -> Any:
        name, attributes = update(_name(arn), old, new, stack, logical_id)
        return secretsmanager._secrets[name]["ARN"], attributes

    def delete_secret(arn: str, properties: Properties) -> None:
        delete(_name(arn), properties)

    secret.update(create=create_secret, update=update_secret, delete=delete_secret)


def _name(arn: str) -> str:
    return next((name for name, secret in secretsmanager._secrets.items() if secret["ARN"] == arn), arn)


def _record_alarms_on_expressions() -> None:
    record = provisioners._cw_metric_alarm_record

    def record_alarm(name: str, properties: Properties) -> Properties:
        metrics = properties.get("Metrics")
        if not metrics:
            return dict(record(name, properties))
        unpublished = {"MetricName": "Expression", "Namespace": "Emulator", "Metrics": None}
        return {**record(name, {**properties, **unpublished}), "Metrics": metrics}

    provisioners._cw_metric_alarm_record = record_alarm


def _name_own_addresses_without_tls() -> None:
    resolve = engine._resolve_refs
    host = f"{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}/"
    plain = {f"https://{host}": f"http://{host}", f"wss://{host}": f"ws://{host}"}

    def resolve_without_tls(*arguments: Any, **options: Any) -> Any:
        value = resolve(*arguments, **options)
        if isinstance(value, str):
            for secure, insecure in plain.items():
                if value.startswith(secure):
                    return insecure + value.removeprefix(secure)
        return value

    # It calls itself by its name, and others have it by theirs.
    for module in (engine, changesets, handlers, provisioners, stacks):
        if hasattr(module, "_resolve_refs"):
            module._resolve_refs = resolve_without_tls
