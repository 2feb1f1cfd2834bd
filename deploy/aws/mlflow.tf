# MLflow on its own host, without a public address or open SSH. Operators connect through Session Manager, which
# authenticates them with IAM and logs sessions; `terraform output tunnels` prints the commands.
data "aws_ssm_parameter" "linux" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
}

resource "aws_instance" "mlflow" {
  # checkov:skip=CKV_AWS_126:status checks run every minute without it; five minutes are enough for the other metrics of one host
  ami                         = data.aws_ssm_parameter.linux.value
  instance_type               = var.mlflow_instance_type
  subnet_id                   = aws_subnet.private[local.zones[0]].id
  vpc_security_group_ids      = [aws_security_group.this["mlflow"].id]
  iam_instance_profile        = aws_iam_instance_profile.mlflow.name
  ebs_optimized               = true
  user_data_replace_on_change = true # the host has no state: runs are in PostgreSQL, artifacts in S3

  user_data = templatefile("${path.module}/mlflow-host.yaml", {
    name      = var.name
    region    = var.region
    registry  = split("/", aws_ecr_repository.this["mlflow"].repository_url)[0]
    image     = aws_ssm_parameter.mlflow_image.name
    secret    = aws_secretsmanager_secret.this["mlflow-database"].arn
    artifacts = "s3://${aws_s3_bucket.this["artifacts"].id}/mlflow"
    host      = "mlflow.${aws_service_discovery_private_dns_namespace.this.name}"
    logs      = aws_cloudwatch_log_group.this["mlflow"].name
  })

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 2 # one more for the container, which signs its calls to S3 with the host's role
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = 30
    encrypted   = true
    kms_key_id  = aws_kms_key.this.arn
  }

  tags = { Name = "${var.name}-mlflow" }

  lifecycle {
    ignore_changes = [ami] # a new image appears every few days; replacing the host is a decision (-replace)
  }
}

resource "aws_ssm_parameter" "mlflow_image" {
  # checkov:skip=CKV2_AWS_34:the name of an image is not a secret
  name           = "/${var.name}/mlflow/image"
  description    = "The image that the MLflow host runs, by digest; deployments write it."
  type           = "String"
  insecure_value = "none"

  lifecycle {
    ignore_changes = [insecure_value]
  }
}

# The only command that a deployment may run on the host: start the image that the parameter names.
resource "aws_ssm_document" "restart_mlflow" {
  name            = "${var.name}-restart-mlflow"
  document_type   = "Command"
  document_format = "JSON"
  content = jsonencode({
    schemaVersion = "2.2"
    description   = "Run the image that ${aws_ssm_parameter.mlflow_image.name} names."
    mainSteps = [{
      action = "aws:runShellScript"
      name   = "restart"
      inputs = { timeoutSeconds = "300", runCommand = ["systemctl restart mlflow.service"] }
    }]
  })
}

resource "aws_service_discovery_service" "mlflow" {
  name = "mlflow"

  dns_config {
    namespace_id = aws_service_discovery_private_dns_namespace.this.id
    dns_records {
      type = "A"
      ttl  = 30
    }
  }
}

resource "aws_service_discovery_instance" "mlflow" {
  service_id  = aws_service_discovery_service.mlflow.id
  instance_id = "mlflow"
  attributes  = { AWS_INSTANCE_IPV4 = aws_instance.mlflow.private_ip }
}
