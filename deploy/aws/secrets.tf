# The platform's passwords, derived from var.entropy, which is in neither plan nor state (ephemeral variable,
# write-only argument). They are written only when secrets_version changes.
locals {
  databases = toset(["airflow", "journal", "mlflow"]) # one user and one database each

  secret_names = setunion([for name in local.databases : "${name}-database"], [
    "airflow-fernet-key", # encrypts Airflow's connections: 32 bytes in URL-safe base64
    "airflow-jwt-secret", # signs requests between its components
    "airflow-password",   # of its one user
    "alert-urls",         # receivers of the watcher's alerts; set manually (docs/how-to/deploy-aws.md)
    "operator-key",       # opens the monitoring on the page
    "page-key",           # authenticates the page at the price service
    "release-key",        # authenticates the deployment, which requests a quote
    "service-keys",       # hashes of both; add other clients here (docs/how-to/deploy-aws.md)
  ])
  written_by_operators = toset(values(local.optional_secret_names))

  service_keys = { for client in ["page", "release"] : client => "carvalue.${client}.${sha256("${var.entropy}/${client}-key")}" }

  secret_values = merge(
    {
      for name in local.databases : "${name}-database" =>
      "postgresql://${name}:${sha256("${var.entropy}/${name}")}@${aws_db_instance.this.endpoint}/${name}" # the server accepts TLS only
    },
    {
      airflow-fernet-key = replace(replace(base64sha256("${var.entropy}/fernet"), "+", "-"), "/", "_")
      airflow-jwt-secret = sha256("${var.entropy}/jwt")
      airflow-password   = substr(sha256("${var.entropy}/airflow-ui"), 0, 32)
      alert-urls         = "console:"
      operator-key       = substr(sha256("${var.entropy}/operator"), 0, 32)
      service-keys       = join(",", [for client, key in local.service_keys : "${client} sha256:${sha256(key)}"])
    },
    { for client, key in local.service_keys : "${client}-key" => key },
  )
}

resource "aws_secretsmanager_secret" "this" {
  # checkov:skip=CKV2_AWS_57:secrets_version rotates them together with a deployment; a partial rotation would disconnect the platform from its database
  for_each = setunion(local.secret_names, local.written_by_operators)

  name                    = "${var.name}/${each.key}"
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = var.protect_data ? 30 : 0
}

resource "aws_secretsmanager_secret_version" "this" {
  for_each = local.secret_names

  secret_id                = aws_secretsmanager_secret.this[each.key].id
  secret_string_wo         = local.secret_values[each.key]
  secret_string_wo_version = each.key == "alert-urls" ? 1 : var.secrets_version # a password rotation keeps the receivers
}
