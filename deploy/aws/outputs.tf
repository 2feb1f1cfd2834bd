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
    mlflow  = "aws ssm start-session --target ${aws_instance.mlflow.id} --document-name AWS-StartPortForwardingSession --parameters portNumber=5000,localPortNumber=5000"
    watcher = "aws ssm start-session --target ${aws_instance.mlflow.id} --document-name AWS-StartPortForwardingSessionToRemoteHost --parameters host=watcher.${local.inside},portNumber=9697,localPortNumber=9697"
    airflow = "aws ssm start-session --target ${aws_instance.mlflow.id} --document-name AWS-StartPortForwardingSessionToRemoteHost --parameters host=airflow.${aws_service_discovery_private_dns_namespace.this.name},portNumber=8080,localPortNumber=8080"
  }
}
