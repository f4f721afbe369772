"""Makes real infrastructure with Terraform, or with OpenTofu."""

from provisioner.provisioners.terraform.provisioner import TerraformProvisioner

__all__ = ["TerraformProvisioner"]
