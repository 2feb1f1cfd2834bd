# Every day, quotes older than the setting JOURNAL_KEEP_DAYS move from the journal's database to files in the bucket.
locals {
  keeps_days = tonumber(lookup(var.settings, "JOURNAL_KEEP_DAYS", "0"))
}

resource "aws_scheduler_schedule" "archive" {
  # checkov:skip=CKV_AWS_297:it contains the name of a command, which is not secret
  count = local.keeps_days > 0 ? 1 : 0 # 0: quotes stay for ever

  name                = "${var.name}-archive"
  description         = "Move quotes older than ${local.keeps_days} days from the journal to the bucket."
  group_name          = aws_scheduler_schedule_group.archive[0].name
  schedule_expression = "cron(0 6 * * ? *)" # after the backups and the database's maintenance

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_ecs_cluster.this.arn
    role_arn = aws_iam_role.scheduler.arn
    input    = jsonencode({ containerOverrides = [{ name = "journal", command = ["journal", "archive"] }] })

    ecs_parameters {
      task_definition_arn = aws_ecs_task_definition.this["journal"].arn_without_revision # the image of the last deployment
      launch_type         = "FARGATE"

      network_configuration {
        subnets          = [for subnet in aws_subnet.private : subnet.id]
        security_groups  = [aws_security_group.this["journal"].id]
        assign_public_ip = false
      }
    }
  }
}

# Of its own: metrics count the errors of a whole group.
resource "aws_scheduler_schedule_group" "archive" {
  count = local.keeps_days > 0 ? 1 : 0

  name = "${var.name}-archive"
}

resource "aws_iam_role" "scheduler" {
  name               = "${var.name}-scheduler"
  assume_role_policy = data.aws_iam_policy_document.assume["scheduler"].json
}

resource "aws_iam_role_policy" "scheduler" {
  name   = "run"
  role   = aws_iam_role.scheduler.id
  policy = data.aws_iam_policy_document.scheduler.json
}

data "aws_iam_policy_document" "scheduler" {
  statement {
    actions   = ["ecs:RunTask"]
    resources = ["${aws_ecs_task_definition.this["journal"].arn_without_revision}:*", aws_ecs_task_definition.this["journal"].arn_without_revision]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [aws_ecs_cluster.this.arn]
    }
  }
  statement {
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.execution["journal"].arn, aws_iam_role.task["journal"].arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
}
