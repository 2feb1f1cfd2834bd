# Terraform merges this over deploy/aws when the tests apply it to a fake AWS (moto).
terraform {
  backend "local" {}
}

provider "aws" {
  s3_use_path_style = true
  max_retries       = 3 # the fake drops a connection now and then; what it does not know is an error within seconds
}

# The fake does not know these at all.
resource "aws_budgets_budget" "monthly" {
  count = 0
}

resource "aws_appautoscaling_target" "service" {
  count = 0
}

resource "aws_appautoscaling_policy" "service" {
  count = 0
}

resource "aws_backup_selection" "artifacts" {
  count = 0
}

# It creates no node of a replication group, which the provider then looks for, and deletes no group of subnets.
resource "aws_elasticache_replication_group" "broker" {
  count = 0
}

resource "aws_elasticache_subnet_group" "broker" {
  count = 0
}

# And of these it forgets some values, so that a second plan would want to write them again.
resource "aws_vpc_security_group_ingress_rule" "this" {
  lifecycle {
    ignore_changes = [description]
  }
}

resource "aws_vpc_security_group_egress_rule" "this" {
  lifecycle {
    ignore_changes = [description]
  }
}

resource "aws_db_parameter_group" "this" {
  lifecycle {
    ignore_changes = [parameter]
  }
}

resource "aws_db_instance" "this" {
  lifecycle {
    ignore_changes = [performance_insights_enabled, performance_insights_kms_key_id]
  }
}

resource "aws_ecs_service" "this" {
  lifecycle {
    ignore_changes = [task_definition, desired_count, availability_zone_rebalancing, health_check_grace_period_seconds]
  }
}

resource "aws_backup_vault" "this" {
  force_destroy = false # the fake cannot list recovery points

  lifecycle {
    ignore_changes = [tags_all]
  }
}

resource "aws_backup_plan" "this" {
  lifecycle {
    ignore_changes = [tags_all]
  }
}
