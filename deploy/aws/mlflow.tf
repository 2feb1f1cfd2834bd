# The operators' host, without a public address or open SSH. They connect through Session Manager, which authenticates
# them with IAM and logs sessions; `terraform output tunnels` prints the commands. MLflow runs on it unless sizes.mlflow
# puts it on Fargate.
locals {
  mlflow_on_host = local.sizes["mlflow"].copies == 0
  mlflow_hosts   = "mlflow.${local.inside}:5000,localhost:5000,127.0.0.1:5000" # with which MLflow accepts requests
}

data "aws_ssm_parameter" "linux" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
}

resource "aws_instance" "host" {
  # checkov:skip=CKV_AWS_126:status checks run every minute without it; five minutes are enough for the other metrics of one host
  ami                         = data.aws_ssm_parameter.linux.value
  instance_type               = var.mlflow_instance_type
  subnet_id                   = aws_subnet.private[local.zones[0]].id
  vpc_security_group_ids      = [for name in local.mlflow_on_host ? ["host", "mlflow"] : ["host"] : aws_security_group.this[name].id]
  iam_instance_profile        = aws_iam_instance_profile.host.name
  ebs_optimized               = true
  user_data_replace_on_change = true # the host has no state: runs are in PostgreSQL, artifacts in S3

  user_data = !local.mlflow_on_host ? "#cloud-config\n" : templatefile("${path.module}/mlflow-host.yaml", {
    name      = var.name
    region    = var.region
    registry  = split("/", aws_ecr_repository.this["mlflow"].repository_url)[0]
    image     = aws_ssm_parameter.mlflow_image.name
    secret    = aws_secretsmanager_secret.this["mlflow-database"].arn
    artifacts = local.artifacts
    hosts     = local.mlflow_hosts
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

  tags = { Name = "${var.name}-host" }

  lifecycle {
    ignore_changes = [ami] # a new image appears every few days; replacing the host is a decision (-replace)
  }
}

moved {
  from = aws_instance.mlflow
  to   = aws_instance.host
}

resource "aws_ssm_parameter" "mlflow_image" {
  # checkov:skip=CKV2_AWS_34:the name of an image is not a secret
  name           = "/${var.name}/mlflow/image"
  description    = "The image that the MLflow host runs, by digest; deployments write it."
  type           = "String"
  insecure_value = lookup(local.deployed_images, "mlflow", "none")

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

resource "aws_service_discovery_instance" "mlflow" {
  count = local.mlflow_on_host ? 1 : 0 # ECS registers its tasks itself

  service_id  = aws_service_discovery_service.this["mlflow"].id
  instance_id = "mlflow"
  attributes  = { AWS_INSTANCE_IPV4 = aws_instance.host.private_ip }
}
