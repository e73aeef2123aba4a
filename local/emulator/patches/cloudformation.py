"""CloudFormation: the resource types that this project's stacks use.

* ``Ref`` of a secret is its name in MiniStack, its ARN on AWS: without it no policy of a CDK grant matches.
* A secret declared without a value has an empty value in MiniStack, none on AWS (``ResourceNotFoundException`` until
  somebody sets one).
* An alarm on a metric expression fails in MiniStack. Nothing here publishes metrics, so it is recorded only.
"""

from typing import Any

from ministack.services import secretsmanager
from ministack.services.cloudformation import provisioners

Properties = dict[str, Any]


def apply() -> None:
    """Apply what this module describes."""
    _identify_secrets_by_arn()
    _record_alarms_on_expressions()


def _identify_secrets_by_arn() -> None:
    handlers = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
    create, update, delete = handlers["create"], handlers["update"], handlers["delete"]

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

    handlers.update(create=create_secret, update=update_secret, delete=delete_secret)


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
