locals {
  buckets = {
    artifacts = "models and everything else that MLflow keeps; datasets, references, reports and task logs"
    access    = "access logs of the load balancer and of the artifacts"
  }
}

resource "aws_s3_bucket" "this" {
  # checkov:skip=CKV2_AWS_6:blocked below; the scanner does not resolve for_each over a resource
  # checkov:skip=CKV2_AWS_61:see below, as above
  # checkov:skip=CKV_AWS_21:versioned below, as above
  # checkov:skip=CKV_AWS_144:a copy in a second region would double the cost; versions and the database's backups cover mistakes
  # checkov:skip=CKV2_AWS_62:no component uses object events
  # checkov:skip=CKV_AWS_18:the artifacts are logged below; a log bucket cannot log into itself
  # checkov:skip=CKV_AWS_145:the log bucket is encrypted with S3's key, because load balancers cannot write with any other
  for_each = local.buckets

  bucket        = "${var.name}-${each.key}-${local.account}-${var.region}"
  force_destroy = !var.protect_data
  tags          = { Holds = each.value }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id
  rule {
    bucket_key_enabled = each.key == "artifacts"

    apply_server_side_encryption_by_default {
      sse_algorithm     = each.key == "artifacts" ? "aws:kms" : "AES256"
      kms_master_key_id = each.key == "artifacts" ? aws_kms_key.this.arn : null
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = aws_s3_bucket.this

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id
  rule {
    object_ownership = "BucketOwnerEnforced" # access control lists are off
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket     = each.value.id
  depends_on = [aws_s3_bucket_versioning.this]

  rule {
    id     = "forget"
    status = "Enabled"
    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 90 # overwritten and deleted objects can be restored for 90 days
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  dynamic "rule" {
    for_each = each.key == "access" ? [var.log_days] : []

    content {
      id     = "expire-logs"
      status = "Enabled"
      filter {}

      expiration {
        days = rule.value
      }
    }
  }
}

resource "aws_s3_bucket_logging" "artifacts" {
  bucket        = aws_s3_bucket.this["artifacts"].id
  target_bucket = aws_s3_bucket.this["access"].id
  target_prefix = "artifacts/"
  depends_on    = [aws_s3_bucket_policy.this] # which permits log delivery
}

resource "aws_s3_bucket_policy" "this" {
  for_each = aws_s3_bucket.this

  bucket     = each.value.id
  policy     = data.aws_iam_policy_document.bucket[each.key].json
  depends_on = [aws_s3_bucket_public_access_block.this]
}

data "aws_iam_policy_document" "bucket" {
  for_each = aws_s3_bucket.this

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value.arn, "${each.value.arn}/*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  dynamic "statement" {
    for_each = each.key == "access" ? {
      "logging.s3.amazonaws.com"                       = "artifacts/*"
      "logdelivery.elasticloadbalancing.amazonaws.com" = "edge/*"
    } : {}

    content {
      actions   = ["s3:PutObject"]
      resources = ["${each.value.arn}/${statement.value}"]

      principals {
        type        = "Service"
        identifiers = [statement.key]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account]
      }
    }
  }
}
