terraform {
  required_version = "~> 1.11" # write-only arguments keep passwords out of the state

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }

  # The bucket is given at `terraform init -backend-config=...`; docs/how-to/deploy-aws.md describes how to create it.
  backend "s3" {
    key          = "carvalue/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { Project = var.name, ManagedBy = "terraform" }
  }
}

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_availability_zones" "this" {
  # checkov:skip=CKV_AWS_394:the first two names are used, and a zone that is added later sorts after them
  state = "available"

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"] # no local zones, which have neither RDS nor Fargate
  }
}

locals {
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  zones     = slice(data.aws_availability_zones.this.names, 0, 2) # a load balancer and RDS need two
}
