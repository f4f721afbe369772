# A virtual machine on EC2. Its home is a volume that stays through stops; the machine itself is made anew by
# every start, since the agent's token changes with every build.

terraform {
  required_version = ">= 1.1"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 7.0"
    }
  }
}

variable "region" {
  description = "Region of the machines, such as eu-central-1."
  type        = string
}

variable "subnet_id" {
  description = "Subnet of the machines. They must reach the chattool server from there."
  type        = string

  validation {
    condition     = substr(var.subnet_id, 0, 7) == "subnet-"
    error_message = "A subnet's id begins with subnet-."
  }
}

variable "ami_id" {
  description = "Image of the machines: any Linux with cloud-init, Python and chattool."
  type        = string
}

variable "instance_type" {
  description = "Size of the machine."
  type        = string
  default     = "t3.small"
}

variable "home_size" {
  description = "Size of the home, in GiB."
  type        = number
  default     = 20
}

# Filled in by chattool for every build.
variable "chattool_workspace_id" { type = string }
variable "chattool_workspace_name" { type = string }
variable "chattool_workspace_owner" { type = string }
variable "chattool_workspace_transition" { type = string }
variable "chattool_server_url" { type = string }
variable "chattool_agent_token" {
  type      = string
  sensitive = true
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      chattool_workspace    = var.chattool_workspace_name
      chattool_workspace_id = var.chattool_workspace_id
      chattool_owner        = var.chattool_workspace_owner
    }
  }
}

locals {
  started       = var.chattool_workspace_transition == "start"
  machine_costs = { "t3.small" = 10, "t3.large" = 35, "m6i.xlarge" = 80 }

  user_data = <<-EOT
    #!/bin/sh
    set -eu
    # The name of the device differs between kinds of machines; its serial number does not.
    serial=$(echo '${aws_ebs_volume.home.id}' | tr -d -)
    device="/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_$serial"
    for _ in $(seq 60); do [ -e "$device" ] && break; sleep 1; done
    blkid "$device" || mkfs.ext4 -q "$device"
    mkdir -p /home/workspace
    mount "$device" /home/workspace
    export CHATTOOL_SERVER_URL='${var.chattool_server_url}'
    export CHATTOOL_AGENT_TOKEN='${var.chattool_agent_token}'
    export CHATTOOL_AGENT_NAME=main CHATTOOL_WORKSPACE_DIRECTORY=/home/workspace
    nohup chattool agent </dev/null >/var/log/chattool-agent.log 2>&1 &
  EOT
}

data "aws_subnet" "workspace" {
  id = var.subnet_id
}

resource "aws_ebs_volume" "home" {
  availability_zone = data.aws_subnet.workspace.availability_zone
  size              = var.home_size
  type              = "gp3"
  encrypted         = true
}

resource "aws_instance" "workspace" {
  count                       = local.started ? 1 : 0
  ami                         = var.ami_id
  instance_type               = var.instance_type
  subnet_id                   = var.subnet_id
  user_data                   = local.user_data
  user_data_replace_on_change = true

  root_block_device {
    encrypted = true
  }

  # The token stands in the user data: only the machine itself may ask for it, and only from the host.
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
}

resource "aws_volume_attachment" "home" {
  count       = local.started ? 1 : 0
  device_name = "/dev/sdh"
  volume_id   = aws_ebs_volume.home.id
  instance_id = aws_instance.workspace[0].id

  # A home that is still mounted could lose what was written last.
  stop_instance_before_detaching = true
}

output "agents" {
  value = [for _ in aws_instance.workspace : { name = "main", connection_timeout_seconds = 600 }]
}

# Credits per day: the home, and the machine while it runs.
output "daily_cost" {
  value = ceil(var.home_size / 10) + (local.started ? local.machine_costs[var.instance_type] : 0)
}

output "instance_id" {
  value = one(aws_instance.workspace[*].id)
}
