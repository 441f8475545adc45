variable "site" {
  description = "Name of the site; part of the name of everything that is made."
  type        = string
}

variable "subnet" {
  description = "The private network."
  type        = string
}

variable "nodes" {
  description = "Address of each machine by its name."
  type        = map(string)
}

variable "supply_address" {
  description = "Address of the image mirror and the git server on the private network."
  type        = string
}

variable "floating_address" {
  description = "Loopback address at which node1's ports are published."
  type        = string

  validation {
    condition     = startswith(var.floating_address, "127.")
    error_message = "The local site publishes to loopback only: use an address in 127.0.0.0/8."
  }
}

variable "ports" {
  description = "Ports of node1 that are published at the floating address."
  type        = list(number)
}

variable "node_image" {
  description = "Image of a machine in the local container store."
  type        = string
}

variable "supply_image" {
  description = "Image of the mirror and git server in the local container store."
  type        = string
}

variable "mirror" {
  description = "Folder of images that the mirror serves."
  type        = string
}

variable "git" {
  description = "Folder of git repositories that the git server serves."
  type        = string
}

variable "authorized_keys" {
  description = "File of public keys that may log in to the machines."
  type        = string
}
