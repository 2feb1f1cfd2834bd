# The database can be restored to any second by itself; AWS Backup does the same for the artifacts, so that both can be
# returned to the same moment. See docs/how-to/back-up-and-restore.md.
resource "aws_backup_vault" "this" {
  name          = var.name
  kms_key_arn   = aws_kms_key.this.arn
  force_destroy = !var.protect_data
}

resource "aws_backup_plan" "this" {
  name = var.name

  rule {
    rule_name                = "any-second"
    target_vault_name        = aws_backup_vault.this.name
    schedule                 = "cron(0 3 * * ? *)" # the same hour as the database's snapshots
    enable_continuous_backup = true

    lifecycle {
      delete_after = var.backup_days
    }
  }
}

resource "aws_backup_selection" "artifacts" {
  name         = "artifacts"
  plan_id      = aws_backup_plan.this.id
  iam_role_arn = aws_iam_role.backup.arn
  resources    = [aws_s3_bucket.this["artifacts"].arn]
}

resource "aws_iam_role" "backup" {
  name               = "${var.name}-backup"
  assume_role_policy = data.aws_iam_policy_document.assume["backup"].json
}

resource "aws_iam_role_policy_attachment" "backup" {
  for_each = toset(["AWSBackupServiceRolePolicyForS3Backup", "AWSBackupServiceRolePolicyForS3Restore"])

  role       = aws_iam_role.backup.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/${each.key}"
}
