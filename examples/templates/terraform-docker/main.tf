# A container on the daemon's own host. Its home is a volume that stays through stops; the container itself
# is made anew by every start, since the agent's token changes with every build.

terraform {
  required_version = ">= 1.1"

  required_providers {
    docker = {
      source  = "kreuzwerker/docker"
      version = "~> 3.0"
    }
  }
}

variable "image" {
  description = "An image that holds Python and chattool."
  type        = string
}

variable "memory" {
  description = "Memory of the container, in MiB."
  type        = number
  default     = 1024
}

# Filled in by chattool for every build.
variable "chattool_workspace_id" { type = string }
variable "chattool_workspace_name" { type = string }
variable "chattool_workspace_transition" { type = string }
variable "chattool_server_url" { type = string }
variable "chattool_agent_token" {
  type      = string
  sensitive = true
}

locals {
  started = var.chattool_workspace_transition == "start"
  name    = "chattool-${lower(var.chattool_workspace_name)}-${substr(var.chattool_workspace_id, 0, 8)}"
}

resource "docker_volume" "home" {
  name = "${local.name}-home"
}

resource "docker_image" "workspace" {
  name         = var.image
  keep_locally = true
}

resource "docker_container" "workspace" {
  count    = local.started ? 1 : 0
  image    = docker_image.workspace.image_id
  name     = local.name
  hostname = lower(var.chattool_workspace_name)
  memory   = var.memory
  command  = ["chattool", "agent"]

  # The server of an embedded engine listens on the host's loopback address.
  network_mode = "host"

  env = [
    "CHATTOOL_SERVER_URL=${var.chattool_server_url}",
    "CHATTOOL_AGENT_TOKEN=${var.chattool_agent_token}",
    "CHATTOOL_AGENT_NAME=main",
    "CHATTOOL_WORKSPACE_DIRECTORY=/home/workspace",
  ]

  volumes {
    volume_name    = docker_volume.home.name
    container_path = "/home/workspace"
  }
}

output "agents" {
  value = [for _ in docker_container.workspace : { name = "main" }]
}

# Credits per day: the volume, and a credit for each 128 MiB of a container that runs.
output "daily_cost" {
  value = local.started ? 2 + var.memory / 128 : 2
}
