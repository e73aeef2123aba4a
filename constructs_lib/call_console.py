"""Where people of a clinic look at its calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk.aws_apigatewayv2_authorizers import HttpUserPoolAuthorizer
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from callscribe.console.noted import NOTED_ATTRIBUTES
from callscribe.contract import metrics
from callscribe.contract.object_keys import SEARCH, TRANSCRIPTS
from callscribe.contract.table_keys import (
    CALL_INDEX,
    CALLS,
    CLINICS,
    FAILED_PARTITION,
    LISTING_INDEX,
    LIVE_CALLS,
    RECORDINGS,
    ROW_INDEX,
)
from callscribe.conversation.flags import DEFAULT_FLAG_SET, FlagSetSource
from callscribe.environments.functions import CallConsoleEnvironment
from callscribe.judgement.quality import DEFAULT_RUBRIC
from callscribe.recordings.redrive import execution_name
from constructs_lib import _checks, _grants, _keys, _nag
from constructs_lib._console_front import ConsoleFront
from constructs_lib._functions import RuntimeFunction, SharedByFunctions
from constructs_lib._judgement import Judgement
from constructs_lib._logs import LogSettings
from constructs_lib._names import account_wide_name
from constructs_lib._waveforms import Waveforms
from constructs_lib.clinic_users import ClinicUsers
from constructs_lib.console_domain import ConsoleDomain
from constructs_lib.function_settings import FunctionSettings
from constructs_lib.live_streamer import LiveStreamer
from constructs_lib.live_transcript_feed import LiveTranscriptFeed
from constructs_lib.transcript_search import TranscriptSearch
from constructs_lib.transcription_workflow import TranscriptionWorkflow

_WORKING_DAY: Final = Duration.hours(10)
# Far more than a few dozen people cause, and an end to what one who has gone wild does.
_REQUESTS_PER_SECOND: Final = 50
_BURST: Final = 100


class CallConsole(Construct):
    """Define a web page, and the API behind it, on which people of a clinic look at its calls.

    An HTTP API with a JWT authorizer, one function that serves both, and users who sign in by authorization code with
    PKCE. It costs next to nothing while nobody looks.

    Groups of the users are clinics, by their ids, except ``qa`` and ``admin``, which are roles in the same user's
    clinics: everybody of a clinic may look, these two may also correct who is who in a call and review its score. The
    function may read no call itself: for each clinic it opens a session of :attr:`reader_role` with a policy that names
    the clinic, so that a query for another one's calls is refused by AWS. Nor may it write transcripts: in a session of
    :attr:`writer_role` it writes down what was said of a call, and has the call judged anew by the function that stored
    it. Every look at words, and every correction, is logged with user and call id.

    Args:
        scope: Parent construct.
        construct_id: Identifier, unique in *scope*. Part of the logical ids: renaming it replaces the user pool.
        recordings: Bucket of the recordings. One that is imported and encrypted with a key of yours must come with it
            (``Bucket.from_bucket_attributes(encryption_key=…)``).
        table: Table of the transcripts.
        archive: Bucket of the transcripts.
        workflow: What judges the transcripts of recordings anew once their roles are corrected, and repeats a failed
            recording when somebody of the role ``admin`` asks for it. Default: neither is done.
        streamer: What judges live transcripts anew once their roles are corrected, and follows a failed live call again
            when somebody of the role ``admin`` asks for it. Default: neither is done.
        feed: Where the words of running calls can be followed, by the same *users*. Default: nowhere.
        search: By what words of calls are found. Default: nobody can search.
        users: Where people sign in. Default: new :class:`ClinicUsers`, without groups of clinics.
        program_access: Whether people may also sign in to programs on their own machines, which read what they may read
            and change nothing, as ``callscribe mcp`` does, by which a language model reads calls. Default: they may
            not.
        flags: What was noted of the calls, for the titles of flags. Default: ``"eye-clinic-v1"``.
        domain: A name under which people find it, by CloudFront and AWS WAF; the API then answers nobody who goes past
            them. Default: the API's own address.
        time_zones: Time zones in which times are shown, by clinic id, ``*`` for all others. Default: the viewer's.
        role_names: What parties of a call are called, by role, as in ``{"customer": "patient"}``. Default: as the
            roles.
        functions: What the function runs on, and where. Default: ``FunctionSettings()``.
        key: Key that encrypts the logs. Default: a new key with rotation on.
        log_retention: How long logs, and with them who looked at what, are kept. Default: a year.

    Raises:
        ValueError: If an option cannot be what it is meant to be, or needs or excludes another one; the message says
            what to do.
    """

    api: apigateway.HttpApi
    """The HTTP API."""
    url: str
    """The console's address."""
    distribution: cloudfront.Distribution | None
    """Serves the console under the name of *domain*; None without one."""
    users: ClinicUsers
    """Where people sign in."""
    client: cognito.UserPoolClient
    """The page, as the pool knows it."""
    program_client: cognito.UserPoolClient | None
    """Programs on people's machines, as the pool knows them; None without *program_access*."""
    function: lambda_.Function
    """Serves page and API."""
    waveform_function: lambda_.Function
    """Draws the waveforms of recordings."""
    reader_role: iam.Role
    """Reads calls; each session of it those of one clinic."""
    writer_role: iam.Role
    """Writes what people say of calls; each session of it of those of one clinic."""
    audio_role: iam.Role
    """Signs the URLs of recordings; each session of it that of one."""
    key: kms.IKey
    """Encrypts the logs."""

    @_checks.takes_objects
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        recordings: s3.IBucket,
        table: dynamodb.ITable,
        archive: s3.IBucket,
        workflow: TranscriptionWorkflow | None = None,
        streamer: LiveStreamer | None = None,
        feed: LiveTranscriptFeed | None = None,
        search: TranscriptSearch | None = None,
        users: ClinicUsers | None = None,
        program_access: bool = False,
        flags: FlagSetSource = DEFAULT_FLAG_SET,
        domain: ConsoleDomain | None = None,
        time_zones: Mapping[str, str] | None = None,
        role_names: Mapping[str, str] | None = None,
        functions: FunctionSettings | None = None,
        key: kms.IKey | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
    ) -> None:
        super().__init__(scope, construct_id)
        _checks.flag("program_access", program_access)
        if feed is not None and (users is None or feed.users is not users):
            raise ValueError(
                "feed without its users: make ClinicUsers and pass them to the feed and to the console, so that who "
                "signs in to the one may follow the other"
            )
        judgement = Judgement.checked(flags=flags, rubric=DEFAULT_RUBRIC)
        self.key = key or _keys.own_key(self, removal_policy=RemovalPolicy.DESTROY, description="Logs of the console")
        log_settings = LogSettings(key=self.key, retention=log_retention)
        self.api = apigateway.HttpApi(
            self, "Api", api_name=account_wide_name(self, max_length=128), create_default_stage=False
        )
        front = None if domain is None else ConsoleFront(self, "Front", domain=domain, api=self.api, key=self.key)
        self.distribution = None if front is None else front.distribution
        self.url = f"{self.api.api_endpoint}/" if domain is None else f"https://{domain.name}/"
        self._add_stage(log_settings)
        self.users = users or ClinicUsers(self, "Users")
        self.client = self.users.add_page(self, "Client", url=self.url, lifetime=_WORKING_DAY)
        self.program_client = (
            self.users.add_program(self, "ProgramClient", lifetime=_WORKING_DAY) if program_access else None
        )
        shared = SharedByFunctions(
            table=table, settings=functions or FunctionSettings(), logs=log_settings, files=judgement.files
        )
        runtime_function = RuntimeFunction(
            self,
            "Function",
            shared,
            reads=CallConsoleEnvironment,
            description="Serves the console's page and API",
            timeout=Duration.seconds(29),  # an HTTP API waits for 30 (API Gateway, "Quotas for HTTP APIs")
            memory_mib=1024,
            without_failed_events="the API waits for the function's answer, and tells the user of its failure",
        )
        self.function = runtime_function.function
        self._function_role = runtime_function.role
        self.reader_role = self._add_reader(table, archive)
        if search is not None:
            self._allow_search(search)
        self.writer_role = self._add_writer(table)
        self.audio_role = self._add_audio_role(recordings)
        waveforms = Waveforms(self, shared=shared, recordings=recordings, archive=archive)
        self.waveform_function = waveforms.function
        iam.Grant.add_to_principal(
            grantee=self._function_role,
            actions=["lambda:InvokeFunction"],
            resource_arns=[self.waveform_function.function_arn],
        )
        judges = [one.store_function for one in (workflow, streamer) if one is not None]
        if judges:
            iam.Grant.add_to_principal(
                grantee=self._function_role,
                actions=["lambda:InvokeFunction"],
                resource_arns=[one.function_arn for one in judges],
            )
        runtime_function.configure(
            CallConsoleEnvironment(
                table_name=table.table_name,
                archive_bucket=archive.bucket_name,
                recording_bucket=recordings.bucket_name,
                reader_role_arn=self.reader_role.role_arn,
                writer_role_arn=self.writer_role.role_arn,
                store_function=None if workflow is None else workflow.store_function.function_name,
                live_store_function=None if streamer is None else streamer.store_function.function_name,
                live_calls_queue_url=None if streamer is None else streamer.queue.queue_url,
                audio_role_arn=self.audio_role.role_arn,
                client_id=self.client.user_pool_client_id,
                program_client_id=None if self.program_client is None else self.program_client.user_pool_client_id,
                sign_in_url=self.users.sign_in_url,
                calls_scope=self.users.calls_scope,
                flags=judgement.flag_set.file.name,
                time_zones=_checks.time_zones(time_zones) or {},
                role_names=_checks.role_names(role_names) or {},
                state_machine_arn=None if workflow is None else workflow.state_machine.state_machine_arn,
                search_bucket=None if search is None else search.bucket.bucket_name,
                feed_http_url=None if feed is None else feed.http_url,
                feed_realtime_url=None if feed is None else feed.realtime_url,
                waveform_function=self.waveform_function.function_name,
                origin_secret_arn=None if front is None else front.secret.secret_arn,
            )
        )
        if front is not None:
            _grants.allow_secret(self._function_role, front.secret)
        if streamer is not None:
            streamer.grant_follow_again(self._function_role)
        if workflow is not None:
            self._grant_redrive(workflow)
            waveforms.draw_for(workflow)
        self._service = runtime_function.service
        self._add_routes()

    def _add_stage(self, settings: LogSettings) -> None:
        group = settings.group(self, "AccessLogs")
        stage = apigateway.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(rate_limit=_REQUESTS_PER_SECOND, burst_limit=_BURST),
        )
        # `access_log_settings=` would let API Gateway write to the group by a policy of the whole region. Neither the
        # parameters of an address, which can be words that are searched for, nor a token is written.
        fields = (
            '{"time":"$context.requestTime","request":"$context.requestId","user":"$context.authorizer.claims.sub",'
            '"ip":"$context.identity.sourceIp","method":"$context.httpMethod","path":"$context.path",'
            '"status":"$context.status","error":"$context.error.message","ms":"$context.responseLatency"}'
        )
        resource = stage.node.default_child
        assert isinstance(resource, apigateway.CfnStage)  # noqa: S101 - what the CDK makes of it
        resource.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=group.log_group_arn, format=fields
        )

    def _add_reader(self, table: dynamodb.ITable, archive: s3.IBucket) -> iam.Role:
        role = self._assumed_role("Reader", "Reads calls for the console, those of one clinic in each session")
        actions = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query")
        _grants.allow_items(role, table, *actions, write=False, conditions=_LEADING_KEYS)
        iam.Grant.add_to_principal(
            grantee=role,
            actions=["dynamodb:Query"],
            resource_arns=[f"{table.table_arn}/index/{index}" for index in (CALL_INDEX, LISTING_INDEX, ROW_INDEX)],
            conditions=_LEADING_KEYS,
        )
        _grants.allow_objects(role, archive, "s3:GetObject", prefix=TRANSCRIPTS)
        iam.Grant.add_to_principal(
            grantee=role,
            actions=["s3:ListBucket"],
            resource_arns=[archive.bucket_arn],
            conditions={"StringLike": {"s3:prefix": f"{TRANSCRIPTS}*"}},
        )
        _nag.acknowledge_wildcards(
            role,
            {
                archive.arn_for_objects(
                    f"{TRANSCRIPTS}*"
                ): "transcripts are named by clinic, day and call; each session is narrowed to one clinic"
            },
        )
        return role

    def _allow_search(self, search: TranscriptSearch) -> None:
        search.grant_search(self.reader_role)
        _nag.acknowledge_wildcards(
            self.reader_role,
            {
                search.bucket.arn_for_objects(
                    f"{SEARCH}*"
                ): "shards are named by clinic and month; each session is narrowed to one clinic"
            },
        )

    def _add_writer(self, table: dynamodb.ITable) -> iam.Role:
        role = self._assumed_role("Writer", "Writes what people say of calls, of those of one clinic in each session")
        _grants.allow_items(role, table, "dynamodb:PutItem", conditions=_WRITTEN)
        return role

    def _add_audio_role(self, recordings: s3.IBucket) -> iam.Role:
        role = self._assumed_role("Audio", "Signs the URLs from which the console plays recordings")
        _grants.allow_objects(role, recordings, "s3:GetObject", "s3:GetObjectVersion")
        _nag.acknowledge_wildcards(
            role,
            {
                recordings.arn_for_objects("*"): "recordings are named by the contact centre; each session is narrowed "
                "to the one recording it signs for"
            },
        )
        return role

    def _assumed_role(self, construct_id: str, description: str) -> iam.Role:
        role = iam.Role(
            self, construct_id, description=description, assumed_by=iam.ArnPrincipal(self._function_role.role_arn)
        )
        iam.Grant.add_to_principal(
            grantee=self._function_role, actions=["sts:AssumeRole"], resource_arns=[role.role_arn]
        )
        _nag.acknowledge(role, _nag.INLINE_POLICY)
        return role

    def _grant_redrive(self, workflow: TranscriptionWorkflow) -> None:
        workflow.state_machine.grant_start_execution(self._function_role)
        executions = Stack.of(self).format_arn(
            service="states",
            resource="execution",
            resource_name=f"{workflow.state_machine.state_machine_name}:{execution_name('*')}",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        iam.Grant.add_to_principal(
            grantee=self._function_role, actions=["states:DescribeExecution"], resource_arns=[executions]
        )
        _nag.acknowledge_wildcards(
            self._function_role, {executions: "repetitions are named after the recordings that they repeat"}
        )

    def _add_routes(self) -> None:
        integration = HttpLambdaIntegration("Integration", self.function)
        clients: list[cognito.IUserPoolClient] = [self.client]
        if self.program_client is not None:
            clients.append(self.program_client)
        authorizer = HttpUserPoolAuthorizer("Authorizer", self.users.user_pool, user_pool_clients=clients)
        public: list[apigateway.HttpRoute] = []
        for path in ("/", "/config.json", "/page/{proxy+}"):
            public += self.api.add_routes(path=path, methods=[apigateway.HttpMethod.GET], integration=integration)
        self.api.add_routes(
            path="/api/{proxy+}",
            methods=[apigateway.HttpMethod.GET, apigateway.HttpMethod.POST, apigateway.HttpMethod.PUT],
            integration=integration,
            authorizer=authorizer,
        )
        for route in public:
            _nag.acknowledge(
                route, {"AwsSolutions-APIG4": "the page, and how to sign in, are for whoever has not signed in yet"}
            )

    def metric_calls_viewed(self) -> cloudwatch.Metric:
        """Count the calls whose words or recordings were asked for; the sum of 5 minutes."""
        return cloudwatch.Metric(
            namespace=metrics.NAMESPACE,
            metric_name=metrics.FunctionMetric.CALLS_VIEWED,
            dimensions_map={metrics.SERVICE_DIMENSION: self._service},
            period=Duration.minutes(5),
            statistic="Sum",
        )


_WRITTEN: Final[Mapping[str, Mapping[str, object]]] = {
    "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{CLINICS}*"]},
    "ForAllValues:StringEquals": {"dynamodb:Attributes": list(NOTED_ATTRIBUTES)},
    "Null": {"dynamodb:LeadingKeys": "false"},
}
"""Corrections and reviews have no other attributes, and no transcript has so few."""

_LEADING_KEYS: Final[Mapping[str, Mapping[str, object]]] = {
    "ForAllValues:StringLike": {
        "dynamodb:LeadingKeys": [f"{CLINICS}*", f"{CALLS}*", f"{LIVE_CALLS}*", FAILED_PARTITION, f"{RECORDINGS}*"]
    },
    "Null": {"dynamodb:LeadingKeys": "false"},
}
"""What a session may name at most. Of all clinics together only what failed is listed, without a word of it."""
