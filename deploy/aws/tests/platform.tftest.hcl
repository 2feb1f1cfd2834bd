# Checks of the planned platform, without an account or network.
mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["us-east-1a", "us-east-1b", "us-east-1c"] }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }
}

variables {
  entropy           = "0000000000000000000000000000000000000000000000000000000000000000"
  certificate_arn   = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"
  allowed_cidrs     = ["203.0.113.0/24"]
  github_repository = "example/carvalue"
  alert_email       = "ops@example.com"
}

run "the_database_is_private_encrypted_and_backed_up" {
  command = plan

  assert {
    condition     = !aws_db_instance.this.publicly_accessible && aws_db_instance.this.storage_encrypted
    error_message = "The database must be encrypted and have no public address."
  }
  assert {
    condition     = aws_db_instance.this.backup_retention_period >= 1 && aws_db_instance.this.deletion_protection
    error_message = "The database must have backups and refuse deletion."
  }
  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null
    error_message = "RDS must keep the owner's password, not Terraform."
  }
}

run "nothing_but_the_load_balancer_is_reachable_from_outside" {
  command = plan

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.this : rule.cidr_ipv4 == null])
    error_message = "Between components, only security groups may open ports."
  }
  assert {
    condition = alltrue([
      for cidr, rule in aws_vpc_security_group_ingress_rule.visitors : rule.from_port == 443 && contains(var.allowed_cidrs, cidr)
    ])
    error_message = "Clients may use only port 443, from allowed_cidrs only."
  }
  assert {
    condition     = !anytrue([for service in aws_ecs_service.this : service.network_configuration[0].assign_public_ip])
    error_message = "Tasks must have no public address."
  }
  assert {
    condition     = !anytrue([for subnet in aws_subnet.private : subnet.map_public_ip_on_launch]) && aws_instance.host.metadata_options[0].http_tokens == "required"
    error_message = "The operators' host must be private, and its credentials protected from request forgery (IMDSv2)."
  }
  assert {
    condition     = !contains(local.behind_edge["service"].paths, "/metrics") && toset(keys(local.behind_edge)) == toset(["service", "page"])
    error_message = "Metrics, MLflow and Airflow must not be published."
  }
}

run "a_component_connects_to_what_operators_add_and_no_other_does" {
  command = plan

  variables {
    extra_egress = {
      redis = { from = ["service"], port = 6379, cidrs = ["10.30.0.0/24"] }
      spans = { from = ["service", "page", "watcher"], port = 4318, cidrs = ["10.30.1.7/32"] }
    }
  }

  assert {
    condition = { for key, rule in aws_vpc_security_group_egress_rule.extra : key => "${rule.cidr_ipv4} ${rule.from_port}-${rule.to_port}" } == {
      "redis-service-10.30.0.0/24" = "10.30.0.0/24 6379-6379"
      "spans-page-10.30.1.7/32"    = "10.30.1.7/32 4318-4318"
      "spans-service-10.30.1.7/32" = "10.30.1.7/32 4318-4318"
      "spans-watcher-10.30.1.7/32" = "10.30.1.7/32 4318-4318"
    }
    error_message = "Each named component must reach the named port of each range, and nothing else."
  }
}

run "buckets_are_versioned_encrypted_and_closed" {
  command = plan

  assert {
    condition     = alltrue([for bucket in aws_s3_bucket_versioning.this : bucket.versioning_configuration[0].status == "Enabled"])
    error_message = "Every bucket must have versioning."
  }
  assert {
    condition = alltrue([
      for block in aws_s3_bucket_public_access_block.this :
      block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets
    ])
    error_message = "Every bucket must refuse public access."
  }
  assert {
    condition     = alltrue([for bucket in aws_s3_bucket.this : !bucket.force_destroy])
    error_message = "A non-empty bucket must refuse deletion."
  }
}

run "airflow_and_watcher_exchange_files_in_the_bucket" {
  command = plan

  assert {
    condition     = keys(aws_iam_role_policy.storage) == ["airflow", "airflow-worker", "journal", "migrate", "mlflow", "service", "watcher"]
    error_message = "Airflow and the watcher must have access to STORAGE_URL."
  }
  assert {
    condition = (
      local.storage_access.service == { folder = "storage/production/", actions = ["s3:GetObject"] }
      && endswith("${local.settings.BUNDLE_URL}/", "/${local.storage_access.service.folder}")
    )
    error_message = "The price service must read published versions and nothing else."
  }
}

run "small_by_default" {
  command = plan

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && !aws_db_instance.this.multi_az
    error_message = "By default there must be one NAT gateway and one database."
  }
  assert {
    condition     = aws_budgets_budget.monthly.limit_amount == "250"
    error_message = "The budget must exist."
  }
}

run "grows_by_variables" {
  command = plan

  variables {
    nat_per_zone      = true
    database_multi_az = true
    database_class    = "db.m7g.large"
    sizes = {
      service = { cpu = 1024, memory = 2048, copies = 4 }
      page    = { cpu = 512, memory = 1024, copies = 2 }
      watcher = { cpu = 1024, memory = 4096, copies = 1 }
      airflow = { cpu = 4096, memory = 16384, copies = 1 }
    }
    service_max_copies = 40
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 2 && aws_db_instance.this.multi_az
    error_message = "Expected a NAT gateway in each zone and a standby database."
  }
  assert {
    condition     = aws_appautoscaling_target.service.min_capacity == 4 && aws_appautoscaling_target.service.max_capacity == 40
    error_message = "Scaling must follow sizes and service_max_copies."
  }
}

run "mlflow_runs_on_the_operators_host_by_default" {
  command = plan

  assert {
    condition     = !contains(keys(aws_ecs_service.this), "mlflow") && length(aws_service_discovery_instance.mlflow) == 1
    error_message = "The name mlflow must lead to the host, and to no task."
  }
  assert {
    condition     = keys(aws_iam_role_policy.host) == ["image", "start", "storage"]
    error_message = "The host must have the permissions of MLflow's task."
  }
}

run "mlflow_runs_twice_behind_the_same_name_by_its_size" {
  command = plan

  variables {
    sizes = { mlflow = { cpu = 512, memory = 2048, copies = 2 } }
  }

  assert {
    condition = (
      length(aws_ecs_service.this["mlflow"].service_registries) == 1 && length(aws_service_discovery_instance.mlflow) == 0
      && local.tracking == "http://${aws_service_discovery_service.this["mlflow"].name}.${aws_service_discovery_private_dns_namespace.this.name}:5000"
    )
    error_message = "ECS must register the tasks behind the name that everything calls, and nothing else must be behind it."
  }
  assert {
    condition     = keys(aws_subnet.private) == ["us-east-1a", "us-east-1b"] && aws_ecs_service.this["mlflow"].deployment_minimum_healthy_percent == 100
    error_message = "Two copies must be able to run in two zones, also during a deployment."
  }
  assert {
    condition     = length(aws_iam_role_policy.host) == 0 && !strcontains(aws_instance.host.user_data, "start-mlflow")
    error_message = "Without MLflow, the host must neither start it nor have access to its database and its artifacts."
  }
  assert {
    condition     = contains(local.flows.host, "mlflow") && aws_cloudwatch_metric_alarm.this["mlflow-down"].dimensions.ServiceName == "mlflow"
    error_message = "Operators must reach MLflow through the host, and hear when no copy runs."
  }
  assert {
    condition     = keys(local.standing) == ["airflow", "mlflow", "page", "service", "watcher"] && local.sizes["service"].copies == 2
    error_message = "A size of MLflow must leave the other sizes as they are."
  }
}

run "airflow_runs_its_tasks_itself_by_default" {
  command = plan

  assert {
    condition     = local.airflow_environment["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor" && length(aws_elasticache_replication_group.broker) == 0 && !contains(keys(aws_ecs_service.this), "airflow-worker")
    error_message = "Without workers there must be no queue."
  }
  assert {
    condition     = !contains(keys(local.settings), "PARALLEL_TASKS")
    error_message = "Without workers the default of PARALLEL_TASKS must apply."
  }
}

run "airflow_has_workers_by_their_size" {
  command = plan

  variables {
    sizes    = { airflow-worker = { cpu = 2048, memory = 8192, copies = 2 } }
    settings = { PARALLEL_TASKS = "3" }
  }

  override_resource {
    target          = aws_elasticache_replication_group.broker
    override_during = plan
    values          = { primary_endpoint_address = "queue.example.com" }
  }

  assert {
    condition = alltrue([
      for container in values(merge(local.tasks["airflow"].containers, local.tasks["airflow-worker"].containers)) :
      container.environment["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
      && container.environment["AIRFLOW__CELERY__BROKER_URL"] == "rediss://queue.example.com:6379/0?ssl_cert_reqs=CERT_REQUIRED"
    ])
    error_message = "Scheduler and workers must share the queue, and verify its certificate."
  }
  assert {
    condition     = local.airflow_environment["AIRFLOW__CELERY__WORKER_CONCURRENCY"] == "2"
    error_message = "The workers together must have room for PARALLEL_TASKS."
  }
  assert {
    condition = toset([for arrow in values(local.arrows) : arrow.from if arrow.to == "broker"]) == toset(["airflow", "airflow-worker"]) && alltrue([
      for broker in aws_elasticache_replication_group.broker : broker.transit_encryption_enabled && broker.at_rest_encryption_enabled
    ])
    error_message = "The queue must be encrypted, and open to Airflow only."
  }
  assert {
    condition     = local.storage_access["airflow-worker"] == local.storage_access["airflow"] && local.secrets["airflow-worker"]["airflow-worker"] == local.secrets["airflow"]["airflow-scheduler"]
    error_message = "Tasks must have on a worker what they have in the scheduler's container."
  }
  assert {
    condition     = length(setsubtract(["airflow-worker-down", "broker-down"], keys(aws_cloudwatch_metric_alarm.this))) == 0
    error_message = "Workers and queue must have alarms."
  }
}

run "an_existing_identity_provider_is_used" {
  command = plan

  variables {
    github_oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0
    error_message = "An account can have only one provider for GitHub."
  }
}

run "the_price_service_knows_its_callers_by_hashes_alone" {
  command = plan

  assert {
    condition     = nonsensitive(local.secret_values["service-keys"]) == join(",", [for client in ["page", "release"] : "${client} sha256:${sha256("carvalue.${client}.${sha256("${var.entropy}/${client}-key")}")}"])
    error_message = "Only the hash of an API key must be stored."
  }
  assert {
    condition     = local.tasks.service.containers.service.secrets == { JOURNAL_URL = "journal-database", SERVICE_KEYS = "service-keys" } && local.tasks.page.containers.page.secrets == { SERVICE_API_KEY = "page-key", OPERATOR_KEY = "operator-key" }
    error_message = "The service must get only hashes, and the page only its key."
  }
}

run "there_is_never_a_second_watcher_nor_a_second_scheduler" {
  command = plan

  assert {
    condition = alltrue([
      for role in ["airflow", "watcher"] :
      aws_ecs_service.this[role].deployment_minimum_healthy_percent == 0 && aws_ecs_service.this[role].deployment_maximum_percent == 100
    ])
    error_message = "The old task must stop before the new one starts."
  }
}

run "what_stops_and_what_the_watcher_finds_reaches_people" {
  command = plan

  assert {
    condition     = length(setsubtract(["service-down", "page-down", "airflow-down", "watcher-down", "host-down"], keys(aws_cloudwatch_metric_alarm.this))) == 0
    error_message = "Each component that can stop must have an alarm."
  }
  assert {
    condition = (
      local.tasks.airflow.containers["airflow-scheduler"].health[1] == "scheduler"
      && local.tasks.airflow.containers["airflow-dag-processor"].health[1] == "dag_processor"
      && aws_cloudwatch_event_target.end["unhealthy"].rule == aws_cloudwatch_event_rule.end["unhealthy"].name
    )
    error_message = "A scheduler or DAG processor without a heartbeat must end its task and be reported."
  }
  assert {
    condition = (
      aws_cloudwatch_log_metric_filter.alert.metric_transformation[0].name == local.alarms["watcher-alert"].metric
      && aws_cloudwatch_log_metric_filter.alert.log_group_name == aws_cloudwatch_log_group.this["watcher"].name
    )
    error_message = "The alarm must use the metric that is counted in the watcher's log."
  }
}

run "what_alarms_read_from_service_and_watcher_is_written" {
  command = plan

  assert {
    condition = alltrue([
      for role in ["service", "watcher"] :
      local.tasks[role].containers.metrics.arguments[1] == "${var.name}/${role}" && alltrue([
        for alarm in values(local.alarms) :
        contains(local.tasks[role].containers.metrics.arguments, alarm.metric) || (
          alarm.metric == aws_cloudwatch_log_metric_filter.alert.metric_transformation[0].name
          && alarm.space == aws_cloudwatch_log_metric_filter.alert.metric_transformation[0].namespace
        )
        if alarm.space == "${var.name}/${role}"
      ])
    ])
    error_message = "The container of metrics, or a filter of the log, must write what alarms read, into the same namespace."
  }
  assert {
    condition     = length([for alarm in values(local.alarms) : alarm if startswith(alarm.space, "${var.name}/")]) == 3
    error_message = "Alarms must be in the namespaces that the assertion before compares."
  }
}

run "a_restart_of_the_database_does_not_end_a_training" {
  command = plan

  assert {
    condition = alltrue([
      for name in ["airflow-scheduler", "airflow-dag-processor"] :
      local.health_checks.airflow[name].interval * local.health_checks.airflow[name].retries >= 600
    ])
    error_message = "The heartbeats are in the database, which may be away for ten minutes."
  }
  assert {
    condition     = local.health_checks.service["service"].interval * local.health_checks.service["service"].retries <= 75
    error_message = "A price service that does not answer must be replaced soon."
  }
}

run "settings_reach_every_container" {
  command = plan

  variables {
    settings         = { RETRAIN_SCHEDULE = "@weekly", WATCHER_URL = "http://other:9697" }
    optional_secrets = ["BUNDLE_SIGNING_KEY"]
  }

  assert {
    condition = alltrue([
      for name in ["RETRAIN_SCHEDULE", "WATCHER_URL"] : local.settings[name] == var.settings[name]
    ])
    error_message = "What operators choose must override the addresses of the platform."
  }
  assert {
    condition     = contains(keys(aws_secretsmanager_secret.this), "bundle-signing-key") && !contains(keys(aws_secretsmanager_secret_version.this), "bundle-signing-key")
    error_message = "The value of an optional secret must not come from Terraform."
  }
  assert {
    condition     = local.secrets.airflow["airflow-api"].BUNDLE_SIGNING_KEY == "bundle-signing-key" && local.secrets.migrate["migrate"].BUNDLE_SIGNING_KEY == "bundle-signing-key" && !contains(keys(local.secrets.service["service"]), "BUNDLE_SIGNING_KEY")
    error_message = "Only Airflow and the task that publishes may sign published versions."
  }
}

run "old_quotes_are_archived_daily_only_where_a_number_of_days_is_set" {
  command = plan

  variables {
    settings = { JOURNAL_KEEP_DAYS = "90" }
  }

  override_resource {
    target          = aws_ecs_cluster.this
    override_during = plan
    values          = { arn = "arn:aws:ecs:us-east-1:123456789012:cluster/carvalue" }
  }

  assert {
    condition     = jsondecode(one(aws_scheduler_schedule.archive[0].target).input) == { containerOverrides = [{ name = one(keys(local.tasks.journal.containers)), command = ["journal", "archive"] }] }
    error_message = "The schedule must run the command in the container of its task."
  }
  assert {
    condition     = endswith(local.settings.STORAGE_URL, "/storage") && local.storage_access.journal.folder == "storage/journal-archive/"
    error_message = "The task must reach the archive, and nothing else of the bucket."
  }
  assert {
    condition = aws_cloudwatch_event_rule.end["archive"].event_pattern == jsonencode({
      source      = ["aws.ecs"]
      detail-type = ["ECS Task State Change"]
      detail = {
        clusterArn = ["arn:aws:ecs:us-east-1:123456789012:cluster/carvalue"]
        lastStatus = ["STOPPED"]
        group      = ["family:${aws_ecs_task_definition.this["journal"].family}"]
        "$or"      = [{ containers = { exitCode = [{ anything-but = 0 }] } }, { stopCode = ["TaskFailedToStart"] }]
      }
    }) && aws_cloudwatch_event_target.end["archive"].rule == aws_cloudwatch_event_rule.end["archive"].name
    error_message = "A task that fails, or does not start, must be mailed, and no other."
  }
  assert {
    condition = (
      aws_scheduler_schedule.archive[0].group_name == aws_scheduler_schedule_group.archive[0].name
      && aws_cloudwatch_metric_alarm.this["archive-not-started"].dimensions == tomap({ ScheduleGroup = aws_scheduler_schedule_group.archive[0].name })
    )
    error_message = "A schedule that cannot start its task must raise an alarm."
  }
  assert {
    condition     = tonumber(split(" ", trimprefix(aws_scheduler_schedule.archive[0].schedule_expression, "cron("))[1]) >= tonumber(split(":", split("-", aws_db_instance.this.maintenance_window)[1])[1]) + 1
    error_message = "The task must start after the database's maintenance."
  }
}

run "quotes_stay_for_ever_by_default" {
  command = plan

  assert {
    condition     = length(aws_scheduler_schedule.archive) == 0
    error_message = "Nothing may remove quotes until an operator says how long they stay."
  }
}

run "the_artifacts_can_be_returned_to_any_second_as_the_database_can" {
  command = plan

  assert {
    condition     = one(aws_backup_plan.this.rule).enable_continuous_backup
    error_message = "The artifacts need a continuous backup."
  }
  assert {
    condition     = one(one(aws_backup_plan.this.rule).lifecycle).delete_after == aws_db_instance.this.backup_retention_period
    error_message = "Artifacts and database must be kept for the same time, or they cannot be returned to the same moment."
  }
}

run "errors_of_a_new_price_service_roll_it_back" {
  command = plan

  assert {
    condition     = one(aws_ecs_service.this["service"].alarms).rollback && contains([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name], one(one(aws_ecs_service.this["service"].alarms).alarm_names))
    error_message = "A deployment of the price service must end when its alarm of errors goes off."
  }
}

run "what_reads_the_metrics_is_started_again_and_ends_no_task" {
  command = plan

  override_resource {
    target          = aws_ecr_repository.this
    override_during = plan
    values          = { repository_url = "123456789012.dkr.ecr.us-east-1.amazonaws.com/image" }
  }
  override_resource {
    target          = aws_secretsmanager_secret.this
    override_during = plan
    values          = { arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:name" }
  }

  assert {
    condition = alltrue([
      for role in ["service", "watcher"] : [
        for container in jsondecode(aws_ecs_task_definition.this[role].container_definitions) :
        !container.essential && container.restartPolicy.enabled if container.name == "metrics"
      ] == [true]
    ])
    error_message = "The container of metrics must run as long as its task, which must not depend on it."
  }
}

run "runs_start_a_training_cluster_by_a_setting" {
  command = plan

  variables {
    sizes    = { airflow-worker = { cpu = 4096, memory = 16384, copies = 4 } }
    settings = { TRAINING_WORKERS = "2" }
  }

  override_resource {
    target          = aws_elasticache_replication_group.broker
    override_during = plan
    values          = { primary_endpoint_address = "queue.example.com" }
  }

  assert {
    condition     = local.airflow_environment["AIRFLOW__CELERY__WORKER_CONCURRENCY"] == "1" && local.settings["PARALLEL_TASKS"] == "4"
    error_message = "Scheduler, workers and a step must each have a container."
  }
  assert {
    condition     = length(aws_efs_mount_target.shared) == length(aws_subnet.private) && aws_efs_file_system.shared[0].encrypted
    error_message = "The workers must share encrypted files in every zone."
  }
  assert {
    condition     = toset([for arrow in values(local.arrows) : arrow.from if arrow.to == "files"]) == toset(["airflow-worker"])
    error_message = "Only Airflow's workers may reach the files."
  }
}

run "without_a_training_cluster_nothing_is_shared" {
  command = plan

  assert {
    condition     = length(aws_efs_file_system.shared) == 0 && length(aws_vpc_security_group_ingress_rule.training_cluster) == 0
    error_message = "Without TRAINING_WORKERS there must be no shared files."
  }
}
