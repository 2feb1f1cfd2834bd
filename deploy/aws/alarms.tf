resource "aws_sns_topic" "alerts" {
  name              = "${var.name}-alerts"
  kms_master_key_id = aws_kms_key.this.arn
}

resource "aws_sns_topic_subscription" "mail" {
  topic_arn = aws_sns_topic.alerts.arn
  protocol  = "email"
  endpoint  = var.alert_email
}

locals {
  edge_service = { LoadBalancer = aws_lb.this.arn_suffix, TargetGroup = aws_lb_target_group.this["service"].arn_suffix }
  edge_page    = { LoadBalancer = aws_lb.this.arn_suffix, TargetGroup = aws_lb_target_group.this["page"].arn_suffix }
  database     = { DBInstanceIdentifier = aws_db_instance.this.identifier }

  # What it means that no task of a service runs, behind no load balancer.
  absences = {
    airflow = "Airflow does not run: no new data, no new model."
    watcher = "The watcher does not run: drift is not detected. Quotes are stored; it continues where it stopped."
    mlflow  = "No copy of MLflow runs: no version can be registered. Quotes continue with the current model."

    airflow-worker = "No worker of Airflow runs: no new data, no new model. Its tasks wait."
  }

  # Each alarm needs action by a person; its description says what it means.
  alarms = merge(local.absence_alarms, local.broker_alarms, local.archive_alarms, {
    service-down = {
      about     = "No healthy copy of the price service: visitors get errors."
      space     = "AWS/ApplicationELB", metric = "HealthyHostCount", of = local.edge_service
      statistic = "Minimum", below = 1, minutes = 2, silent = "breaching"
    }
    page-down = {
      about     = "No healthy copy of the page."
      space     = "AWS/ApplicationELB", metric = "HealthyHostCount", of = local.edge_page
      statistic = "Minimum", below = 1, minutes = 2, silent = "breaching"
    }
    service-errors = {
      about     = "The price service responds with status 5xx."
      space     = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", of = local.edge_service
      statistic = "Sum", above = 10, minutes = 5, silent = "notBreaching"
    }
    service-slow = {
      about     = "One quote in twenty takes longer than half a second."
      space     = "AWS/ApplicationELB", metric = "TargetResponseTime", of = local.edge_service
      statistic = "p95", above = 0.5, minutes = 10, silent = "notBreaching"
    }
    journal-behind = {
      about     = "For five minutes, the oldest quote has waited more than five minutes for the journal. Waiting quotes are on the disk of their task; if it ends, they are lost. Look at the journal's database."
      space     = "${var.name}/service", metric = "carvalue_journal_lag_seconds", of = {}
      statistic = "Maximum", above = 300, minutes = 5, silent = "notBreaching"
    }
    quotes-lost = {
      about     = "Quotes were answered that the journal will never have: the outbox of a task is full (OUTBOX_LIMIT_MB) because the journal has been away, or its disk is broken."
      space     = "${var.name}/service", metric = "carvalue_journal_dropped_total", of = {}
      statistic = "Sum", above = 0, minutes = 1, silent = "notBreaching"
    }
    watcher-alert = {
      about     = "The watcher raised an alert, such as drift or a high live error. Its log and the monitoring page show which; docs/how-to/respond-to-alerts.md says what to do."
      space     = "${var.name}/watcher", metric = "AlertsBegun", of = {}
      statistic = "Sum", above = 0, minutes = 1, silent = "notBreaching"
    }
    host-down = {
      about     = "The operators' host fails its status checks: no tunnels${local.mlflow_on_host ? ", and no version can be registered. Quotes continue with the current model" : ""}."
      space     = "AWS/EC2", metric = "StatusCheckFailed", of = { InstanceId = aws_instance.host.id }
      statistic = "Maximum", above = 0, minutes = 5, silent = "breaching"
    }
    database-full = {
      about     = "Less than 2 GB of storage left: automatic growth has reached its limit."
      space     = "AWS/RDS", metric = "FreeStorageSpace", of = local.database
      statistic = "Minimum", below = 2 * 1024 * 1024 * 1024, minutes = 5, silent = "missing"
    }
    database-busy = {
      about     = "The database has been busy for 15 minutes: look for slow statements, or use a larger instance class."
      space     = "AWS/RDS", metric = "CPUUtilization", of = local.database
      statistic = "Average", above = 85, minutes = 15, silent = "missing"
    }
    database-crowded = {
      about     = "The number of connections is close to the limit of the smallest instance class."
      space     = "AWS/RDS", metric = "DatabaseConnections", of = local.database
      statistic = "Maximum", above = 65, minutes = 5, silent = "missing"
    }
  })
  absence_alarms = {
    for role, about in local.absences : "${role}-down" => {
      about     = about
      space     = "AWS/ECS", metric = "CPUUtilization" # of which a running task sends one sample a minute
      of        = { ClusterName = aws_ecs_cluster.this.name, ServiceName = aws_ecs_service.this[role].name }
      statistic = "SampleCount", below = 1, minutes = 10, silent = "breaching"
    } if contains(keys(local.standing), role)
  }
  broker_alarms = {
    for broker in aws_elasticache_replication_group.broker : "broker-down" => {
      about     = "The queue of Airflow's tasks sends no metrics: no task can start."
      space     = "AWS/ElastiCache", metric = "CurrConnections", of = { CacheClusterId = "${broker.replication_group_id}-001" }
      statistic = "SampleCount", below = 1, minutes = 10, silent = "breaching"
    }
  }
  archive_alarms = {
    for group in aws_scheduler_schedule_group.archive : "archive-not-started" => {
      about     = "Old quotes were not moved from the journal to the bucket: AWS refused to start the task. The schedule tries again for a day. Look at its role and at ECS's limits."
      space     = "AWS/Scheduler", metric = "TargetErrorCount", of = { ScheduleGroup = group.name }
      statistic = "Sum", above = 0, minutes = 1, silent = "notBreaching"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.about
  namespace           = each.value.space
  metric_name         = each.value.metric
  dimensions          = each.value.of
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  comparison_operator = try(each.value.below, null) == null ? "GreaterThanThreshold" : "LessThanThreshold"
  threshold           = try(each.value.below, each.value.above)
  period              = 60
  evaluation_periods  = each.value.minutes
  treat_missing_data  = each.value.silent
  alarm_actions       = [aws_sns_topic.alerts.arn]
  ok_actions          = [aws_sns_topic.alerts.arn]
}

# Ends of tasks that are mailed.
locals {
  ends = {
    unhealthy = { # such as a scheduler without a heartbeat
      about   = "A task ended because a container failed its health check."
      detail  = { stoppedReason = [{ wildcard = "*failed container health checks*" }] }
      follows = "ECS starts another."
    }
    archive = {
      about = "Old quotes were not moved from the journal to the bucket."
      detail = {
        group = ["family:${var.name}-journal"]
        "$or" = [{ containers = { exitCode = [{ anything-but = 0 }] } }, { stopCode = ["TaskFailedToStart"] }]
      }
      follows = "It starts again tomorrow."
    }
  }
}

resource "aws_cloudwatch_event_rule" "end" {
  for_each = local.ends

  name        = "${var.name}-${each.key}"
  description = each.value.about
  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Task State Change"]
    detail      = merge({ clusterArn = [aws_ecs_cluster.this.arn], lastStatus = ["STOPPED"] }, each.value.detail)
  })
}

resource "aws_cloudwatch_event_target" "end" {
  for_each = local.ends

  rule = aws_cloudwatch_event_rule.end[each.key].name
  arn  = aws_sns_topic.alerts.arn

  input_transformer {
    input_paths    = { task = "$.detail.group", reason = "$.detail.stoppedReason", time = "$.time" }
    input_template = "\"<task> stopped at <time>: <reason>. ${each.value.follows} Its log shows why.\""
  }
}

moved {
  from = aws_cloudwatch_event_rule.unhealthy
  to   = aws_cloudwatch_event_rule.end["unhealthy"]
}

moved {
  from = aws_cloudwatch_event_target.unhealthy
  to   = aws_cloudwatch_event_target.end["unhealthy"]
}

resource "aws_sns_topic_policy" "alerts" {
  arn    = aws_sns_topic.alerts.arn
  policy = data.aws_iam_policy_document.alerts.json
}

data "aws_iam_policy_document" "alerts" {
  statement {
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alerts.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }
  statement {
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alerts.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

# The watcher also logs one line per alert, so that this alarm mails its alerts too.
resource "aws_cloudwatch_log_metric_filter" "alert" {
  name           = "${var.name}-watcher-alert"
  log_group_name = aws_cloudwatch_log_group.this["watcher"].name
  pattern        = "{ ($.logger = \"carvalue.monitoring.alerting.store\") && ($.message = \"alert\") }"

  metric_transformation {
    namespace = "${var.name}/watcher"
    name      = "AlertsBegun"
    value     = "1"
    unit      = "Count"
  }
}

resource "aws_budgets_budget" "monthly" {
  name         = "${var.name}-monthly"
  budget_type  = "COST"
  limit_amount = tostring(var.monthly_budget_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  notification {
    notification_type          = "ACTUAL"
    comparison_operator        = "GREATER_THAN"
    threshold                  = 80
    threshold_type             = "PERCENTAGE"
    subscriber_email_addresses = [var.alert_email]
  }
  notification {
    notification_type          = "FORECASTED"
    comparison_operator        = "GREATER_THAN"
    threshold                  = 100
    threshold_type             = "PERCENTAGE"
    subscriber_email_addresses = [var.alert_email]
  }
}
