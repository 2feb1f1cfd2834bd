output "address" {
  description = "Point the certificate's name (CNAME or alias) here."
  value       = aws_lb.this.dns_name
}

output "deploy_role_arn" {
  description = "Repository variable AWS_DEPLOY_ROLE_ARN of the GitHub environment."
  value       = aws_iam_role.deploy.arn
}

output "artifacts_bucket" {
  description = "Bucket in which MLflow stores models."
  value       = aws_s3_bucket.this["artifacts"].id
}

output "repositories" {
  description = "Repositories to push images to."
  value       = { for image, repository in aws_ecr_repository.this : image => repository.repository_url }
}

output "database_address" {
  description = "PostgreSQL, reachable only from the private network."
  value       = aws_db_instance.this.address
}

output "tunnels" {
  description = "Commands that open a tunnel to a private service."
  value = {
    for part in ["mlflow", "watcher", "airflow"] : part => join(" ", [
      "aws ssm start-session --target ${aws_instance.host.id} --document-name AWS-StartPortForwardingSessionToRemoteHost",
      "--parameters host=${part}.${local.inside},portNumber=${local.ports[part]},localPortNumber=${local.ports[part]}",
    ])
  }
}
