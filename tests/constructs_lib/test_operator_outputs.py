"""What an app that puts the parts together itself names for its operators."""

from aws_cdk import Stack
from aws_cdk.assertions import Template
from constructs import Construct

from constructs_lib import TranscriptTable, export_for_operators


def test_the_parts_that_are_there_are_named_below_a_path_of_the_apps_own(stack: Stack) -> None:
    table = TranscriptTable(stack, "Table").table
    export_for_operators(Construct(stack, "Calls"), table=table, default_clinic_id="west", role_names={})
    outputs = Template.from_stack(stack).find_outputs("*")
    assert {name.partition("CallScribe")[2][:-8] for name in outputs} == {"TableName", "DefaultClinicId"}
    assert {name.partition("CallScribe")[0] for name in outputs} == {"Calls"}
