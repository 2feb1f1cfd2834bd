# The platform's passwords, derived from var.entropy: a value that exists while Terraform runs and reaches neither plan
# nor state (ephemeral variable, write-only argument). They are written when secrets_version changes, and only then.
locals {
  databases = toset(["airflow", "journal", "mlflow"]) # a user and a database each

  secret_names = setunion([for name in local.databases : "${name}-database"], [
    "airflow-fernet-key", # encrypts Airflow's connections: 32 bytes in URL-safe base64
    "airflow-jwt-secret", # signs what its parts say to each other
    "airflow-password",   # of its one user
    "alert-urls",         # whom the watcher tells; receivers are put in by hand (docs/how-to/deploy-aws.md)
    "page-key",           # by which the price service knows the page
    "release-key",        # by which it knows the deployment that asks it for a price
    "service-keys",       # what it keeps of both; other clients are added here (docs/how-to/deploy-aws.md)
  ])

  service_keys = { for client in ["page", "release"] : client => "carvalue.${client}.${sha256("${var.entropy}/${client}-key")}" }

  secret_values = merge(
    {
      for name in local.databases : "${name}-database" =>
      "postgresql://${name}:${sha256("${var.entropy}/${name}")}@${aws_db_instance.this.endpoint}/${name}" # TLS: the server refuses anything else
    },
    {
      airflow-fernet-key = replace(replace(base64sha256("${var.entropy}/fernet"), "+", "-"), "/", "_")
      airflow-jwt-secret = sha256("${var.entropy}/jwt")
      airflow-password   = substr(sha256("${var.entropy}/airflow-ui"), 0, 32)
      alert-urls         = "console:"
      service-keys       = join(",", [for client, key in local.service_keys : "${client} sha256:${sha256(key)}"])
    },
    { for client, key in local.service_keys : "${client}-key" => key },
  )
}

resource "aws_secretsmanager_secret" "this" {
  # checkov:skip=CKV2_AWS_57:secrets_version rotates them together with a deployment; half a rotation would cut the platform off its database
  for_each = local.secret_names

  name                    = "${var.name}/${each.key}"
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = var.protect_data ? 30 : 0
}

resource "aws_secretsmanager_secret_version" "this" {
  for_each = aws_secretsmanager_secret.this

  secret_id                = each.value.id
  secret_string_wo         = local.secret_values[each.key]
  secret_string_wo_version = each.key == "alert-urls" ? 1 : var.secrets_version # new passwords are no reason to fall silent
}
