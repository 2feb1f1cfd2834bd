# Workflows have no AWS keys: GitHub issues an OpenID Connect token, which AWS accepts for one environment of one repository.
resource "aws_iam_openid_connect_provider" "github" {
  count = var.github_oidc_provider_arn == null ? 1 : 0

  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "deploy" {
  name                 = "${var.name}-deploy"
  description          = "Permissions of the deploy workflow of ${var.github_repository}."
  max_session_duration = 3600
  assume_role_policy   = data.aws_iam_policy_document.github.json
}

data "aws_iam_policy_document" "github" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [coalesce(var.github_oidc_provider_arn, try(aws_iam_openid_connect_provider.github[0].arn, null))]
    }
    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:sub"
      values   = ["repo:${var.github_repository}:environment:${var.github_environment}"]
    }
  }
}

resource "aws_iam_role_policy" "deploy" {
  name   = "deploy"
  role   = aws_iam_role.deploy.id
  policy = data.aws_iam_policy_document.deploy.json
}

data "aws_iam_policy_document" "deploy" {
  # checkov:skip=CKV_AWS_356:the actions with * do not support resources
  # checkov:skip=CKV_AWS_111:ecs:RegisterTaskDefinition does not support resources; PassRole below limits the roles of a revision
  statement {
    sid       = "KnowNoResource"
    actions   = ["ecr:GetAuthorizationToken", "ecs:RegisterTaskDefinition", "ecs:DescribeTaskDefinition", "ssm:GetCommandInvocation"]
    resources = ["*"]
  }
  statement {
    sid = "PushImages"
    actions = [
      "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImages",
      "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
    ]
    resources = [for repository in aws_ecr_repository.this : repository.arn]
  }
  statement {
    sid       = "TagRevisions" # as Terraform tags them
    actions   = ["ecs:TagResource"]
    resources = ["arn:${local.partition}:ecs:${var.region}:${local.account}:task-definition/${var.name}-*:*"]

    condition {
      test     = "StringEquals"
      variable = "ecs:CreateAction"
      values   = ["RegisterTaskDefinition"]
    }
  }
  statement {
    sid       = "RollServices"
    actions   = ["ecs:DescribeServices", "ecs:UpdateService"]
    resources = [for service in aws_ecs_service.this : service.id]
  }
  statement {
    sid       = "RunTasksOnce"
    actions   = ["ecs:RunTask"]
    resources = ["arn:${local.partition}:ecs:${var.region}:${local.account}:task-definition/${var.name}-*:*"]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [aws_ecs_cluster.this.arn]
    }
  }
  statement {
    sid       = "WatchTasks"
    actions   = ["ecs:DescribeTasks", "ecs:StopTask"]
    resources = ["arn:${local.partition}:ecs:${var.region}:${local.account}:task/${aws_ecs_cluster.this.name}/*"]
  }
  statement {
    sid     = "GiveTasksTheirRoles"
    actions = ["iam:PassRole"]
    resources = concat(
      [for role in aws_iam_role.execution : role.arn],
      [for role in aws_iam_role.task : role.arn],
    )

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
  statement {
    sid       = "ReadWhereThingsAre"
    actions   = ["ssm:GetParameter"]
    resources = [aws_ssm_parameter.deployment.arn, aws_ssm_parameter.mlflow_image.arn]
  }
  statement {
    sid       = "AskForAPrice"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.this["release-key"].arn]
  }
  statement {
    sid       = "ReadTheKeyForIt"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.this.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${var.region}.amazonaws.com"]
    }
  }
  statement {
    sid       = "NameTheImages"
    actions   = ["ssm:PutParameter"]
    resources = [aws_ssm_parameter.images.arn, aws_ssm_parameter.mlflow_image.arn]
  }
  statement {
    sid       = "RestartMlflow"
    actions   = ["ssm:SendCommand"]
    resources = [aws_ssm_document.restart_mlflow.arn, aws_instance.host.arn]
  }
}

# Parameters of a deployment, so that the workflow contains only the role and the region.
resource "aws_ssm_parameter" "deployment" {
  # checkov:skip=CKV2_AWS_34:contains names and addresses, no secret
  name        = "/${var.name}/deployment"
  description = "Names of the resources that the deploy workflow uses."
  type        = "String"
  insecure_value = jsonencode({
    cluster         = aws_ecs_cluster.this.name
    images          = aws_ssm_parameter.images.name
    mlflow_image    = aws_ssm_parameter.mlflow_image.name # also while no host reads it, for the next one
    copies          = { for role, task in local.standing : role => task.size.copies }
    families        = { for role, task in aws_ecs_task_definition.this : role => task.family }
    registry        = { for image, repository in aws_ecr_repository.this : image => repository.repository_url }
    subnets         = [for subnet in aws_subnet.private : subnet.id]
    security_groups = { for role in keys(local.tasks) : role => aws_security_group.this[role].id }
    service_key     = aws_secretsmanager_secret.this["release-key"].name
    mlflow = !local.mlflow_on_host ? null : {
      instance  = aws_instance.host.id
      parameter = aws_ssm_parameter.mlflow_image.name
      document  = aws_ssm_document.restart_mlflow.name
    }
  })
}
