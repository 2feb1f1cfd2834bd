locals {
  behind_edge = {
    service = {
      ready = "/readyz"           # only a service with a model gets traffic
      paths = local.service_paths # routes.tf.json
    }
    page = { ready = "/_stcore/health", paths = [] } # everything else
  }
}

resource "aws_lb" "this" {
  # checkov:skip=CKV2_AWS_28:a web application firewall costs at least 8 dollars a month; the service validates sizes and schema itself, and allowed_cidrs limits the clients
  # checkov:skip=CKV_AWS_150:set by protect_data, which is true by default
  name                       = var.name
  load_balancer_type         = "application"
  internal                   = false
  subnets                    = [for subnet in aws_subnet.public : subnet.id]
  security_groups            = [aws_security_group.this["edge"].id]
  drop_invalid_header_fields = true
  enable_deletion_protection = var.protect_data

  access_logs {
    bucket  = aws_s3_bucket.this["access"].id
    prefix  = "edge"
    enabled = true
  }

  depends_on = [aws_s3_bucket_policy.this]
}

resource "aws_lb_target_group" "this" {
  # checkov:skip=CKV_AWS_378:TLS ends at the load balancer; security groups accept only the load balancer behind it
  for_each = local.behind_edge

  name                 = "${var.name}-${each.key}"
  vpc_id               = aws_vpc.this.id
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = local.ports[each.key]
  deregistration_delay = 30

  health_check {
    path                = each.value.ready
    matcher             = "200"
    interval            = 15
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }

  dynamic "stickiness" {
    for_each = each.key == "page" ? [3600] : [] # a Streamlit session lives in one process

    content {
      type            = "lb_cookie"
      cookie_duration = stickiness.value
    }
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this["page"].arn
  }
}

resource "aws_lb_listener_rule" "service" {
  for_each = { for number, paths in chunklist(local.behind_edge["service"].paths, 5) : number => paths } # a rule accepts five paths

  listener_arn = aws_lb_listener.https.arn
  priority     = 10 + each.key

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this["service"].arn
  }
  condition {
    path_pattern {
      values = each.value
    }
  }
}
