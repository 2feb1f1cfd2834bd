# All roles, with minimal permissions. Execution roles start containers (image, secrets, log);
# task roles are the permissions of the code inside: nothing unless listed.
locals {
  owner_secret = aws_db_instance.this.master_user_secret[0].secret_arn
}

data "aws_iam_policy_document" "assume" {
  for_each = toset(["ecs-tasks", "ec2", "vpc-flow-logs", "monitoring.rds", "backup", "scheduler"])

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["${each.value}.amazonaws.com"]
    }
    dynamic "condition" {
      for_each = contains(["ec2", "backup"], each.value) ? [] : [local.account] # they do not send it

      content {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [condition.value]
      }
    }
  }
}

resource "aws_iam_role" "execution" {
  for_each = local.tasks

  name               = "${var.name}-${each.key}-start"
  assume_role_policy = data.aws_iam_policy_document.assume["ecs-tasks"].json
}

resource "aws_iam_role_policy" "execution" {
  for_each = local.tasks

  name   = "start"
  role   = aws_iam_role.execution[each.key].id
  policy = data.aws_iam_policy_document.execution[each.key].json
}

data "aws_iam_policy_document" "execution" {
  # checkov:skip=CKV_AWS_356:ecr:GetAuthorizationToken does not support resources
  for_each = local.tasks

  statement {
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }
  statement {
    actions   = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
    resources = distinct([for item in each.value.containers : aws_ecr_repository.this[item.image].arn])
  }
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this[each.key].arn}:*"]
  }

  dynamic "statement" {
    for_each = length(local.secrets_of[each.key]) > 0 ? [local.secrets_of[each.key]] : []

    content {
      actions = ["secretsmanager:GetSecretValue"]
      resources = concat(
        [for name in statement.value : aws_secretsmanager_secret.this[name].arn],
        each.key == "migrate" ? [local.owner_secret] : [],
      )
    }
  }
  dynamic "statement" {
    for_each = length(local.secrets_of[each.key]) > 0 ? [aws_kms_key.this.arn] : []

    content {
      actions   = ["kms:Decrypt"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["secretsmanager.${var.region}.amazonaws.com"]
      }
    }
  }
}

resource "aws_iam_role" "task" {
  for_each = local.tasks

  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.assume["ecs-tasks"].json
}

# What each role may do with which objects of the bucket; a deleted object keeps its versions.
locals {
  storage_access = {
    airflow        = { folder = "storage/", actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"] }
    watcher        = { folder = "storage/", actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"] }
    service        = { folder = "storage/${local.published}/", actions = ["s3:GetObject"] }
    migrate        = { folder = "storage/${local.published}/", actions = ["s3:GetObject", "s3:PutObject"] } # `publish` runs in its task
    journal        = { folder = "storage/journal-archive/", actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"] }
    airflow-worker = { folder = "storage/", actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"] }
    mlflow         = { folder = "mlflow/", actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"] }
  }
}

resource "aws_iam_role_policy" "storage" {
  for_each = local.storage_access

  name   = "storage"
  role   = aws_iam_role.task[each.key].id
  policy = data.aws_iam_policy_document.storage[each.key].json
}

data "aws_iam_policy_document" "storage" {
  for_each = local.storage_access

  statement {
    actions   = ["s3:ListBucket"] # for the whole bucket: with a condition on the prefix, S3 answers 403 for a missing object, not 404
    resources = [aws_s3_bucket.this["artifacts"].arn]
  }
  statement {
    actions   = each.value.actions
    resources = ["${aws_s3_bucket.this["artifacts"].arn}/${each.value.folder}*"]
  }
  statement {
    actions   = contains(each.value.actions, "s3:PutObject") ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"]
    resources = [aws_kms_key.this.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "host" {
  name               = "${var.name}-host"
  assume_role_policy = data.aws_iam_policy_document.assume["ec2"].json
}

resource "aws_iam_instance_profile" "host" {
  name = "${var.name}-mlflow" # as in releases where nothing but MLflow ran there: another name is another profile
  role = aws_iam_role.host.name
}

moved {
  from = aws_iam_instance_profile.mlflow
  to   = aws_iam_instance_profile.host
}

resource "aws_iam_role_policy_attachment" "session_manager" {
  role       = aws_iam_role.host.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

# While MLflow runs on the host, the host has the permissions of its task.
resource "aws_iam_role_policy" "host" {
  for_each = local.mlflow_on_host ? {
    start   = data.aws_iam_policy_document.execution["mlflow"].json
    storage = data.aws_iam_policy_document.storage["mlflow"].json
    image   = data.aws_iam_policy_document.mlflow_image.json
  } : {}

  name   = each.key
  role   = aws_iam_role.host.id
  policy = each.value
}

data "aws_iam_policy_document" "mlflow_image" {
  statement {
    actions   = ["ssm:GetParameter"]
    resources = [aws_ssm_parameter.mlflow_image.arn]
  }
}

moved {
  from = aws_iam_role.mlflow
  to   = aws_iam_role.task["mlflow"] # of the same name
}

resource "aws_iam_role" "flow_log" {
  name               = "${var.name}-flow-log"
  assume_role_policy = data.aws_iam_policy_document.assume["vpc-flow-logs"].json
}

resource "aws_iam_role_policy" "flow_log" {
  name = "write"
  role = aws_iam_role.flow_log.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
      Resource = "${aws_cloudwatch_log_group.this["network"].arn}:*"
    }]
  })
}

resource "aws_iam_role" "database_monitoring" {
  name               = "${var.name}-database-monitoring"
  assume_role_policy = data.aws_iam_policy_document.assume["monitoring.rds"].json
}

resource "aws_iam_role_policy_attachment" "database_monitoring" {
  role       = aws_iam_role.database_monitoring.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}
