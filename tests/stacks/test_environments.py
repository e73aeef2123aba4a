import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from app import EnvironmentStage
from constructs_lib.deepgram_options import check_vocabulary
from constructs_lib.policies import Report, enforce
from stacks.batch_stack import BatchStack
from stacks.environments import Clinics, Console, Domain, Live, Settings, dev, local, prod
from stacks.live_stack import LiveStack
from stacks.storage_stack import StorageStack
from tests.conftest import new_app


def test_each_environment_has_its_own_name() -> None:
    assert [settings.name for settings in (local(), dev(), prod())] == ["Local", "Dev", "Prod"]


def test_only_prod_is_protected() -> None:
    assert [settings.termination_protection for settings in (local(), dev(), prod())] == [False, False, True]


def test_a_clinic_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "lakeside.json").write_text(
        json.dumps({"recording_prefixes": ["connect/lakeside/", "old/"], "vocabulary": ["glaucoma"]}), encoding="utf-8"
    )
    (tmp_path / "hilltop.json").write_text(json.dumps({"recording_prefixes": [], "vocabulary": []}), encoding="utf-8")
    clinics = Clinics.load(tmp_path)
    assert clinics.rules.clinic_by_prefix == {"connect/lakeside/": "lakeside", "old/": "lakeside"}
    assert clinics.vocabulary == {"hilltop": (), "lakeside": ("glaucoma",)}


def test_the_clinic_of_the_demo_is_on_this_machine_only() -> None:
    assert "demo-clinic" in local().clinics.vocabulary
    for settings in (dev(), prod()):
        assert set(settings.clinics.vocabulary) == {"main"}
        assert not settings.clinics.rules.clinic_by_prefix


def test_a_clinics_time_zone_is_told_to_those_who_look_calls_up(tmp_path: Path) -> None:
    file: dict[str, Any] = {"recording_prefixes": [], "vocabulary": []}
    for name, zone in (("lakeside", "America/Chicago"), ("hilltop", "Europe/Berlin"), ("main", None)):
        (tmp_path / f"{name}.json").write_text(json.dumps({**file, **({"time_zone": zone} if zone else {})}))
    settings = replace(dev(), clinics=Clinics.load(tmp_path), time_zone="Europe/Berlin")

    (output,) = _batch(settings).find_outputs("ClinicTimeZones").values()

    assert json.loads(output["Value"]) == {"*": "Europe/Berlin", "lakeside": "America/Chicago"}
    assert not _batch(dev()).find_outputs("ClinicTimeZones")


def test_what_is_no_time_zone_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "lakeside.json").write_text(
        json.dumps({"recording_prefixes": [], "vocabulary": [], "time_zone": "Chicago"})
    )
    with pytest.raises(ValueError, match=r"^lakeside\.json: there is no time zone 'Chicago': write a name like"):
        Clinics.load(tmp_path)
    with pytest.raises(ValueError, match=r"^time_zone: there is no time zone 'CEST'"):
        _ = replace(dev(), time_zone="CEST").time_zones


INSTANCE = "arn:aws:connect:us-east-1:111122223333:instance/12345678-1234-1234-1234-123456789012"
QUEUE = f"{INSTANCE}/queue/2f1a7c8e-0001-4000-8000-00000000000a"
SHARED = {"recording_prefixes": [], "vocabulary": [], "queues": [QUEUE], "dialled_numbers": ["+493012345678"]}


def test_clinics_that_share_an_instance_have_queues_and_numbers(tmp_path: Path) -> None:
    (tmp_path / "lakeside.json").write_text(json.dumps(SHARED), encoding="utf-8")
    clinics = Clinics.load(tmp_path)
    assert clinics.rules.clinic_by_queue == {QUEUE: "lakeside"}
    assert clinics.rules.clinic_by_dialled_number == {"+493012345678": "lakeside"}


@pytest.mark.parametrize("instance_arn", [None, INSTANCE])
def test_recordings_are_told_apart_by_queue_and_number_where_the_instance_is_known(
    tmp_path: Path, instance_arn: str | None
) -> None:
    (tmp_path / "lakeside.json").write_text(json.dumps(SHARED), encoding="utf-8")
    live = replace(dev().live, connect_instance_arn=instance_arn)
    template = _batch(replace(dev(), clinics=Clinics.load(tmp_path), live=live))
    settings = [
        variables
        for function in template.find_resources("AWS::Lambda::Function").values()
        if "CLINICS" in (variables := function["Properties"]["Environment"]["Variables"])
    ]
    [admit] = settings
    clinics = json.loads(admit["CLINICS"])
    known = [clinics["clinic_by_queue"], clinics["clinic_by_dialled_number"]]
    assert [list(clinic.values()) for clinic in known] == ([["lakeside"], ["lakeside"]] if instance_arn else [[], []])
    assert admit["CONNECT_INSTANCE_ARN"] == (instance_arn or "")


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (
            {"recording_prefixes": [], "vocabulary": [], "queues": ["arn:of-hilltop"]},
            r"lakeside.json claims the queue 'arn:of-hilltop' of hilltop.json: a queue belongs to one clinic",
        ),
        (
            {"recording_prefixes": [], "vocabulary": [], "dialled_numbers": ["+4930"]},
            r"lakeside.json claims the number '\+4930' of hilltop.json: a number belongs to one clinic",
        ),
        (
            {"recording_prefixes": [], "vocabulary": [], "dialled_numbers": "+4930"},
            r"lakeside.json.dialled_numbers is of another type: a clinic's file holds the lists",
        ),
    ],
)
def test_fails_for_what_two_clinics_claim(tmp_path: Path, file: dict[str, Any], message: str) -> None:
    first = {"recording_prefixes": [], "vocabulary": [], "queues": ["arn:of-hilltop"], "dialled_numbers": ["+4930"]}
    (tmp_path / "hilltop.json").write_text(json.dumps(first), encoding="utf-8")
    (tmp_path / "lakeside.json").write_text(json.dumps(file), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        Clinics.load(tmp_path)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (
            {"recording_prefixes": ["a/"]},
            r"hilltop.json has no vocabulary: a clinic's file holds the lists 'recording_prefixes' and 'vocabulary'",
        ),
        ({"recording_prefixes": ["a/"], "vocabulary": [], "prefix": ""}, r"and nothing else"),
        (
            {"recording_prefixes": ["connect/"], "vocabulary": []},
            r"lakeside.json claims the prefix 'connect/' of hilltop.json: a prefix belongs to one clinic",
        ),
    ],
)
def test_fails_for_a_clinic_file_that_would_be_misread(tmp_path: Path, file: dict[str, Any], message: str) -> None:
    (tmp_path / "hilltop.json").write_text(json.dumps(file), encoding="utf-8")
    (tmp_path / "lakeside.json").write_text(
        json.dumps({"recording_prefixes": ["connect/"], "vocabulary": []}), encoding="utf-8"
    )
    with pytest.raises(ValueError, match=message):
        Clinics.load(tmp_path)


@pytest.mark.parametrize("settings", [local(), dev(), prod()], ids=lambda settings: settings.name)
def test_the_clinics_that_ship_have_vocabularies_deepgram_takes(settings: Settings) -> None:
    assert settings.clinics.vocabulary
    for terms in settings.clinics.vocabulary.values():
        check_vocabulary(terms, model=settings.options.model)


def test_alarms_reach_the_addresses_of_an_environment() -> None:
    template = _batch(Settings(**{**vars(dev()), "alarm_emails": ("ops@example.com", "oncall@example.com")}))
    subscriptions = template.find_resources("AWS::SNS::Subscription").values()
    assert {subscription["Properties"]["Endpoint"] for subscription in subscriptions} == {
        "ops@example.com",
        "oncall@example.com",
    }


def test_retention_reaches_buckets_and_items() -> None:
    settings = dev()
    app = new_app()
    storage = StorageStack(app, "Storage", settings=settings, env=settings.env)
    batch = BatchStack(app, "Batch", settings=settings, storage=storage, env=settings.env)
    expiries = [
        bucket["Properties"]["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"]
        for name, bucket in Template.from_stack(storage).find_resources("AWS::S3::Bucket").items()
        if "AccessLogs" not in name
    ]
    assert expiries == [30, 30]
    Template.from_stack(batch).has_resource_properties(
        "AWS::Lambda::Function", {"Environment": {"Variables": {"TRANSCRIPT_RETENTION_DAYS": "30"}}}
    )


def _batch(settings: Settings) -> Template:
    app: App = new_app()
    storage = StorageStack(app, "Storage", settings=settings, env=settings.env)
    return Template.from_stack(BatchStack(app, "Batch", settings=settings, storage=storage, env=settings.env))


def _live(settings: Settings) -> Template:
    app: App = new_app()
    storage = StorageStack(app, "Storage", settings=settings, env=settings.env)
    batch = BatchStack(app, "Batch", settings=settings, storage=storage, env=settings.env)
    return Template.from_stack(
        LiveStack(app, "Live", settings=settings, storage=storage, batch=batch, env=settings.env)
    )


def test_recordings_of_calls_with_a_whole_live_transcript_are_not_paid_for() -> None:
    for settings in (local(), dev(), prod()):
        assert settings.policy.live_transcripts == "when-incomplete"
    _batch(dev()).has_resource_properties(
        "AWS::Lambda::Function", {"Environment": {"Variables": {"LIVE_TRANSCRIPTS": "when-incomplete"}}}
    )


@pytest.mark.parametrize("recordings", [False, True])
def test_an_instance_that_an_environment_names_is_wired_up(recordings: bool) -> None:
    arn = "arn:aws:connect:us-east-1:111122223333:instance/12345678-1234-1234-1234-123456789012"
    live = Live(**{**vars(dev().live), "connect_instance_arn": arn, "connect_recordings": recordings})
    settings = Settings(**{**vars(dev()), "live": live})
    app = new_app()
    EnvironmentStage(app, settings)
    enforce(app)
    report = Report.of(app)
    assert report.open == []
    assert report.stale == []
    template = Template.from_stack(cast(Stack, app.node.find_child("Dev").node.find_child("Live")))
    template.resource_properties_count_is("AWS::Connect::ContactFlowModule", {"InstanceArn": arn}, 2)
    template.has_resource_properties(
        "AWS::Connect::InstanceStorageConfig",
        {"ResourceType": "MEDIA_STREAMS", "KinesisVideoStreamConfig": {"Prefix": live.stream_prefix}},
    )
    # An instance made in the console stores recordings already, and takes no second configuration.
    template.resource_properties_count_is(
        "AWS::Connect::InstanceStorageConfig", {"ResourceType": "CALL_RECORDINGS"}, int(recordings)
    )


def test_the_console_of_an_environment_has_the_name_that_it_is_given() -> None:
    arn = "arn:aws:acm:us-east-1:111122223333:certificate/12345678-1234-1234-1234-123456789012"
    acl = "arn:aws:wafv2:us-east-1:111122223333:global/webacl/ours/12345678-1234-1234-1234-123456789012"
    domain = Domain(name="calls.example.com", certificate_arn=arn, hosted_zone_id="Z123", web_acl=acl)
    app = new_app()
    EnvironmentStage(app, replace(dev(), console=Console(domain=domain)))
    enforce(app)
    report = Report.of(app)
    assert report.open == []
    assert report.stale == []
    template = Template.from_stack(cast(Stack, app.node.find_child("Dev").node.find_child("Console")))
    [distribution] = template.find_resources("AWS::CloudFront::Distribution").values()
    config = distribution["Properties"]["DistributionConfig"]
    assert (config["Aliases"], config["WebACLId"]) == (["calls.example.com"], acl)
    assert config["ViewerCertificate"]["AcmCertificateArn"] == arn
    records = [one["Properties"] for one in template.find_resources("AWS::Route53::RecordSet").values()]
    assert {(one["HostedZoneId"], one["Name"]) for one in records} == {("Z123", "calls.example.com.")}
    [url] = template.find_outputs("ConsoleUrl").values()
    assert url["Value"] == "https://calls.example.com/"


def test_an_instance_that_nobody_names_is_left_alone() -> None:
    kinds = {resource["Type"] for resource in _live(dev()).to_json()["Resources"].values()}
    assert not [kind for kind in kinds if kind.startswith("AWS::Connect::")]


def test_alarms_about_live_calls_reach_the_same_addresses() -> None:
    template = _live(Settings(**{**vars(dev()), "alarm_emails": ("ops@example.com",)}))
    template.has_resource_properties("AWS::SNS::Subscription", {"Endpoint": "ops@example.com"})
