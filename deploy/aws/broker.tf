# The queue between Airflow's scheduler and its workers, only where there are workers. What is lost with it is queued again.
resource "aws_elasticache_replication_group" "broker" {
  # checkov:skip=CKV_AWS_31:without a password, which would be in the state; its security group accepts Airflow alone, whose database queues the same tasks
  # checkov:skip=CKV2_AWS_50:a second node doubles the price; a failed one is replaced within minutes
  count = local.workers > 0 ? 1 : 0

  replication_group_id       = "${var.name}-broker"
  description                = "Queue of the tasks of Airflow."
  engine                     = "valkey"
  engine_version             = "8.0"
  parameter_group_name       = "default.valkey8"
  node_type                  = "cache.t4g.micro"
  num_cache_clusters         = 1
  port                       = local.ports.broker
  subnet_group_name          = aws_elasticache_subnet_group.broker[0].name
  security_group_ids         = [aws_security_group.this["broker"].id]
  transit_encryption_enabled = true
  at_rest_encryption_enabled = true
  kms_key_id                 = aws_kms_key.this.arn
  apply_immediately          = true
}

resource "aws_elasticache_subnet_group" "broker" {
  count = local.workers > 0 ? 1 : 0

  name       = "${var.name}-broker"
  subnet_ids = [for subnet in aws_subnet.private : subnet.id]
}
