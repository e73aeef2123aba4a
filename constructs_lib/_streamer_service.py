"""The tasks that follow calls, and how many of them there are."""

from __future__ import annotations

from typing import Final

from aws_cdk import ArnFormat, Duration, Size, Stack
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from callscribe.environments.streamer import StreamerEnvironment
from constructs_lib import _keys, _nag
from constructs_lib._logs import LogSettings
from constructs_lib.streamer_settings import Capacity

STOP_TIMEOUT: Final = Duration.seconds(120)
"""What a streamer gets to hand its calls over; Fargate grants no more."""

# One process uses one processor. A task of that size has at least 2 GiB, which holds 60 s of unheard audio (1.9 MB) for
# every slot there may be, beside 200 MB for the process.
_CPU_UNITS = 1024
_MEMORY_MIB = 2048
_USER = "10001:10001"
_CPU_ARCHITECTURES = {"arm64": ecs.CpuArchitecture.ARM64, "x86_64": ecs.CpuArchitecture.X86_64}
# Beyond it, lines are dropped rather than calls held up while CloudWatch is slow.
_LOG_BUFFER = Size.mebibytes(25)

_BUSY = 0.7
"""Share of a task's slots that should be taken: the rest takes the calls that come in before the next task runs."""
# Longer than the metric takes to show the tasks that were wanted last (ADR 0091): a policy that multiplies their new
# number by the old metric wants them once more, each time that a shorter cooldown ends.
_SCALE_OUT_COOLDOWN = Duration.minutes(5)
_SCALE_IN_COOLDOWN = Duration.minutes(15)


def streamer_cluster(scope: Construct, vpc: ec2.IVpc) -> ecs.Cluster:
    """Create the cluster of streamers."""
    return ecs.Cluster(scope, "Cluster", vpc=vpc, container_insights_v2=ecs.ContainerInsights.ENABLED)


class StreamerService(Construct):
    """Define the service: one task for each processor's worth of calls.

    Args:
        scope: Parent construct.
        construct_id: Identifier, unique in *scope*.
        cluster: Where the tasks run.
        image: What they run.
        architecture: What they run on.
        environment: What they are told.
        security_group: What they reach.
        subnets: Where they are placed.
        public_addresses: Whether each task has a public address, its way out of public subnets.
        logs: How their logs are kept.
        tasks: Fewest tasks; how many run where nothing scales them.
    """

    service: ecs.FargateService
    task_definition: ecs.FargateTaskDefinition
    role: iam.Role

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster: ecs.ICluster,
        image: ecs.ContainerImage,
        architecture: lambda_.Architecture,
        environment: StreamerEnvironment,
        security_group: ec2.ISecurityGroup,
        subnets: ec2.SubnetSelection,
        public_addresses: bool,
        logs: LogSettings,
        tasks: int | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._cluster = cluster
        self.role = iam.Role(self, "TaskRole", assumed_by=_keys.service_of_account("ecs-tasks.amazonaws.com"))
        self.task_definition = ecs.FargateTaskDefinition(
            self,
            "Task",
            cpu=_CPU_UNITS,
            memory_limit_mib=_MEMORY_MIB,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=_CPU_ARCHITECTURES[architecture.name],
                operating_system_family=ecs.OperatingSystemFamily.LINUX,
            ),
            task_role=self.role,
            execution_role=self._execution_role(image),
            volumes=[ecs.Volume(name="tmp")],
        )
        self._add_container(image, environment, logs)
        self._protect_tasks()
        self.service = ecs.FargateService(
            self,
            "Service",
            cluster=cluster,
            task_definition=self.task_definition,
            desired_count=tasks,
            # On demand and never Spot: a reclaimed task stops within two minutes, in mid-call, whatever protects it.
            platform_version=ecs.FargatePlatformVersion.VERSION1_4,
            assign_public_ip=public_addresses,
            security_groups=[security_group],
            vpc_subnets=subnets,
            availability_zone_rebalancing=ecs.AvailabilityZoneRebalancing.ENABLED,
            circuit_breaker=ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
            min_healthy_percent=100,
            max_healthy_percent=200,
            enable_ecs_managed_tags=True,
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
            enable_execute_command=False,
        )

    def _execution_role(self, image: ecs.ContainerImage) -> iam.Role:
        role = iam.Role(self, "ExecutionRole", assumed_by=_keys.service_of_account("ecs-tasks.amazonaws.com"))
        _nag.acknowledge(role, _nag.INLINE_POLICY)
        if isinstance(image, ecs.AssetImage | ecs.EcrImage):
            _nag.acknowledge_wildcards(
                role, {"*": "the token with which images are pulled is the registry's, which cannot be named"}
            )
        return role

    def _add_container(self, image: ecs.ContainerImage, environment: StreamerEnvironment, logs: LogSettings) -> None:
        container = self.task_definition.add_container(
            "Streamer",
            image=image,
            environment=environment.to_variables(),
            user=_USER,
            readonly_root_filesystem=True,
            linux_parameters=ecs.LinuxParameters(self, "Linux", init_process_enabled=True),
            stop_timeout=STOP_TIMEOUT,
            health_check=ecs.HealthCheck(
                command=["CMD", "python", "-m", "streamer.health"],
                interval=Duration.seconds(30),
                timeout=Duration.seconds(10),
                retries=3,
                start_period=Duration.seconds(60),
            ),
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix="streamer",
                log_group=logs.group(self, "Logs"),
                mode=ecs.AwsLogDriverMode.NON_BLOCKING,
                max_buffer_size=_LOG_BUFFER,
            ),
            version_consistency=ecs.VersionConsistency.ENABLED,
        )
        container.add_mount_points(ecs.MountPoint(container_path="/tmp", source_volume="tmp", read_only=False))  # noqa: S108
        _nag.acknowledge(
            self.task_definition,
            {
                "AwsSolutions-ECS2": "the variables name resources and settings; the one secret, Deepgram's key, is "
                "read at run time so that it can be rotated without a deployment"
            },
        )

    def _protect_tasks(self) -> None:
        """Let a task say that it has calls, which keeps deployments and scaling from stopping it."""
        tasks = Stack.of(self).format_arn(
            service="ecs",
            resource="task",
            resource_name=f"{self._cluster.cluster_name}/*",
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )
        iam.Grant.add_to_principal(
            grantee=self.role, actions=["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"], resource_arns=[tasks]
        )
        _nag.acknowledge_wildcards(self.role, {tasks: "tasks of this cluster; a task's id is made when it starts"})

    def scale_on_calls(self, queue: sqs.IQueue, capacity: Capacity) -> autoscaling.ScalableTarget:
        """Keep as many tasks as the calls in *queue*, waiting and running ones, need.

        A call stays in the queue until it has ended, so that the queue's length is the demand. Processor load would be
        no measure: it says nothing of calls that no streamer has room for. The calls are shared out among the tasks
        that are wanted, not those that run: target tracking sets the wanted number in proportion to the metric, so that
        tasks that still start, or that protection keeps running, must not count in it.
        """
        target = autoscaling.ScalableTarget(
            self,
            "Tasks",
            service_namespace=autoscaling.ServiceNamespace.ECS,
            resource_id=f"service/{self._cluster.cluster_name}/{self.service.service_name}",
            scalable_dimension="ecs:service:DesiredCount",
            min_capacity=capacity.min_tasks,
            max_capacity=capacity.most_tasks,
        )
        policies = autoscaling.CfnScalingPolicy
        # The L2 tracks single metrics only.
        policies(
            self,
            "CallsPerTask",
            policy_name="CallsPerTask",
            policy_type="TargetTrackingScaling",
            scaling_target_id=target.scalable_target_id,
            target_tracking_scaling_policy_configuration=policies.TargetTrackingScalingPolicyConfigurationProperty(
                target_value=capacity.slots_per_task * _BUSY,
                scale_out_cooldown=int(_SCALE_OUT_COOLDOWN.to_seconds()),
                scale_in_cooldown=int(_SCALE_IN_COOLDOWN.to_seconds()),
                customized_metric_specification=policies.CustomizedMetricSpecificationProperty(
                    metrics=[
                        _metric("waiting", queue.metric_approximate_number_of_messages_visible()),
                        _metric("running", queue.metric_approximate_number_of_messages_not_visible()),
                        _metric("tasks", self._metric_of_tasks("DesiredTaskCount")),
                        policies.TargetTrackingMetricDataQueryProperty(
                            id="callsPerTask",
                            expression="(waiting + running) / tasks",
                            return_data=True,
                        ),
                    ]
                ),
            ),
        )
        return target

    def metric_running_tasks(self) -> cloudwatch.Metric:
        """Count the tasks that run; the average of a minute (CloudWatch Container Insights)."""
        return self._metric_of_tasks("RunningTaskCount")

    def _metric_of_tasks(self, name: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="ECS/ContainerInsights",
            metric_name=name,
            dimensions_map={"ClusterName": self._cluster.cluster_name, "ServiceName": self.service.service_name},
            period=Duration.minutes(1),
            statistic="Average",
        )


def _metric(
    metric_id: str, metric: cloudwatch.Metric
) -> autoscaling.CfnScalingPolicy.TargetTrackingMetricDataQueryProperty:
    policies = autoscaling.CfnScalingPolicy
    return policies.TargetTrackingMetricDataQueryProperty(
        id=metric_id,
        metric_stat=policies.TargetTrackingMetricStatProperty(
            metric=policies.TargetTrackingMetricProperty(
                namespace=metric.namespace,
                metric_name=metric.metric_name,
                dimensions=[
                    policies.TargetTrackingMetricDimensionProperty(name=name, value=value)
                    for name, value in (metric.dimensions or {}).items()
                ],
            ),
            stat="Average",
        ),
        return_data=False,
    )
