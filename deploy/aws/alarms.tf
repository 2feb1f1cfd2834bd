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
  watcher      = { ClusterName = aws_ecs_cluster.this.name, ServiceName = aws_ecs_service.this["watcher"].name }
  airflow      = { ClusterName = aws_ecs_cluster.this.name, ServiceName = aws_ecs_service.this["airflow"].name }

  # Each alarm is something a person must act on; what it means is in its description.
  alarms = {
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
      about     = "The price service answers with errors of its own."
      space     = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", of = local.edge_service
      statistic = "Sum", above = 10, minutes = 5, silent = "notBreaching"
    }
    service-slow = {
      about     = "One quote in twenty takes longer than half a second."
      space     = "AWS/ApplicationELB", metric = "TargetResponseTime", of = local.edge_service
      statistic = "p95", above = 0.5, minutes = 10, silent = "notBreaching"
    }
    airflow-down = {
      about     = "Airflow does not run: no new data, no new model. (Each task that runs sends one sample a minute.)"
      space     = "AWS/ECS", metric = "CPUUtilization", of = local.airflow
      statistic = "SampleCount", below = 1, minutes = 10, silent = "breaching"
    }
    watcher-down = {
      about     = "The watcher does not run: quotes are kept, nobody looks at them. It goes on where it stopped."
      space     = "AWS/ECS", metric = "CPUUtilization", of = local.watcher
      statistic = "SampleCount", below = 1, minutes = 10, silent = "breaching"
    }
    watcher-told = {
      about     = "The watcher has begun an alert: drift, or prices that miss. Its log and the page's monitoring say which; docs/how-to/respond-to-alerts.md what to do."
      space     = "${var.name}/watcher", metric = "AlertsBegun", of = {}
      statistic = "Sum", above = 0, minutes = 1, silent = "notBreaching"
    }
    mlflow-down = {
      about     = "The MLflow host fails its checks: nothing can be registered; prices go on with the model they have."
      space     = "AWS/EC2", metric = "StatusCheckFailed", of = { InstanceId = aws_instance.mlflow.id }
      statistic = "Maximum", above = 0, minutes = 5, silent = "breaching"
    }
    database-full = {
      about     = "Less than 2 GB left; storage grows by itself, so the ceiling is reached."
      space     = "AWS/RDS", metric = "FreeStorageSpace", of = local.database
      statistic = "Minimum", below = 2 * 1024 * 1024 * 1024, minutes = 5, silent = "missing"
    }
    database-busy = {
      about     = "The database has been busy for a quarter of an hour: look for slow statements, or take a larger class."
      space     = "AWS/RDS", metric = "CPUUtilization", of = local.database
      statistic = "Average", above = 85, minutes = 15, silent = "missing"
    }
    database-crowded = {
      about     = "Connections come near what the smallest class allows."
      space     = "AWS/RDS", metric = "DatabaseConnections", of = local.database
      statistic = "Maximum", above = 65, minutes = 5, silent = "missing"
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

# What the watcher tells its own receivers is one line of its log as well, so that it reaches the mailbox of the alarms.
resource "aws_cloudwatch_log_metric_filter" "told" {
  name           = "${var.name}-watcher-told"
  log_group_name = aws_cloudwatch_log_group.this["watcher"].name
  pattern        = "\"WARNING carvalue.monitoring.alerting.store: alert key=\""

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
