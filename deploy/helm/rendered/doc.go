// SPDX-License-Identifier: MPL-2.0

// Package rendered renders the Helm chart with Helm, and decodes the objects as Kubernetes does. It is a separate
// module, so that the types of Kubernetes are not dependencies of the program.
package rendered
