# Files that Airflow's workers share, only with TRAINING_WORKERS: the tasks of a run hand each other parts of tables.
# What they make is in S3 in the end; here are copies and working files, which a step can make again.
locals {
  training_workers = tonumber(lookup(var.settings, "TRAINING_WORKERS", "0"))
  shares_files     = local.training_workers > 0
  roles_with_files = local.shares_files ? ["airflow-worker"] : []
}

resource "aws_efs_file_system" "shared" {
  count = local.shares_files ? 1 : 0

  creation_token  = "${var.name}-shared"
  encrypted       = true
  kms_key_id      = aws_kms_key.this.arn
  throughput_mode = "elastic"
  tags            = { Name = "${var.name}-shared" }
}

resource "aws_efs_backup_policy" "shared" {
  count = local.shares_files ? 1 : 0

  file_system_id = aws_efs_file_system.shared[0].id
  backup_policy {
    status = "DISABLED" # see above
  }
}

resource "aws_efs_mount_target" "shared" {
  for_each = local.shares_files ? aws_subnet.private : {}

  file_system_id  = aws_efs_file_system.shared[0].id
  subnet_id       = each.value.id
  security_groups = [aws_security_group.this["files"].id]
}

resource "aws_efs_access_point" "shared" {
  count = local.shares_files ? 1 : 0

  file_system_id = aws_efs_file_system.shared[0].id

  posix_user {
    uid = 10001
    gid = 10001
  }
  root_directory {
    path = "/carvalue"

    creation_info {
      owner_uid   = 10001
      owner_gid   = 10001
      permissions = "0750"
    }
  }
}

resource "aws_iam_role_policy" "shared" {
  count = local.shares_files ? 1 : 0

  name   = "shared-files"
  role   = aws_iam_role.task["airflow-worker"].id
  policy = data.aws_iam_policy_document.shared[0].json
}

data "aws_iam_policy_document" "shared" {
  count = local.shares_files ? 1 : 0

  statement {
    actions   = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
    resources = [aws_efs_file_system.shared[0].arn]

    condition {
      test     = "StringEquals"
      variable = "elasticfilesystem:AccessPointArn"
      values   = [aws_efs_access_point.shared[0].arn]
    }
  }
}

# Dask and XGBoost choose their ports; Dask accepts only connections with the certificate of the run.
resource "aws_vpc_security_group_ingress_rule" "training_cluster" {
  count = local.shares_files ? 1 : 0

  security_group_id            = aws_security_group.this["airflow-worker"].id
  referenced_security_group_id = aws_security_group.this["airflow-worker"].id
  ip_protocol                  = "tcp"
  from_port                    = 1024
  to_port                      = 65535
  description                  = "between the workers of a run"
}

resource "aws_vpc_security_group_egress_rule" "training_cluster" {
  count = local.shares_files ? 1 : 0

  security_group_id            = aws_security_group.this["airflow-worker"].id
  referenced_security_group_id = aws_security_group.this["airflow-worker"].id
  ip_protocol                  = "tcp"
  from_port                    = 1024
  to_port                      = 65535
  description                  = "between the workers of a run"
}
